# Plans the whole environment against mocks: no account, no network.

mock_provider "aws" {
  source = "../../mocks"
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  account_id          = "123456789012"
  region              = "eu-central-1"
  domain_name         = "example.com"
  zone_name           = "example.com"
  create_zone         = false
  notification_emails = ["ops@example.com"]
  state_bucket_name   = "example-state"
  github              = { repository = "example/site", environment = "production", create_oidc_provider = true }
  images              = {}
}

run "the_first_deploy_makes_everything_but_containers" {
  command = plan

  assert {
    condition     = length(output.running_services) == 0 && length(setsubtract(["counter", "guestbook"], keys(output.repository_urls))) == 0
    error_message = "There are repositories to push to, and nothing runs yet."
  }
}

run "a_release_runs_both_services" {
  command = plan

  variables {
    images = {
      guestbook = "example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001"
      counter   = "example/counter@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    }
  }

  assert {
    condition     = toset(output.running_services) == toset(["counter", "guestbook"])
    error_message = "Each service with an image runs."
  }
}

run "production_outlives_a_zone" {
  command = plan

  variables {
    images = {
      guestbook = "example/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001"
      counter   = "example/counter@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    }
  }

  assert {
    condition     = length(output.nat_public_ips) == 3
    error_message = "Each of three zones has a way out of its own."
  }

  assert {
    condition     = module.application.resilience.database_has_standby && module.application.resilience.cache_replica_count >= 1
    error_message = "Something takes over from the database and from the cache."
  }

  assert {
    condition     = keys(module.application.resilience.min_counts) == ["counter", "guestbook"] && alltrue([for count in values(module.application.resilience.min_counts) : count >= 2])
    error_message = "There are two containers of each service at least."
  }
}

run "production_has_a_firewall" {
  command = plan

  assert {
    condition     = module.application.resilience.has_firewall
    error_message = "A firewall stands before the site."
  }
}

run "production_is_protected_unless_told_otherwise" {
  command = plan

  assert {
    condition     = module.application.resilience.database_is_protected && module.application.resilience.load_balancer_is_protected
    error_message = "AWS refuses to delete the database and the load balancer."
  }
}

run "containers_reach_aws_services_inside_the_vpc_when_asked_for" {
  command = plan

  variables {
    interface_endpoints = ["secretsmanager", "ecr.dkr"]
  }

  assert {
    condition     = module.application.interface_endpoints == tolist(["ecr.dkr", "secretsmanager"])
    error_message = "The services that are named have endpoints."
  }
}

run "production_can_be_taken_down_when_told" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !module.application.resilience.database_is_protected && !module.application.resilience.load_balancer_is_protected
    error_message = "The variable turns both protections off."
  }
}

run "the_example_has_somebody_told_of_the_costs" {
  command = plan

  variables {
    monthly_budget_usd = tonumber(one(regex("(?m)^monthly_budget_usd += ([0-9]+)", file("terraform.tfvars.example"))))
  }

  assert {
    condition     = module.application.monthly_budget_usd == 400
    error_message = "The example's budget is one of AWS's."
  }
}

run "no_budget_unless_asked_for" {
  command = plan

  assert {
    condition     = module.application.monthly_budget_usd == null
    error_message = "An account has one budget, and one environment of several sets it."
  }
}

run "everything_is_tagged_with_its_environment" {
  command = plan

  assert {
    condition     = local.tags == { project = "sitepush", environment = "production", managed_by = "terraform" }
    error_message = "The provider gives these tags to everything."
  }
}

run "an_account_that_is_a_number_too_short_is_refused" {
  command = plan

  variables {
    account_id = "12345678901"
  }

  expect_failures = [var.account_id]
}

run "a_region_whose_databases_the_guestbook_does_not_trust_is_refused" {
  command = plan

  variables {
    region = "il-central-1"
  }

  expect_failures = [var.region]
}
