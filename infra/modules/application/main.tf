# The whole application, out of the other modules. An environment calls this one and says how large, and what it is called.
#
# The modules refer to each other both ways (the distribution needs the certificate, its record needs the distribution).
# Terraform orders resources, not modules, so that is no circle.

locals {
  # CloudFront asks the load balancer under this name; visitors never see it.
  origin_name = "origin.${var.domain_name}"

  site_names          = setunion([var.domain_name], var.additional_site_names)
  service_hosts       = toset(flatten([for service in values(local.services) : service.hosts]))
  load_balancer_names = setunion([local.origin_name], local.service_hosts)
}

module "network" {
  source = "../network"

  name                     = var.name
  cidr_block               = var.cidr_block
  zone_count               = var.zone_count
  nat                      = var.nat
  interface_endpoints      = var.interface_endpoints
  permissions_boundary_arn = module.deploy_role.permissions_boundary_arn
  tags                     = var.tags
}

module "site" {
  source = "../site"

  name           = var.name
  enable_waf     = var.enable_waf
  api_origin     = local.origin_name
  not_found_page = "/404.html"

  # Pages of the site may call services under names of their own, too.
  connect_origins = [for host in local.service_hosts : "https://${host}"]

  tags = var.tags

  domain = {
    names           = local.site_names
    certificate_arn = module.dns.site_certificate_arn
  }

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}

module "registry" {
  source = "../registry"

  name          = var.name
  service_names = keys(local.services)
  tags          = var.tags
}

module "dns" {
  source = "../dns"

  zone_name           = var.zone_name
  create_zone         = var.create_zone
  site_names          = local.site_names
  load_balancer_names = local.load_balancer_names
  tags                = var.tags

  site_target = {
    domain_name    = module.site.distribution_domain_name
    hosted_zone_id = module.site.distribution_hosted_zone_id
  }

  load_balancer_target = {
    domain_name    = module.services.load_balancer_domain_name
    hosted_zone_id = module.services.load_balancer_hosted_zone_id
  }

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}

module "database" {
  source = "../database"

  name                      = var.name
  vpc_id                    = module.network.vpc_id
  subnet_ids                = module.network.database_subnet_ids
  client_security_group_ids = { for name, service in local.services : name => module.services.security_group_ids[name] if contains(service.stores, "database") }
  instance_class            = var.database.instance_class
  multi_az                  = var.database.multi_az
  backup_retention_days     = var.database.backup_retention_days
  deletion_protection       = var.deletion_protection
  permissions_boundary_arn  = module.deploy_role.permissions_boundary_arn
  tags                      = var.tags
}

module "cache" {
  source = "../cache"

  name                      = var.name
  vpc_id                    = module.network.vpc_id
  subnet_ids                = module.network.database_subnet_ids
  client_security_group_ids = { for name, service in local.services : name => module.services.security_group_ids[name] if contains(service.stores, "cache") }
  node_type                 = var.cache.node_type
  replica_count             = var.cache.replica_count
  tags                      = var.tags
}

module "services" {
  source = "../services"

  name                     = var.name
  vpc_id                   = module.network.vpc_id
  public_subnet_ids        = module.network.public_subnet_ids
  private_subnet_ids       = module.network.private_subnet_ids
  certificate_arn          = module.dns.load_balancer_certificate_arn
  access_log_bucket_name   = module.observability.log_bucket_name
  origin_header            = module.site.origin_header
  accept_from              = length(local.service_hosts) > 0 ? "internet" : "cloudfront"
  use_spot                 = var.use_spot
  deletion_protection      = var.deletion_protection
  permissions_boundary_arn = module.deploy_role.permissions_boundary_arn
  tags                     = var.tags

  services = {
    for name, service in local.services : name => merge(service, {
      image          = lookup(var.images, name, null)
      repository_arn = module.registry.repository_arns[name]
      log_group      = module.observability.log_groups[name]
      environment    = lookup(local.environment, name, {})
      secrets        = lookup(local.secrets, name, {})
    })
  }
}

module "observability" {
  source = "../observability"

  name                = var.name
  notification_emails = var.notification_emails
  monthly_budget_usd  = var.monthly_budget_usd
  service_names       = keys(local.services)
  cache_node_ids      = module.cache.node_ids
  database            = { identifier = module.database.identifier }
  tags                = var.tags

  site = {
    distribution_id = module.site.distribution_id
    certificate_arn = module.dns.site_certificate_arn
  }

  load_balancer = {
    arn_suffix                = module.services.load_balancer_arn_suffix
    target_group_arn_suffixes = module.services.target_group_arn_suffixes
    cluster_name              = module.services.cluster_name
    certificate_arn           = module.dns.load_balancer_certificate_arn
  }

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}

module "deploy_role" {
  source = "../deploy_role"

  name                 = var.name
  repository           = var.github.repository
  github_environment   = var.github.environment
  create_oidc_provider = var.github.create_oidc_provider
  state_bucket_name    = var.state_bucket_name
  tags                 = var.tags
}
