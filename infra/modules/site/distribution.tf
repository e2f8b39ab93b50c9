# What visitors talk to: CloudFront before the bucket and, under /api/, before the services.

resource "aws_cloudfront_origin_access_control" "bucket" {
  name                              = "${var.name}-site"
  description                       = "Signs what the distribution asks of ${local.bucket_name}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# CloudFront's addresses are those of everybody's distributions: one of somebody else's, led to the same load balancer, would come
# past this one's firewall. So the load balancer asks for a word that only this one knows, and puts in place of a visitor's.
resource "terraform_data" "origin_secret" {
  count = local.has_api ? 1 : 0

  # 122 bits from the system's source of randomness, made when this is. A secret store would hide nothing: both sides want the word
  # itself in their settings, so it is in the state anyway.
  input = sensitive(replace(uuid(), "-", ""))

  lifecycle {
    # Otherwise each plan would make another.
    ignore_changes = [input]
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_86:logs go through the newer delivery in logs.tf; the one that is looked for needs a bucket with ACLs
  #checkov:skip=CKV_AWS_68:whether there is a firewall is the caller's choice, by enable_waf
  #checkov:skip=CKV2_AWS_47:as for CKV_AWS_68; the rules against Log4j are among those in waf.tf
  #checkov:skip=CKV_AWS_174:TLS 1.2 is the least wherever there is a certificate; CloudFront's own name takes no setting
  #checkov:skip=CKV2_AWS_42:as for CKV_AWS_174
  #checkov:skip=CKV_AWS_310:S3 spans several zones; a second origin would need a second bucket that is published to as well
  #checkov:skip=CKV_AWS_374:a public site is for everywhere
  comment             = var.name
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  price_class         = var.price_class
  aliases             = local.has_domain ? var.domain.names : []
  default_root_object = "index.html"
  web_acl_id          = var.enable_waf ? aws_wafv2_web_acl.this[0].arn : null
  wait_for_deployment = true

  origin {
    origin_id                = local.bucket_origin_id
    domain_name              = aws_s3_bucket.site.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.bucket.id
  }

  dynamic "origin" {
    for_each = local.has_api ? [var.api_origin] : []

    content {
      origin_id   = local.api_origin_id
      domain_name = origin.value

      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
      }

      custom_header {
        name  = local.origin_header_name
        value = sensitive(terraform_data.origin_secret[0].output)
      }
    }
  }

  default_cache_behavior {
    target_origin_id           = local.bucket_origin_id
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.site.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.routing.arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.has_api ? ["/api/*"] : []

    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = local.api_origin_id
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false
      cache_policy_id            = aws_cloudfront_cache_policy.api[0].id
      origin_request_policy_id   = aws_cloudfront_origin_request_policy.api[0].id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.site.id
    }
  }

  dynamic "custom_error_response" {
    for_each = var.not_found_page == null ? [] : [var.not_found_page]

    content {
      error_code         = 404
      response_code      = 404
      response_page_path = custom_error_response.value

      # Seconds. CloudFront's own default, which sitepush reckons with; the provider's would be none at all.
      error_caching_min_ttl = 10
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = !local.has_domain
    acm_certificate_arn            = local.has_domain ? var.domain.certificate_arn : null
    ssl_support_method             = local.has_domain ? "sni-only" : null
    minimum_protocol_version       = local.has_domain ? "TLSv1.2_2021" : "TLSv1"
  }

  tags = merge(var.tags, { Name = var.name })
}
