# Staging: the same as production, as small as it can be. An outage of a zone is an outage of staging.

locals {
  name = "sitepush-staging"

  tags = {
    project     = "sitepush"
    environment = "staging"
    managed_by  = "terraform"
  }
}

module "application" {
  source = "../../modules/application"

  name                  = local.name
  images                = var.images
  domain_name           = var.domain_name
  zone_name             = var.zone_name
  create_zone           = var.create_zone
  cidr_block            = "10.20.0.0/16"
  nat                   = "one"
  interface_endpoints   = var.interface_endpoints
  use_spot              = true
  enable_waf            = false
  deletion_protection   = var.deletion_protection
  notification_emails   = var.notification_emails
  monthly_budget_usd    = var.monthly_budget_usd
  state_bucket_name     = var.state_bucket_name
  github                = var.github
  additional_site_names = []

  database = {
    instance_class        = "db.t4g.micro"
    multi_az              = false
    backup_retention_days = 1
  }

  cache = {
    node_type     = "cache.t4g.micro"
    replica_count = 0
  }

  containers = {
    min = 1
    max = 2
  }

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}
