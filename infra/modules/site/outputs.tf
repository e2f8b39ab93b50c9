output "bucket_name" {
  description = "The bucket to publish into: `bucket` in sitepush.toml."
  value       = aws_s3_bucket.site.bucket
}

output "bucket_arn" {
  description = "The bucket, for policies."
  value       = aws_s3_bucket.site.arn
}

output "distribution_id" {
  description = "The distribution to invalidate: `distributions` in sitepush.toml."
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "The distribution, for policies."
  value       = aws_cloudfront_distribution.this.arn
}

output "distribution_domain_name" {
  description = "The distribution's own host name, which records for the site point at."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "distribution_hosted_zone_id" {
  description = "CloudFront's hosted zone, which alias records name."
  value       = aws_cloudfront_distribution.this.hosted_zone_id
}

output "key_value_store_arn" {
  description = "The store that the edge function reads: `key_value_store` in sitepush.toml."
  value       = aws_cloudfront_key_value_store.routing.arn
}

output "origin_header" {
  description = "The header that this distribution, and no other, sends to the load balancer with each request, as `name` and `value`; null without services."
  value       = local.has_api ? { name = local.origin_header_name, value = terraform_data.origin_secret[0].output } : null
  sensitive   = true

  # Who asks for it before CloudFront sends it from everywhere turns visitors away.
  depends_on = [aws_cloudfront_distribution.this]
}

output "has_firewall" {
  description = "Whether there is a firewall before the distribution."
  value       = length(aws_wafv2_web_acl.this) > 0
}

output "content_security_policy" {
  description = "What pages may load and call, as each answer says it."
  value       = aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_security_policy[0].content_security_policy
}
