# The hosted zone, certificates for the names in it, and the records that point them at what answers.

locals {
  zone_id = var.create_zone ? aws_route53_zone.this[0].zone_id : data.aws_route53_zone.this[0].zone_id

  # Validation records by name. The names are known while planning; what to write there only AWS knows, later.
  validated_names = setunion(var.site_names, var.load_balancer_names)

  validation_options = concat(
    tolist(aws_acm_certificate.site.domain_validation_options),
    flatten(aws_acm_certificate.load_balancer[*].domain_validation_options),
  )
}

data "aws_route53_zone" "this" {
  count = var.create_zone ? 0 : 1

  name         = var.zone_name
  private_zone = false
}

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:signing a zone needs a record at the registrar, which Terraform cannot make: a signed zone without it is dead
  #checkov:skip=CKV2_AWS_39:a query log must be in us-east-1 and names resolvers, not visitors; it costs more than the zone
  count = var.create_zone ? 1 : 0

  name    = var.zone_name
  comment = "Made by Terraform for ${var.zone_name}"

  # Route 53 refuses to delete a zone with records, and so does this.
  force_destroy = false

  tags = merge(var.tags, { Name = var.zone_name })
}

resource "aws_acm_certificate" "site" {
  provider = aws.us_east_1

  domain_name               = sort(var.site_names)[0]
  subject_alternative_names = slice(sort(var.site_names), 1, length(var.site_names))
  validation_method         = "DNS"

  tags = merge(var.tags, { Name = sort(var.site_names)[0] })

  # A distribution must never be left with a certificate that is gone.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "load_balancer" {
  count = length(var.load_balancer_names) > 0 ? 1 : 0

  domain_name               = sort(var.load_balancer_names)[0]
  subject_alternative_names = slice(sort(var.load_balancer_names), 1, length(var.load_balancer_names))
  validation_method         = "DNS"

  tags = merge(var.tags, { Name = sort(var.load_balancer_names)[0] })

  lifecycle {
    create_before_destroy = true
  }
}

# A name has one validation record in an account, for all its certificates in all regions.
resource "aws_route53_record" "validation" {
  for_each = local.validated_names

  zone_id         = local.zone_id
  name            = one(distinct([for option in local.validation_options : option.resource_record_name if option.domain_name == each.key]))
  type            = one(distinct([for option in local.validation_options : option.resource_record_type if option.domain_name == each.key]))
  records         = distinct([for option in local.validation_options : option.resource_record_value if option.domain_name == each.key])
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "site" {
  provider = aws.us_east_1

  certificate_arn         = aws_acm_certificate.site.arn
  validation_record_fqdns = [for name in var.site_names : aws_route53_record.validation[name].fqdn]

  # ACM answers in minutes when the zone is delegated. When it is not, waiting longer does not help.
  timeouts {
    create = "15m"
  }
}

resource "aws_acm_certificate_validation" "load_balancer" {
  count = length(var.load_balancer_names) > 0 ? 1 : 0

  certificate_arn         = aws_acm_certificate.load_balancer[0].arn
  validation_record_fqdns = [for name in var.load_balancer_names : aws_route53_record.validation[name].fqdn]

  timeouts {
    create = "15m"
  }
}

# The load balancer has IPv4 addresses only; CloudFront has both.
resource "aws_route53_record" "site" {
  for_each = {
    for pair in setproduct(var.site_names, ["A", "AAAA"]) : "${pair[0]} ${pair[1]}" => { name = pair[0], type = pair[1] }
  }

  zone_id = local.zone_id
  name    = each.value.name
  type    = each.value.type

  alias {
    name                   = var.site_target.domain_name
    zone_id                = var.site_target.hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "load_balancer" {
  for_each = var.load_balancer_names

  zone_id = local.zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = var.load_balancer_target.domain_name
    zone_id                = var.load_balancer_target.hosted_zone_id
    evaluate_target_health = true
  }
}
