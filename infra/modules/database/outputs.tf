output "identifier" {
  description = "The instance's name, as metrics call it."
  value       = aws_db_instance.this.identifier
}

output "host" {
  description = "Where to connect, with TLS; the certificate is by RDS's own authority."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "The port to connect to."
  value       = aws_db_instance.this.port
}

output "database_name" {
  description = "The database in the instance."
  value       = aws_db_instance.this.db_name
}

output "username" {
  description = "The user who owns the database."
  value       = aws_db_instance.this.username
}

output "secret_arn" {
  description = "The secret with the password, as JSON with `username` and `password`. RDS owns it."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "has_standby" {
  description = "Whether an instance in another zone takes over."
  value       = aws_db_instance.this.multi_az
}

output "has_deletion_protection" {
  description = "Whether AWS refuses to delete it."
  value       = aws_db_instance.this.deletion_protection
}

output "permissions_boundary_arn" {
  description = "The permissions boundary of the monitoring role; null for none."
  value       = aws_iam_role.monitoring.permissions_boundary
}

output "subnet_ids" {
  description = "The subnets that it may lie in."
  value       = aws_db_subnet_group.this.subnet_ids
}

output "client_security_group_ids" {
  description = "The security groups that reach it, by name."
  value       = { for name, rule in aws_vpc_security_group_ingress_rule.client : name => rule.referenced_security_group_id }
}
