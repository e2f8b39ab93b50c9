# What is the same for the whole module. The bucket, the distribution, its logs and its firewall have files of their own.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # Bucket names are shared by all of AWS; the account makes ours unique.
  bucket_name     = "${var.name}-site-${data.aws_caller_identity.current.account_id}"
  log_bucket_name = "${var.name}-site-logs-${data.aws_caller_identity.current.account_id}"

  bucket_origin_id = "bucket"
  api_origin_id    = "api"

  # What the load balancer knows this distribution by.
  origin_header_name = "x-origin-secret"

  content_security_policy = length(var.connect_origins) == 0 ? var.content_security_policy : "${trimsuffix(trimspace(var.content_security_policy), ";")}; connect-src 'self' ${join(" ", sort(var.connect_origins))}"

  has_domain = var.domain != null
  has_api    = var.api_origin != null
}
