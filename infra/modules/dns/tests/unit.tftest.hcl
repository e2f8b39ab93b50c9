# Plans against mocks: no account, no network.

mock_provider "aws" {
  mock_data "aws_route53_zone" {
    defaults = {
      zone_id      = "ZFOUND"
      name_servers = ["ns1.example.net"]
    }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

override_resource {
  target          = aws_acm_certificate.site
  override_during = plan
  values = {
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/site"
    domain_validation_options = [
      { domain_name = "example.com", resource_record_name = "_1.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm.example" },
      { domain_name = "www.example.com", resource_record_name = "_2.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm.example" },
    ]
  }
}

override_resource {
  target          = aws_acm_certificate.load_balancer
  override_during = plan
  values = {
    arn = "arn:aws:acm:eu-central-1:123456789012:certificate/load-balancer"
    domain_validation_options = [
      { domain_name = "origin.example.com", resource_record_name = "_3.example.com", resource_record_type = "CNAME", resource_record_value = "_3.acm.example" },
    ]
  }
}

variables {
  zone_name   = "example.com"
  create_zone = false
  site_names  = ["www.example.com", "example.com"]
  site_target = {
    domain_name    = "d1.cloudfront.net"
    hosted_zone_id = "ZCLOUDFRONT"
  }
}

run "a_zone_that_is_there_is_looked_up" {
  command = plan

  assert {
    condition     = length(aws_route53_zone.this) == 0 && output.zone_id == "ZFOUND"
    error_message = "The zone is found, not made again."
  }
}

run "a_zone_can_be_made" {
  command = plan

  variables {
    create_zone = true
  }

  assert {
    condition     = aws_route53_zone.this[0].name == "example.com" && !aws_route53_zone.this[0].force_destroy
    error_message = "The zone is made, and not deleted with records in it."
  }
}

run "the_site_has_both_kinds_of_address" {
  command = plan

  assert {
    condition     = keys(aws_route53_record.site) == ["example.com A", "example.com AAAA", "www.example.com A", "www.example.com AAAA"]
    error_message = "Every name has an IPv4 and an IPv6 record."
  }

  assert {
    condition     = alltrue([for record in aws_route53_record.site : record.alias[0].name == "d1.cloudfront.net" && record.alias[0].zone_id == "ZCLOUDFRONT"])
    error_message = "They point at the distribution."
  }
}

run "one_certificate_is_for_all_of_the_sites_names" {
  command = plan

  assert {
    condition     = aws_acm_certificate.site.domain_name == "example.com" && aws_acm_certificate.site.subject_alternative_names == toset(["www.example.com"]) && aws_acm_certificate.site.validation_method == "DNS"
    error_message = "The first name by the alphabet is the certificate's own, the others are added to it."
  }
}

run "each_name_proves_itself_with_its_own_record" {
  command = plan

  variables {
    load_balancer_names = ["origin.example.com"]
    load_balancer_target = {
      domain_name    = "lb.example.net"
      hosted_zone_id = "ZELB"
    }
  }

  assert {
    condition     = { for name, record in aws_route53_record.validation : name => record.name } == { "example.com" = "_1.example.com", "www.example.com" = "_2.example.com", "origin.example.com" = "_3.example.com" }
    error_message = "Every name of both certificates has the record that ACM asks for."
  }

  assert {
    condition     = alltrue([for record in aws_route53_record.validation : record.zone_id == "ZFOUND" && length(record.records) == 1])
    error_message = "The records are in the zone."
  }
}

run "a_site_alone_has_no_certificate_for_a_load_balancer" {
  command = plan

  assert {
    condition     = length(aws_acm_certificate.load_balancer) == 0 && length(aws_route53_record.load_balancer) == 0 && output.load_balancer_certificate_arn == null
    error_message = "Nothing is made for a load balancer that is not there."
  }
}

run "services_have_subdomains_at_the_load_balancer" {
  command = plan

  variables {
    load_balancer_names = ["origin.example.com", "guestbook.example.com"]
    load_balancer_target = {
      domain_name    = "lb.example.net"
      hosted_zone_id = "ZELB"
    }
  }

  override_resource {
    target          = aws_acm_certificate.load_balancer
    override_during = plan
    values = {
      domain_validation_options = [
        { domain_name = "guestbook.example.com", resource_record_name = "_4.example.com", resource_record_type = "CNAME", resource_record_value = "_4.acm.example" },
        { domain_name = "origin.example.com", resource_record_name = "_3.example.com", resource_record_type = "CNAME", resource_record_value = "_3.acm.example" },
      ]
    }
  }

  assert {
    condition     = keys(aws_route53_record.load_balancer) == ["guestbook.example.com", "origin.example.com"] && alltrue([for record in aws_route53_record.load_balancer : record.alias[0].name == "lb.example.net"])
    error_message = "Each of the names points at the load balancer."
  }

  assert {
    condition     = aws_acm_certificate.load_balancer[0].domain_name == "guestbook.example.com" && aws_acm_certificate.load_balancer[0].subject_alternative_names == toset(["origin.example.com"])
    error_message = "Its certificate is for all of them."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_acm_certificate.site.tags == tomap({ team = "web", Name = "example.com" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "a_zone_with_a_dot_at_its_end_is_refused" {
  command = plan

  variables {
    zone_name = "example.com."
  }

  expect_failures = [var.zone_name]
}

run "a_wildcard_is_refused" {
  command = plan

  variables {
    site_names = ["*.example.com"]
  }

  expect_failures = [var.site_names]
}

run "a_name_outside_of_the_zone_is_refused" {
  command = plan

  variables {
    site_names = ["www.notexample.com"]
  }

  expect_failures = [var.site_names]
}

run "a_name_that_would_point_at_both_is_refused" {
  command = plan

  variables {
    load_balancer_names = ["www.example.com"]
    load_balancer_target = {
      domain_name    = "lb.example.net"
      hosted_zone_id = "ZELB"
    }
  }

  expect_failures = [var.load_balancer_names]
}

run "names_without_a_load_balancer_are_refused" {
  command = plan

  variables {
    load_balancer_names = ["origin.example.com"]
  }

  expect_failures = [var.load_balancer_target]
}

run "a_load_balancers_name_outside_of_the_zone_is_refused" {
  command = plan

  variables {
    load_balancer_names = ["origin.notexample.com"]
    load_balancer_target = {
      domain_name    = "lb.example.net"
      hosted_zone_id = "ZELB"
    }
  }

  expect_failures = [var.load_balancer_names]
}
