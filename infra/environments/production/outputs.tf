output "url" {
  description = "Where the site is."
  value       = module.application.url
}

output "site" {
  description = "What sitepush.toml wants of this target."
  value       = module.application.site
}

output "repository_urls" {
  description = "Where to push each service's image, by service."
  value       = module.application.repository_urls
}

output "cluster_name" {
  description = "The cluster, as ECS calls it."
  value       = module.application.cluster_name
}

output "running_services" {
  description = "The services that have containers."
  value       = module.application.running_services
}

output "task_definition_arns" {
  description = "The revision that each service was told to run."
  value       = module.application.task_definition_arns
}

output "deploy_role_arn" {
  description = "The role that CI takes."
  value       = module.application.deploy_role_arn
}

output "name_servers" {
  description = "What the parent zone must name, where the zone is new."
  value       = module.application.name_servers
}

output "nat_public_ips" {
  description = "The addresses that others see the containers come from."
  value       = module.application.nat_public_ips
}

output "generated_secret_arns" {
  description = "The secrets that were made for services, by service and variable: the guestbook's MODERATION_TOKEN lets its bearer moderate."
  value       = module.application.generated_secret_arns
}

output "dashboard_name" {
  description = "The dashboard in CloudWatch."
  value       = module.application.dashboard_name
}
