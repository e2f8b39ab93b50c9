# The one way in: HTTPS, and for each service a rule.

resource "aws_lb" "public" {
  #checkov:skip=CKV2_AWS_28:the firewall, where there is one, stands before CloudFront
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.public_subnet_ids
  security_groups            = [aws_security_group.load_balancer.id]
  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  idle_timeout               = 60

  access_logs {
    enabled = true
    bucket  = var.access_log_bucket_name
    prefix  = "load-balancer"
  }

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.public.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = { code = "not_found", message = "no service answers here" } })
      status_code  = "404"
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-https" })
}

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.public.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-redirect" })
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:between the load balancer and a container there are two security groups that know only each other
  for_each = var.services

  name        = "${var.name}-${each.key}"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"

  # Each container registers with its own port; this one only has to be there, and never changes.
  port = 80

  # Seconds that a container goes on answering what it was asked before it is stopped.
  deregistration_delay = 30

  health_check {
    path                = each.value.health_path
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
    matcher             = "200"
  }

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_lb_listener_rule" "this" {
  for_each = var.services

  listener_arn = aws_lb_listener.https.arn
  priority     = each.value.priority

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  dynamic "condition" {
    for_each = length(each.value.paths) > 0 ? [each.value.paths] : []

    content {
      path_pattern {
        values = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.hosts) > 0 ? [each.value.hosts] : []

    content {
      host_header {
        values = condition.value
      }
    }
  }

  # Services with hosts of their own are for everyone, the others for the site's distribution alone.
  dynamic "condition" {
    for_each = length(each.value.hosts) == 0 ? ["origin"] : []

    content {
      http_header {
        http_header_name = var.origin_header.name
        values           = [var.origin_header.value]
      }
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}
