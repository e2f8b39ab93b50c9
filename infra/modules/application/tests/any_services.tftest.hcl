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
