output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets with a route from the internet, by zone name: for load balancers."
  value       = [for zone in local.zone_names : aws_subnet.public[zone].id]

  # AWS refuses a public load balancer before the VPC has its way to the internet, and keeps that while there is one.
  depends_on = [aws_route.internet]
}

output "private_subnet_ids" {
  description = "Subnets that reach out through NAT, by zone name: for containers."
  value       = [for zone in local.zone_names : aws_subnet.private[zone].id]
}

output "database_subnet_ids" {
  description = "Subnets with no way out of the VPC, by zone name: for RDS and ElastiCache."
  value       = [for zone in local.zone_names : aws_subnet.database[zone].id]
}

output "nat_public_ips" {
  description = "The addresses that others see the containers come from, by zone name."
  value       = [for zone in sort(local.nat_zones) : aws_eip.nat[zone].public_ip]
}

output "interface_endpoints" {
  description = "The AWS services that are reached inside the VPC, sorted."
  value       = sort([for endpoint in aws_vpc_endpoint.interface : trimprefix(endpoint.service_name, "com.amazonaws.${data.aws_region.current.name}.")])
}

output "permissions_boundary_arn" {
  description = "The permissions boundary of the flow logs' role; null for none."
  value       = aws_iam_role.flow.permissions_boundary
}
