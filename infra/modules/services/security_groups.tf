# Who may speak to whom. What a database or a cache needs, their modules add to the service's group.

# CloudFront's addresses, which AWS keeps up to date.
data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

locals {
  open_ports = var.accept_from == "internet" ? { https = 443, redirect = 80 } : {}
}

resource "aws_security_group" "load_balancer" {
  name_prefix = "${var.name}-lb-"
  description = "HTTPS in, the services' ports out"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-lb" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  count = var.accept_from == "cloudfront" ? 1 : 0

  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTPS from CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "cloudfront" })
}

resource "aws_vpc_security_group_ingress_rule" "internet" {
  #checkov:skip=CKV_AWS_260:port 80 answers everyone with a redirect to HTTPS, where services have names of their own
  for_each = local.open_ports

  security_group_id = aws_security_group.load_balancer.id
  description       = "${each.key} from everywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value

  tags = merge(var.tags, { Name = each.key })
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  for_each = var.services

  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Requests for ${each.key}"
  referenced_security_group_id = aws_security_group.service[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port

  tags = merge(var.tags, { Name = each.key })
}

resource "aws_security_group" "service" {
  #checkov:skip=CKV2_AWS_5:attached to the service's containers, once it has an image
  for_each = var.services

  name_prefix = "${var.name}-${each.key}-"
  description = "Containers of ${each.key}"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  for_each = var.services

  security_group_id            = aws_security_group.service[each.key].id
  description                  = "Requests from the load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port

  tags = merge(var.tags, { Name = "load-balancer" })
}

# Images, logs and secrets come from AWS over HTTPS, at addresses that change.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = var.services

  security_group_id = aws_security_group.service[each.key].id
  description       = "HTTPS to AWS and others"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "https" })
}
