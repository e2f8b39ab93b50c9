# Production: the same as staging, in three zones, any one of which may fail.

locals {
  name = "sitepush-production"

  tags = {
    project     = "sitepush"
    environment = "production"
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
  cidr_block            = "10.30.0.0/16"
  zone_count            = 3
  nat                   = "one_per_zone"
  interface_endpoints   = var.interface_endpoints
  use_spot              = false
  enable_waf            = true
  deletion_protection   = var.deletion_protection
  notification_emails   = var.notification_emails
  monthly_budget_usd    = var.monthly_budget_usd
  state_bucket_name     = var.state_bucket_name
  github                = var.github
  additional_site_names = var.additional_site_names

  database = {
    instance_class        = "db.t4g.small"
    multi_az              = true
    backup_retention_days = 14
  }

  cache = {
    node_type     = "cache.t4g.small"
    replica_count = 1
  }

  containers = {
    min = 2
    max = 6
  }

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}
