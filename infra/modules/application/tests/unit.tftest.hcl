# Plans the whole stack against mocks: no account, no network. What each module promises is tested there; here it is that
# they fit together.

mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  name                = "example-test"
  images              = {}
  domain_name         = "test.example.com"
  zone_name           = "example.com"
  create_zone         = false
  cidr_block          = "10.20.0.0/16"
  nat                 = "one"
  database            = { instance_class = "db.t4g.micro", multi_az = false, backup_retention_days = 7 }
  cache               = { node_type = "cache.t4g.micro", replica_count = 0 }
  containers          = { min = 1, max = 2 }
  use_spot            = true
  enable_waf          = false
  deletion_protection = false
  notification_emails = ["ops@example.com"]
  github              = { repository = "example/site", environment = null, create_oidc_provider = true }
  state_bucket_name   = "example-state"
}

run "the_first_deploy_makes_everything_but_containers" {
  command = plan

  assert {
    condition     = output.running_services == tolist([]) || length(output.running_services) == 0
    error_message = "Without images nothing runs."
  }

  assert {
    condition     = keys(output.repository_urls) == keys(local.services) && alltrue([for name in ["counter", "guestbook"] : contains(keys(local.services), name)])
    error_message = "The images have somewhere to go."
  }
}

run "a_release_names_an_image_for_each_service" {
  command = plan

  variables {
    images = {
      guestbook = "example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001"
      counter   = "example/counter@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    }
  }

  assert {
    condition     = toset(output.running_services) == toset(["counter", "guestbook"])
    error_message = "Both services run."
  }
}

run "every_part_lies_in_its_tier" {
  command = plan

  variables {
    images = {
      guestbook = "example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001"
      counter   = "example/counter@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    }
  }

  override_resource {
    target          = module.network.aws_subnet.public
    override_during = plan
    values          = { id = "subnet-public" }
  }

  override_resource {
    target          = module.network.aws_subnet.private
    override_during = plan
    values          = { id = "subnet-private" }
  }

  override_resource {
    target          = module.network.aws_subnet.database
    override_during = plan
    values          = { id = "subnet-database" }
  }

  assert {
    condition     = module.services.load_balancer_subnet_ids == toset(["subnet-public"])
    error_message = "The load balancer lies where the internet reaches it."
  }

  assert {
    condition     = module.services.container_subnet_ids == { counter = toset(["subnet-private"]), guestbook = toset(["subnet-private"]) }
    error_message = "Containers lie where nothing reaches in, and reach out through NAT."
  }

  assert {
    condition     = module.database.subnet_ids == toset(["subnet-database"]) && module.cache.subnet_ids == toset(["subnet-database"])
    error_message = "The database and the cache lie where nothing leads out."
  }
}

run "a_store_is_reached_by_the_services_that_use_it" {
  command = plan

  override_resource {
    target          = module.services.aws_security_group.service["guestbook"]
    override_during = plan
    values          = { id = "sg-guestbook" }
  }

  override_resource {
    target          = module.services.aws_security_group.service["counter"]
    override_during = plan
    values          = { id = "sg-counter" }
  }

  assert {
    condition     = lookup(module.database.client_security_group_ids, "guestbook", null) == "sg-guestbook" && !contains(values(module.database.client_security_group_ids), "sg-counter")
    error_message = "The guestbook reaches the database, and the counter does not."
  }

  assert {
    condition     = lookup(module.cache.client_security_group_ids, "counter", null) == "sg-counter" && !contains(values(module.cache.client_security_group_ids), "sg-guestbook")
    error_message = "The counter reaches the cache, and the guestbook does not."
  }
}

run "every_service_has_a_rule_of_its_own" {
  command = plan

  assert {
    condition     = length(distinct(values(local.services)[*].priority)) == length(local.services) && alltrue([for service in values(local.services) : alltrue([for path in service.paths : startswith(path, "/api/")])])
    error_message = "CloudFront sends /api/ to the services, so their paths lie there, in an order that is given."
  }
}

run "a_service_is_told_of_the_stores_that_it_uses_and_of_no_others" {
  command = plan

  assert {
    condition     = contains(keys(local.environment["guestbook"]), "DATABASE_HOST") && !contains(keys(local.environment["guestbook"]), "REDIS_HOST") && toset(keys(local.secrets["guestbook"])) == toset(["DATABASE_PASSWORD", "MODERATION_TOKEN"])
    error_message = "The guestbook knows the database and its token."
  }

  assert {
    condition     = contains(keys(local.environment["counter"]), "REDIS_HOST") && toset(keys(local.secrets["counter"])) == toset(["REDIS_PASSWORD"])
    error_message = "The counter knows the cache, and nobody's token."
  }
}

run "a_service_is_told_what_it_trusts" {
  command = plan

  assert {
    condition     = alltrue([for name in keys(local.services) : local.environment[name].SITE_ORIGIN == "https://test.example.com"])
    error_message = "Pages of the site may call, and pages of no other origin."
  }

  assert {
    condition     = lookup(local.environment["guestbook"], "DATABASE_CA_FILE", null) == "/etc/ssl/certs/rds.pem"
    error_message = "The database proves itself by RDS's own authority, which the image brings."
  }
}

run "every_role_is_made_under_the_deploy_roles_boundary" {
  command = plan

  override_resource {
    target          = module.deploy_role.aws_iam_policy.boundary
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:policy/deploy/example-test-boundary" }
  }

  assert {
    condition     = toset(concat([module.network.permissions_boundary_arn, module.database.permissions_boundary_arn], values(module.services.permissions_boundary_arns))) == toset(["arn:aws:iam::123456789012:policy/deploy/example-test-boundary"])
    error_message = "Whoever deploys could make no role without it."
  }
}

run "whoever_moderates_is_told_where_the_token_is" {
  command = plan

  override_resource {
    target          = aws_secretsmanager_secret.generated
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:example-test/moderation-token-1" }
  }

  assert {
    condition     = output.generated_secret_arns["guestbook"] == { MODERATION_TOKEN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:example-test/moderation-token-1" }
    error_message = "The output names the secret, not what is in it."
  }
}

run "what_a_service_says_of_itself_is_understood" {
  command = plan

  assert {
    condition     = alltrue([for description in values(local.descriptions) : length(setsubtract(keys(description), ["port", "priority", "paths", "hosts", "health_path", "health_grace_seconds", "cpu", "memory_mib", "stores", "generated_secrets"])) == 0])
    error_message = "A member of a service.json is not known."
  }
}

run "the_load_balancer_has_a_name_that_visitors_never_see" {
  command = plan

  variables {
    additional_site_names = ["www.test.example.com"]
  }

  assert {
    condition     = local.load_balancer_names == toset(["origin.test.example.com"]) && local.site_names == toset(["test.example.com", "www.test.example.com"])
    error_message = "CloudFront asks under a name of its own; the site has both of its names."
  }

  assert {
    condition     = output.url == "https://test.example.com/"
    error_message = "The main name is the site's address."
  }
}

run "an_image_of_an_unknown_service_is_refused" {
  command = plan

  variables {
    images = { gustbook = "example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001" }
  }

  expect_failures = [var.images]
}

run "a_name_too_long_for_its_services_is_refused" {
  command = plan

  variables {
    name = "a-name-of-twenty-three-x"
  }

  expect_failures = [var.name]
}
