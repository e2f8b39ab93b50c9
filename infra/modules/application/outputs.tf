output "url" {
  description = "Where the site is."
  value       = "https://${var.domain_name}/"
}

output "site" {
  description = "What sitepush.toml wants of this target."
  value = {
    bucket          = module.site.bucket_name
    distribution    = module.site.distribution_id
    key_value_store = module.site.key_value_store_arn
  }
}

output "repository_urls" {
  description = "Where to push each service's image, by service."
  value       = module.registry.repository_urls
}

output "cluster_name" {
  description = "The cluster, as ECS calls it."
  value       = module.services.cluster_name
}

output "running_services" {
  description = "The services that have containers."
  value       = module.services.service_names
}

output "task_definition_arns" {
  description = "The revision that each service was told to run."
  value       = module.services.task_definition_arns
}

output "deploy_role_arn" {
  description = "The role that CI takes."
  value       = module.deploy_role.role_arn
}

output "name_servers" {
  description = "What the parent zone must name, where the zone is new."
  value       = module.dns.name_servers
}

output "nat_public_ips" {
  description = "The addresses that others see the containers come from."
  value       = module.network.nat_public_ips
}

output "generated_secret_arns" {
  description = "The secrets that were made for services, by service and variable: the guestbook's MODERATION_TOKEN lets its bearer moderate."
  value = {
    for service in distinct(values(local.generated_secrets)[*].service) : service => {
      for key, secret in local.generated_secrets : secret.variable => aws_secretsmanager_secret.generated[key].arn if secret.service == service
    }
  }
}

output "dashboard_name" {
  description = "The dashboard in CloudWatch."
  value       = module.observability.dashboard_name
}

output "interface_endpoints" {
  description = "The AWS services that containers reach inside the VPC, sorted."
  value       = module.network.interface_endpoints
}

output "resilience" {
  description = "What stands against an outage, an attack and a slip of the hand."
  value = {
    database_has_standby       = module.database.has_standby
    cache_replica_count        = module.cache.replica_count
    min_counts                 = module.services.min_counts
    has_firewall               = module.site.has_firewall
    database_is_protected      = module.database.has_deletion_protection
    load_balancer_is_protected = module.services.has_deletion_protection
  }
}

output "monthly_budget_usd" {
  description = "The costs in a month that somebody is told of, in US dollars; null for no budget."
  value       = module.observability.monthly_budget_usd
}
