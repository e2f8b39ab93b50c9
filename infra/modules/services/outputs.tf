output "cluster_name" {
  description = "The cluster, as ECS and its metrics call it."
  value       = aws_ecs_cluster.this.name
}

output "service_names" {
  description = "The services that have containers, as ECS and its metrics call them."
  value       = keys(local.running)
}

output "task_definition_arns" {
  description = "The revision that each service was told to run."
  value       = { for name, definition in aws_ecs_task_definition.this : name => definition.arn }
}

output "security_group_ids" {
  description = "The containers' security groups, by service: for the ways into databases and caches."
  value       = { for name, group in aws_security_group.service : name => group.id }
}

output "load_balancer_domain_name" {
  description = "The load balancer's own host name, which records point at."
  value       = aws_lb.public.dns_name
}

output "load_balancer_hosted_zone_id" {
  description = "The load balancer's hosted zone, which alias records name."
  value       = aws_lb.public.zone_id
}

output "load_balancer_arn_suffix" {
  description = "The load balancer, as its metrics call it."
  value       = aws_lb.public.arn_suffix
}

output "target_group_arn_suffixes" {
  description = "The target groups, as their metrics call them, by service."
  value       = { for name, group in aws_lb_target_group.this : name => group.arn_suffix }
}

output "min_counts" {
  description = "Containers of each service that runs, at least, by service."
  value       = { for name, target in aws_appautoscaling_target.this : name => target.min_capacity }
}

output "has_deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  value       = aws_lb.public.enable_deletion_protection
}

output "permissions_boundary_arns" {
  description = "The permissions boundary of each service's role, by service; null for none."
  value       = { for name, role in aws_iam_role.execution : name => role.permissions_boundary }
}

output "load_balancer_subnet_ids" {
  description = "The subnets that the load balancer lies in."
  value       = aws_lb.public.subnets
}

output "container_subnet_ids" {
  description = "The subnets that containers lie in, by service that has some."
  value       = { for name, service in aws_ecs_service.this : name => one(service.network_configuration).subnets }
}

output "accept_from" {
  description = "Who reaches the load balancer: `cloudfront` only, or the `internet`."
  value       = length(aws_vpc_security_group_ingress_rule.internet) > 0 ? "internet" : "cloudfront"
}

output "hosts" {
  description = "The names that lead to each service, by service that has some."

  # A rule's conditions hold the origin's header, which is a secret, or hosts, which are none.
  value = nonsensitive({
    for name, rule in aws_lb_listener_rule.this : name => toset(flatten([
      for condition in rule.condition : [for header in condition.host_header : tolist(header.values)]
    ])) if anytrue([for condition in rule.condition : length(condition.host_header) > 0])
  })
}
