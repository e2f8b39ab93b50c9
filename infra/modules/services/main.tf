# An ECS cluster on Fargate and, for each entry of `services`, what runs it. The load balancer, the ways in and out, the
# roles and the scaling have files of their own.

data "aws_region" "current" {}

locals {
  # A service without an image has everything but containers, so that its image has somewhere to go first.
  running = { for name, service in var.services : name => service if service.image != null }
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Container Insights cost by metric; the free ones are what the alarms and the scaling read
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled"
  }

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.running

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory_mib
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = each.value.task_role_arn

  # A rollback names the earlier revision: Terraform must not take it away.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  container_definitions = jsonencode([
    {
      name      = each.key
      image     = each.value.image
      essential = true

      portMappings = [{ containerPort = each.value.port, protocol = "tcp" }]
      environment  = [for name in sort(keys(each.value.environment)) : { name = name, value = each.value.environment[name] }]
      secrets      = [for name in sort(keys(each.value.secrets)) : { name = name, valueFrom = each.value.secrets[name] }]

      readonlyRootFilesystem = true
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }

      # Seconds between SIGTERM and SIGKILL: longer than the load balancer goes on sending requests.
      stopTimeout = 60

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-region        = data.aws_region.current.name
          awslogs-group         = each.value.log_group.name
          awslogs-stream-prefix = "task"

          # A log that CloudWatch does not take must not stop the service.
          mode            = "non-blocking"
          max-buffer-size = "8m"
        }
      }
    },
  ])

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_ecs_service" "this" {
  for_each = local.running

  name            = each.key
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this[each.key].arn
  desired_count   = each.value.min_count

  # All old containers stay until as many new ones are healthy.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "ENABLED"
  health_check_grace_period_seconds  = each.value.health_grace_seconds
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  # Whoever deploys watches the rollout and says what goes wrong; Terraform would only wait.
  wait_for_steady_state = false

  capacity_provider_strategy {
    capacity_provider = var.use_spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.service[each.key].id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this[each.key].arn
    container_name   = each.key
    container_port   = each.value.port
  }

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # ECS refuses a target group that no listener uses, and capacity that the cluster does not have.
  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
    aws_lb_listener_rule.this,
  ]

  lifecycle {
    # The scaling decides, once the service is there.
    ignore_changes = [desired_count]
  }
}
