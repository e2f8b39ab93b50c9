# What modules/services makes of ECS, argument by argument, and nothing else: the cluster is asked as the whole application asks it.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
}
provider "aws" {
  region = "eu-central-1"
  default_tags { tags = { project = "example" } }
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
variable "image" { type = string }
variable "version_name" { type = string }
resource "aws_ecs_cluster" "this" {
  name = "example"
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
  tags = { Name = "example" }
}
resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}
resource "aws_ecs_task_definition" "this" {
  family                   = "example-guestbook"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = "arn:aws:iam::123456789012:role/execution"
  task_role_arn            = null
  skip_destroy             = true
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  container_definitions = jsonencode([
    {
      name                   = "guestbook"
      image                  = var.image
      essential              = true
      portMappings           = [{ containerPort = 8080, protocol = "tcp" }]
      environment            = [{ name = "VERSION", value = var.version_name }]
      secrets                = [{ name = "PASSWORD", valueFrom = "known" }]
      readonlyRootFilesystem = true
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      stopTimeout            = 60
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-region        = "eu-central-1"
          awslogs-group         = "example"
          awslogs-stream-prefix = "task"
          mode                  = "non-blocking"
          max-buffer-size       = "8m"
        }
      }
    },
  ])
  tags = { Name = "example-guestbook" }
}
resource "aws_ecs_service" "this" {
  name                               = "guestbook"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = 2
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "ENABLED"
  health_check_grace_period_seconds  = 60
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  wait_for_steady_state              = false
  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    security_groups  = ["sg-0123456789abcdef0"]
    assign_public_ip = false
  }
  load_balancer {
    target_group_arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/example-guestbook/0123456789abcdef"
    container_name   = "guestbook"
    container_port   = 8080
  }
  tags       = { Name = "example-guestbook" }
  depends_on = [aws_ecs_cluster_capacity_providers.this]
  lifecycle {
    ignore_changes = [desired_count]
  }
}
output "task_definition_arn" { value = aws_ecs_task_definition.this.arn }
