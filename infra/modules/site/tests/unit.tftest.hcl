# Plans against mocks: no account, no network.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

# What policies and associations name has to be known while planning.
override_resource {
  target          = aws_s3_bucket.site
  override_during = plan
  values = {
    id                          = "example-test-site-123456789012"
    arn                         = "arn:aws:s3:::example-test-site-123456789012"
    bucket_regional_domain_name = "example-test-site-123456789012.s3.eu-central-1.amazonaws.com"
  }
}

override_resource {
  target          = aws_cloudfront_distribution.this
  override_during = plan
  values          = { arn = "arn:aws:cloudfront::123456789012:distribution/E1EXAMPLE" }
}

override_resource {
  target          = aws_cloudfront_key_value_store.routing
  override_during = plan
  values          = { arn = "arn:aws:cloudfront::123456789012:key-value-store/EXAMPLE" }
}

override_resource {
  target          = aws_cloudfront_function.routing
  override_during = plan
  values          = { arn = "arn:aws:cloudfront::123456789012:function/example-test-routing" }
}

override_resource {
  target          = aws_wafv2_web_acl.this
  override_during = plan
  values          = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/example-test/1" }
}

override_resource {
  target          = aws_cloudwatch_log_group.waf
  override_during = plan
  values          = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-example-test" }
}

override_resource {
  target          = aws_cloudfront_response_headers_policy.site
  override_during = plan
  values          = { id = "headers" }
}

override_resource {
  target          = aws_cloudfront_cache_policy.site
  override_during = plan
  values          = { id = "cache-site" }
}

override_resource {
  target          = aws_cloudfront_cache_policy.api
  override_during = plan
  values          = { id = "cache-api" }
}

override_resource {
  target          = aws_cloudfront_origin_request_policy.api
  override_during = plan
  values          = { id = "requests-api" }
}

override_resource {
  target          = terraform_data.origin_secret
  override_during = plan
  values          = { output = "0123456789abcdef0123456789abcdef" }
}

variables {
  name       = "example-test"
  enable_waf = false
}

run "the_bucket_is_private" {
  command = plan

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.site.block_public_acls,
      aws_s3_bucket_public_access_block.site.block_public_policy,
      aws_s3_bucket_public_access_block.site.ignore_public_acls,
      aws_s3_bucket_public_access_block.site.restrict_public_buckets,
    ])
    error_message = "Public access is blocked in all four ways."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.site.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "There are no ACLs."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.site.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "Objects are encrypted, and their ETags stay MD5s."
  }
}

run "a_bucket_with_objects_is_not_deleted" {
  command = plan

  assert {
    condition     = !aws_s3_bucket.site.force_destroy && !aws_s3_bucket.logs.force_destroy
    error_message = "S3 keeps buckets that hold anything."
  }
}

run "earlier_versions_are_kept_for_rollbacks_and_then_forgotten" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.site.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket is versioned."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.site.rule[0].noncurrent_version_expiration[0].noncurrent_days == 90
    error_message = "Old versions go after 90 days."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.site.rule) == 1 && aws_s3_bucket_lifecycle_configuration.site.rule[0].expiration[0].expired_object_delete_marker
    error_message = "What is current never expires: a rule that tidies delete markers cannot have days as well."
  }
}

run "only_this_distribution_reads" {
  command = plan

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.bucket.statement :
      one(one(statement.principals).identifiers) == "cloudfront.amazonaws.com" && one(statement.condition).values == tolist([aws_cloudfront_distribution.this.arn])
      if coalesce(statement.effect, "Allow") == "Allow"
    ])
    error_message = "Every statement that allows anything is for CloudFront, and for this distribution alone."
  }

  assert {
    condition = toset(flatten([
      for statement in data.aws_iam_policy_document.bucket.statement : statement.actions if coalesce(statement.effect, "Allow") == "Allow"
    ])) == toset(["s3:GetObject", "s3:ListBucket"])
    error_message = "The distribution reads objects, and may learn that one is missing, so that 404 is 404."
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.bucket.signing_behavior == "always"
    error_message = "Requests to the bucket are signed."
  }
}

run "records_of_releases_are_not_served" {
  command = plan

  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.bucket.statement :
      statement.effect == "Deny" && statement.actions == toset(["s3:GetObject"]) && statement.resources == toset([
        "arn:aws:s3:::example-test-site-123456789012/.sitepush/*",
        "arn:aws:s3:::example-test-site-123456789012/*/.sitepush/*",
      ])
    ])
    error_message = ".sitepush/ is denied, in the root and under every prefix."
  }
}

run "connections_are_encrypted" {
  command = plan

  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.bucket.statement :
      statement.effect == "Deny" && statement.actions == toset(["s3:*"]) && try(one(statement.condition).variable, "") == "aws:SecureTransport"
    ])
    error_message = "The bucket refuses plain HTTP."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "Visitors are sent to HTTPS."
  }
}

run "the_edge_function_is_the_one_that_sitepush_prints" {
  command = plan

  assert {
    condition     = startswith(aws_cloudfront_function.routing.code, "// The viewer-request function of a sitepush distribution") && aws_cloudfront_function.routing.runtime == "cloudfront-js-2.0"
    error_message = "The function is src/edge_function.js."
  }

  assert {
    condition     = length(aws_cloudfront_function.routing.code) <= 10240 && aws_cloudfront_function.routing.publish
    error_message = "CloudFront takes functions of up to 10 KB, and runs published ones."
  }

  assert {
    condition     = aws_cloudfront_function.routing.key_value_store_associations == toset([aws_cloudfront_key_value_store.routing.arn])
    error_message = "The function reads the store that sitepush writes."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.default_cache_behavior[0].function_association).function_arn == aws_cloudfront_function.routing.arn && one(aws_cloudfront_distribution.this.default_cache_behavior[0].function_association).event_type == "viewer-request"
    error_message = "It runs before each request for the site."
  }
}

run "the_cache_does_as_the_objects_say" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].cache_policy_id == "cache-site"
    error_message = "The site's policy is in force."
  }

  assert {
    condition     = aws_cloudfront_cache_policy.site.min_ttl == 0 && aws_cloudfront_cache_policy.site.max_ttl == 31536000
    error_message = "No Cache-Control of ours is cut short or drawn out."
  }

  assert {
    condition     = aws_cloudfront_cache_policy.site.parameters_in_cache_key_and_forwarded_to_origin[0].query_strings_config[0].query_string_behavior == "none"
    error_message = "A query string makes no second copy, so one invalidation drops a page."
  }

  assert {
    condition = alltrue([
      aws_cloudfront_distribution.this.default_cache_behavior[0].compress,
      aws_cloudfront_cache_policy.site.parameters_in_cache_key_and_forwarded_to_origin[0].enable_accept_encoding_brotli,
      aws_cloudfront_cache_policy.site.parameters_in_cache_key_and_forwarded_to_origin[0].enable_accept_encoding_gzip,
    ])
    error_message = "Text is compressed, with Brotli too."
  }
}

run "visitors_get_http_3_and_ipv6" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.this.http_version == "http2and3" && aws_cloudfront_distribution.this.is_ipv6_enabled
    error_message = "HTTP/2, HTTP/3 and IPv6 are on."
  }
}

run "answers_carry_security_headers" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].response_headers_policy_id == "headers"
    error_message = "The policy is in force."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.site.security_headers_config[0].strict_transport_security[0].access_control_max_age_sec == 31536000
    error_message = "Browsers remember HTTPS for a year."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_security_policy[0].content_security_policy == "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
    error_message = "Pages load from the site alone unless the caller says otherwise, and nothing that is written into them runs."
  }

  assert {
    condition     = length(aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_type_options) == 1
    error_message = "Browsers take each file for what it says that it is: nosniff."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.site.security_headers_config[0].frame_options[0].frame_option == "DENY"
    error_message = "No other page shows the site in a frame, in browsers that do not know frame-ancestors either."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.site.security_headers_config[0].referrer_policy[0].referrer_policy == "strict-origin-when-cross-origin"
    error_message = "Other sites learn which site a visitor came from, and not which page."
  }

  assert {
    condition = { for header in one(aws_cloudfront_response_headers_policy.site.custom_headers_config).items : header.header => header.value } == {
      permissions-policy         = "camera=(), geolocation=(), microphone=()"
      cross-origin-opener-policy = "same-origin"
    }
    error_message = "Pages get no camera, place or microphone, and no hold on windows of other origins."
  }

  assert {
    condition = alltrue(concat(
      [for header in one(aws_cloudfront_response_headers_policy.site.custom_headers_config).items : header.override],
      [
        aws_cloudfront_response_headers_policy.site.security_headers_config[0].strict_transport_security[0].override,
        aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_security_policy[0].override,
        aws_cloudfront_response_headers_policy.site.security_headers_config[0].content_type_options[0].override,
        aws_cloudfront_response_headers_policy.site.security_headers_config[0].frame_options[0].override,
        aws_cloudfront_response_headers_policy.site.security_headers_config[0].referrer_policy[0].override,
      ],
    ))
    error_message = "What an object or a service says instead does not count."
  }
}

run "pages_call_the_origins_that_the_caller_names_and_no_others" {
  command = plan

  variables {
    connect_origins = ["https://b.example.com", "https://*.a.example.com"]
  }

  assert {
    condition     = output.content_security_policy == "${var.content_security_policy}; connect-src 'self' https://*.a.example.com https://b.example.com"
    error_message = "They are added to the policy, which loses nothing."
  }
}

run "answers_of_the_api_carry_security_headers_too" {
  command = plan

  variables {
    api_origin = "origin.example.com"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[0].response_headers_policy_id == "headers"
    error_message = "The policy is in force for /api/*."
  }
}

run "without_a_domain_cloudfronts_name_is_used" {
  command = plan

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].cloudfront_default_certificate && length(coalesce(aws_cloudfront_distribution.this.aliases, toset([]))) == 0
    error_message = "There are no aliases and CloudFront's certificate."
  }
}

run "with_a_domain_tls_1_2_is_the_least" {
  command = plan

  variables {
    domain = {
      names           = ["example.com", "www.example.com"]
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.this.viewer_certificate[0].ssl_support_method == "sni-only"
    error_message = "Older TLS is refused."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.aliases == toset(["example.com", "www.example.com"]) && aws_cloudfront_distribution.this.viewer_certificate[0].acm_certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/1"
    error_message = "Both names are the distribution's, with the certificate."
  }
}

run "without_services_there_is_one_origin" {
  command = plan

  assert {
    condition     = length(aws_cloudfront_distribution.this.origin) == 1 && length(aws_cloudfront_distribution.this.ordered_cache_behavior) == 0 && length(aws_cloudfront_cache_policy.api) == 0
    error_message = "A site alone has its bucket and nothing else."
  }

  assert {
    condition     = output.origin_header == null && length(terraform_data.origin_secret) == 0
    error_message = "Nobody asks for a header."
  }
}

run "the_api_goes_to_the_load_balancer_and_is_not_cached" {
  command = plan

  variables {
    api_origin = "origin.example.com"
  }

  assert {
    condition     = one([for origin in aws_cloudfront_distribution.this.origin : origin if origin.origin_id == "api"]).domain_name == "origin.example.com" && one(one([for origin in aws_cloudfront_distribution.this.origin : origin if origin.origin_id == "api"]).custom_origin_config).origin_protocol_policy == "https-only"
    error_message = "The load balancer is the second origin, over HTTPS."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[0].path_pattern == "/api/*" && aws_cloudfront_distribution.this.ordered_cache_behavior[0].target_origin_id == "api" && contains(aws_cloudfront_distribution.this.ordered_cache_behavior[0].allowed_methods, "POST")
    error_message = "/api/* goes there, with every method."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[0].cache_policy_id == "cache-api" && aws_cloudfront_cache_policy.api[0].max_ttl == 0
    error_message = "No answer of a service is cached."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.ordered_cache_behavior[0].origin_request_policy_id == "requests-api" && aws_cloudfront_origin_request_policy.api[0].query_strings_config[0].query_string_behavior == "all" && aws_cloudfront_origin_request_policy.api[0].cookies_config[0].cookie_behavior == "all"
    error_message = "A service gets whole requests, with their query strings."
  }

  assert {
    condition     = aws_cloudfront_origin_request_policy.api[0].headers_config[0].header_behavior == "allExcept" && one(aws_cloudfront_origin_request_policy.api[0].headers_config[0].headers).items == toset(["Host"])
    error_message = "All headers go to the services but Host: the load balancer's certificate and rules are for its own name."
  }

  assert {
    condition     = length(aws_cloudfront_distribution.this.ordered_cache_behavior[0].function_association) == 0
    error_message = "The edge function leaves the API's paths alone."
  }
}

run "the_load_balancer_can_tell_this_distribution_from_others" {
  command = plan

  variables {
    api_origin = "origin.example.com"
  }

  assert {
    condition = { for origin in aws_cloudfront_distribution.this.origin : origin.origin_id => { for header in origin.custom_header : header.name => header.value } } == {
      bucket = {}
      api    = { (output.origin_header.name) = output.origin_header.value }
    }
    error_message = "The header that is given out is sent to the load balancer, and not to the bucket."
  }
}

run "a_missing_page_stays_a_404" {
  command = plan

  variables {
    not_found_page = "/404.html"
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.custom_error_response).response_code == 404 && one(aws_cloudfront_distribution.this.custom_error_response).error_code == 404
    error_message = "The page for missing files comes with status 404, never 200."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.custom_error_response).error_caching_min_ttl == 10
    error_message = "A page that is created is found after ten seconds at the latest, invalidated or not."
  }
}

run "no_firewall_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && length(aws_cloudwatch_log_group.waf) == 0
    error_message = "A firewall costs by the month."
  }
}

run "the_firewall_blocks_known_attacks_and_floods" {
  command = plan

  variables {
    enable_waf = true
  }

  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == "arn:aws:wafv2:us-east-1:123456789012:global/webacl/example-test/1"
    error_message = "The firewall stands before the distribution."
  }

  assert {
    condition     = toset(aws_wafv2_web_acl.this[0].rule[*].name) == toset(["too-many-requests", "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"])
    error_message = "It has AWS's rules and a limit for each address."
  }

  assert {
    condition = [
      for rule in aws_wafv2_web_acl.this[0].rule : [
        length(rule.action), length(one(rule.action).block), length(one(rule.action).count),
        one(one(rule.statement).rate_based_statement).aggregate_key_type, one(one(rule.statement).rate_based_statement).evaluation_window_sec, one(one(rule.statement).rate_based_statement).limit,
      ] if rule.name == "too-many-requests"
    ] == [[1, 1, 0, "IP", 300, 3000]]
    error_message = "An address with more than 3000 requests in five minutes is blocked, not only counted."
  }

  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this[0].rule : rule.name => [
        length(one(rule.override_action).none), length(one(rule.override_action).count),
        one(one(rule.statement).managed_rule_group_statement).vendor_name, one(one(rule.statement).managed_rule_group_statement).name,
        length(one(one(rule.statement).managed_rule_group_statement).rule_action_override), length(one(one(rule.statement).managed_rule_group_statement).scope_down_statement),
      ] if rule.name != "too-many-requests"
      } == {
      AWSManagedRulesAmazonIpReputationList = [1, 0, "AWS", "AWSManagedRulesAmazonIpReputationList", 0, 0]
      AWSManagedRulesKnownBadInputsRuleSet  = [1, 0, "AWS", "AWSManagedRulesKnownBadInputsRuleSet", 0, 0]
      AWSManagedRulesCommonRuleSet          = [1, 0, "AWS", "AWSManagedRulesCommonRuleSet", 0, 0]
    }
    error_message = "AWS's rules do what they say, for every request: none of them is turned into counting."
  }

  assert {
    condition     = length(one(aws_wafv2_web_acl.this[0].default_action).allow) == 1 && aws_wafv2_web_acl.this[0].scope == "CLOUDFRONT"
    error_message = "Everybody else gets in."
  }
}

run "the_firewalls_limit_is_the_callers" {
  command = plan

  variables {
    enable_waf                 = true
    waf_requests_per_5_minutes = 500
  }

  assert {
    condition     = [for rule in aws_wafv2_web_acl.this[0].rule : one(one(rule.statement).rate_based_statement).limit if rule.name == "too-many-requests"] == [500]
    error_message = "A site with busier pages, or calmer ones, has a limit of its own."
  }
}

run "what_the_firewall_did_is_logged_without_secrets" {
  command = plan

  variables {
    enable_waf = true
  }

  assert {
    condition     = startswith(aws_cloudwatch_log_group.waf[0].name, "aws-waf-logs-") && aws_cloudwatch_log_group.waf[0].retention_in_days == 90
    error_message = "The firewall writes only to groups that are named so, and its log is forgotten."
  }

  assert {
    condition     = aws_wafv2_web_acl_logging_configuration.this[0].resource_arn == aws_wafv2_web_acl.this[0].arn && aws_wafv2_web_acl_logging_configuration.this[0].log_destination_configs == toset([aws_cloudwatch_log_group.waf[0].arn])
    error_message = "It is this firewall that writes, and to this group."
  }

  assert {
    condition     = toset([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : one(field.single_header).name]) == toset(["authorization", "cookie"])
    error_message = "What visitors prove themselves with is not written down."
  }
}

run "requests_are_logged_and_logs_are_forgotten" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_delivery_source.site.log_type == "ACCESS_LOGS" && aws_cloudwatch_log_delivery_source.site.resource_arn == aws_cloudfront_distribution.this.arn
    error_message = "The distribution's requests are delivered."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.logs.rule[0].expiration[0].days == 90
    error_message = "Logs go after 90 days."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.logs.restrict_public_buckets && aws_s3_bucket_ownership_controls.logs.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "The logs are private, without ACLs."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_cloudfront_distribution.this.tags == tomap({ team = "web", Name = "example-test" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "a_name_with_a_dot_is_refused" {
  command = plan

  variables {
    name = "example.test"
  }

  expect_failures = [var.name]
}

run "a_domain_without_names_is_refused" {
  command = plan

  variables {
    domain = {
      names           = []
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  expect_failures = [var.domain]
}

run "an_origin_with_a_scheme_is_refused" {
  command = plan

  variables {
    api_origin = "https://origin.example.com"
  }

  expect_failures = [var.api_origin]
}

run "a_not_found_page_without_a_slash_is_refused" {
  command = plan

  variables {
    not_found_page = "404.html"
  }

  expect_failures = [var.not_found_page]
}

run "an_origin_to_call_without_a_scheme_is_refused" {
  command = plan

  variables {
    connect_origins = ["api.example.com"]
  }

  expect_failures = [var.connect_origins]
}

run "two_lists_of_what_pages_may_call_are_refused" {
  command = plan

  variables {
    content_security_policy = "default-src 'self'; connect-src 'self'"
    connect_origins         = ["https://api.example.com"]
  }

  expect_failures = [var.connect_origins]
}

run "an_unknown_price_class_is_refused" {
  command = plan

  variables {
    price_class = "PriceClass_300"
  }

  expect_failures = [var.price_class]
}

run "versions_that_go_within_a_week_are_refused" {
  command = plan

  variables {
    rollback_days = 6
  }

  expect_failures = [var.rollback_days]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan

  variables {
    log_retention_days = 91
  }

  expect_failures = [var.log_retention_days]
}

run "a_limit_below_wafs_range_is_refused" {
  command = plan

  variables {
    waf_requests_per_5_minutes = 9
  }

  expect_failures = [var.waf_requests_per_5_minutes]
}
