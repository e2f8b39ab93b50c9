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

output "load_balancer_record_names" {
  description = "The names that lead to the load balancer."
  value       = toset([for record in aws_route53_record.load_balancer : record.name])
}

output "load_balancer_certificate_names" {
  description = "The names that the load balancer's certificate is for."
  value       = toset(flatten([for certificate in aws_acm_certificate.load_balancer : concat([certificate.domain_name], certificate.subject_alternative_names == null ? [] : tolist(certificate.subject_alternative_names))]))
}
