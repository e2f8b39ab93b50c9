# What the edge does with a request: the function, and the policies for caching and headers.

# Its entries are written by `sitepush`, never by Terraform, which would undo a release.
resource "aws_cloudfront_key_value_store" "routing" {
  name    = "${var.name}-routing"
  comment = "Where the pages of ${var.name} are; sitepush writes it"
}

# The same file that `sitepush preview` runs and `sitepush edge-function` prints.
resource "aws_cloudfront_function" "routing" {
  name                         = "${var.name}-routing"
  comment                      = "Clean URLs and releases of ${var.name}"
  runtime                      = "cloudfront-js-2.0"
  code                         = file("${path.module}/../../../src/edge_function.js")
  publish                      = true
  key_value_store_associations = [aws_cloudfront_key_value_store.routing.arn]
}

# Every object brings a Cache-Control of its own. Nothing of the request makes another copy but its path and encoding.
resource "aws_cloudfront_cache_policy" "site" {
  name        = "${var.name}-site"
  comment     = "As the objects of ${var.name} say"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# A longest time of 0 turns the cache off, whatever a service answers.
resource "aws_cloudfront_cache_policy" "api" {
  count = local.has_api ? 1 : 0

  name        = "${var.name}-api"
  comment     = "Nothing of the services is cached"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 0

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false

    cookies_config {
      cookie_behavior = "none"
    }

    headers_config {
      header_behavior = "none"
    }

    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# All but Host: the load balancer's certificate and rules are for its own name.
resource "aws_cloudfront_origin_request_policy" "api" {
  count = local.has_api ? 1 : 0

  name    = "${var.name}-api"
  comment = "Whole requests for the services, under the origin's host name"

  cookies_config {
    cookie_behavior = "all"
  }

  headers_config {
    header_behavior = "allExcept"

    headers {
      items = ["Host"]
    }
  }

  query_strings_config {
    query_string_behavior = "all"
  }
}

resource "aws_cloudfront_response_headers_policy" "site" {
  #checkov:skip=CKV_AWS_259:a year of HTTPS is promised for these names only; subdomains and preload lists bind names that are not ours to bind
  name    = "${var.name}-site"
  comment = "Security headers of ${var.name}"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = false
      override                   = true
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "strict-origin-when-cross-origin"
      override        = true
    }

    content_security_policy {
      content_security_policy = local.content_security_policy
      override                = true
    }
  }

  custom_headers_config {
    items {
      header   = "permissions-policy"
      value    = "camera=(), geolocation=(), microphone=()"
      override = true
    }

    items {
      header   = "cross-origin-opener-policy"
      value    = "same-origin"
      override = true
    }
  }

  # How the bucket keeps an object is nobody's business.
  remove_headers_config {
    items {
      header = "x-amz-server-side-encryption"
    }

    items {
      header = "x-amz-version-id"
    }
  }
}
