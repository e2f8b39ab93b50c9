output "replication_group_id" {
  description = "The group."
  value       = aws_elasticache_replication_group.this.replication_group_id
}

output "node_ids" {
  description = "The nodes, as metrics call them."
  value       = [for number in range(1, 2 + var.replica_count) : "${local.identifier}-${format("%03d", number)}"]
}

output "host" {
  description = "Where to connect, with TLS: the primary, whichever node that is."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "The port to connect to."
  value       = aws_elasticache_replication_group.this.port
}

output "secret_arn" {
  description = "The secret that is the AUTH token."
  value       = aws_secretsmanager_secret.token.arn
}

output "replica_count" {
  description = "Nodes that can take over."
  value       = aws_elasticache_replication_group.this.num_cache_clusters - 1
}

output "subnet_ids" {
  description = "The subnets that it may lie in."
  value       = aws_elasticache_subnet_group.this.subnet_ids
}

output "client_security_group_ids" {
  description = "The security groups that reach it, by name."
  value       = { for name, rule in aws_vpc_security_group_ingress_rule.client : name => rule.referenced_security_group_id }
}
