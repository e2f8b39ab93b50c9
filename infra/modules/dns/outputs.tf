output "zone_id" {
  description = "The hosted zone."
  value       = local.zone_id
}

output "name_servers" {
  description = "The servers that the parent zone must name, or the registrar where there is none."
  value       = var.create_zone ? aws_route53_zone.this[0].name_servers : data.aws_route53_zone.this[0].name_servers
}

output "site_certificate_arn" {
  description = "The validated certificate for the distribution, in us-east-1."
  value       = aws_acm_certificate_validation.site.certificate_arn
}

output "load_balancer_certificate_arn" {
  description = "The validated certificate for the load balancer, or null where there is none."
  value       = one(aws_acm_certificate_validation.load_balancer[*].certificate_arn)
}
