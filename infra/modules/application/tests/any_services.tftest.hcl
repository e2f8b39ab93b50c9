# What holds whatever services there are: run with those of this repository, and with none of them.

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

run "no_service_is_needed_by_name" {
  command = plan

  assert {
    condition     = length(local.services) > 0 && keys(output.repository_urls) == keys(local.services)
    error_message = "Each folder with a service.json is a service, and no other."
  }

  assert {
    condition = { for service, secrets in output.generated_secret_arns : service => toset(keys(secrets)) } == {
      for service, description in local.descriptions : service => toset(description.generated_secrets) if length(try(description.generated_secrets, [])) > 0
    }
    error_message = "Each secret that a service asks for is told, and no other."
  }
}

# Where no service has hosts, there is one name, and CloudFront alone gets in: `cargo xtask test --only infra` plans it with some, too.
run "names_of_services_lead_to_them_from_the_record_to_the_rule" {
  command = plan

  assert {
    condition     = module.services.hosts == { for service, description in local.descriptions : service => toset(description.hosts) if length(try(description.hosts, [])) > 0 }
    error_message = "Each service's rule asks for the hosts that its service.json says."
  }

  assert {
    condition     = module.dns.load_balancer_record_names == setunion(["origin.test.example.com"], flatten([for description in values(local.descriptions) : try(description.hosts, [])]))
    error_message = "Each host has a record that points at the load balancer, beside the one that CloudFront asks."
  }

  assert {
    condition     = module.dns.load_balancer_certificate_names == module.dns.load_balancer_record_names
    error_message = "The load balancer's certificate is for all of them."
  }

  assert {
    condition     = module.services.accept_from == (anytrue([for description in values(local.descriptions) : length(try(description.hosts, [])) > 0]) ? "internet" : "cloudfront")
    error_message = "Everybody gets in where a service has a name of its own, and CloudFront alone otherwise."
  }

  assert {
    condition     = sort(regexall("https://[^ ;]+", module.site.content_security_policy)) == sort(flatten([for description in values(local.descriptions) : [for host in try(description.hosts, []) : "https://${host}"]]))
    error_message = "The site's pages may call each of them, and nobody else."
  }
}
