# Plans against mocks: no account, no network.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = {
      name = "eu-central-1"
    }
  }

  mock_data "aws_ec2_managed_prefix_list" {
    defaults = {
      id = "pl-cloudfront"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

override_resource {
  target          = aws_security_group.load_balancer
  override_during = plan
  values          = { id = "sg-lb" }
}

override_resource {
  target          = aws_security_group.service
  override_during = plan
  values          = { id = "sg-service" }
}

override_resource {
  target          = aws_iam_role.execution
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/execution" }
}

override_resource {
  target          = aws_lb.public
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/example-test/1"
    arn_suffix = "app/example-test/1"
  }
}

override_resource {
  target          = aws_lb_target_group.this
  override_during = plan
  values = {
    arn        = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/example-test/1"
    arn_suffix = "targetgroup/example-test/1"
  }
}

variables {
  name                   = "example-test"
  vpc_id                 = "vpc-1"
  public_subnet_ids      = ["subnet-public-1", "subnet-public-2"]
  private_subnet_ids     = ["subnet-private-1", "subnet-private-2"]
  certificate_arn        = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  access_log_bucket_name = "logs"
  origin_header          = { name = "x-origin-secret", value = "abcdefghijklmnopqrstuvwxyzABCDEF" }

  services = {
    guestbook = {
      image          = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/example-test/guestbook@sha256:0000000000000000000000000000000000000000000000000000000000000001"
      repository_arn = "arn:aws:ecr:eu-central-1:123456789012:repository/example-test/guestbook"
      log_group      = { name = "/example-test/guestbook", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/example-test/guestbook" }
      port           = 8080
      priority       = 10
      paths          = ["/api/guestbook", "/api/guestbook/*"]
      min_count      = 2
      max_count      = 4
      environment    = { DATABASE_HOST = "db.example.com" }
      secrets        = { DATABASE_PASSWORD = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1:password::" }
    }
    counter = {
      image          = null
      repository_arn = "arn:aws:ecr:eu-central-1:123456789012:repository/example-test/counter"
      log_group      = { name = "/example-test/counter", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/example-test/counter" }
      port           = 8081
      priority       = 20
      paths          = ["/api/counter"]
      health_path    = "/alive"
      min_count      = 1
      max_count      = 2
    }
  }
}

run "an_image_is_run_by_its_digest" {
  command = plan

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].image == var.services.guestbook.image
    error_message = "The digest that was given is the one that runs."
  }
}

run "a_service_without_an_image_has_everything_but_containers" {
  command = plan

  assert {
    condition     = keys(aws_ecs_service.this) == ["guestbook"] && keys(aws_ecs_task_definition.this) == ["guestbook"] && keys(aws_appautoscaling_target.this) == ["guestbook"]
    error_message = "Nothing runs and nothing scales before there is an image."
  }

  assert {
    condition     = keys(aws_lb_target_group.this) == ["counter", "guestbook"] && keys(aws_security_group.service) == ["counter", "guestbook"] && keys(aws_lb_listener_rule.this) == ["counter", "guestbook"]
    error_message = "Its way in and its group are there already."
  }
}

run "containers_are_not_reachable_and_cannot_change_themselves" {
  command = plan

  assert {
    condition     = !aws_ecs_service.this["guestbook"].network_configuration[0].assign_public_ip && aws_ecs_service.this["guestbook"].network_configuration[0].subnets == toset(["subnet-private-1", "subnet-private-2"])
    error_message = "Containers have no public address."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].readonlyRootFilesystem && jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"]
    error_message = "Their file system is read-only, and they have no capabilities."
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.service : name => [rule.referenced_security_group_id, rule.from_port] } == { guestbook = ["sg-lb", 8080], counter = ["sg-lb", 8081] }
    error_message = "Only the load balancer reaches them, on their port."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.https : rule.from_port == 443 && rule.to_port == 443])
    error_message = "They reach HTTPS, and what other modules open for them."
  }
}

run "a_rollout_that_fails_goes_back_by_itself" {
  command = plan

  assert {
    condition     = aws_ecs_service.this["guestbook"].deployment_circuit_breaker[0].enable && aws_ecs_service.this["guestbook"].deployment_circuit_breaker[0].rollback
    error_message = "The circuit breaker is on, with rollback."
  }

  assert {
    condition     = aws_ecs_service.this["guestbook"].deployment_minimum_healthy_percent == 100 && aws_ecs_task_definition.this["guestbook"].skip_destroy
    error_message = "Old containers stay until new ones are healthy, and earlier revisions stay to go back to."
  }

  assert {
    condition     = aws_ecs_service.this["guestbook"].deployment_maximum_percent == 200
    error_message = "There is room for as many new ones beside them: with less, a rollout of one container never begins."
  }

  assert {
    condition     = aws_ecs_service.this["guestbook"].health_check_grace_period_seconds == 30
    error_message = "A container that is not healthy after half a minute is no accident."
  }
}

run "a_service_that_starts_slowly_gets_the_time_that_it_asks_for" {
  command = plan

  variables {
    services = {
      one = { image = "host/one@sha256:0000000000000000000000000000000000000000000000000000000000000001", repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 1, max_count = 1, health_grace_seconds = 120 }
    }
  }

  assert {
    condition     = aws_ecs_service.this["one"].health_check_grace_period_seconds == 120
    error_message = "The grace period is the service's own."
  }
}

run "the_load_balancer_asks_each_service_whether_it_is_alive" {
  command = plan

  assert {
    condition     = { for name, group in aws_lb_target_group.this : name => [group.health_check[0].path, group.health_check[0].matcher] } == { guestbook = ["/healthz", "200"], counter = ["/alive", "200"] }
    error_message = "200 at the path that the service says, and nothing else, is healthy."
  }

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : [group.health_check[0].interval, group.health_check[0].timeout, group.health_check[0].healthy_threshold, group.health_check[0].unhealthy_threshold] == [10, 5, 2, 3]])
    error_message = "Two checks, ten seconds apart, find it healthy, and three do not: docs/services.md and the least health_grace_seconds reckon with that."
  }
}

run "a_container_that_ends_answers_what_it_was_asked" {
  command = plan

  assert {
    condition     = alltrue([for group in aws_lb_target_group.this : tonumber(group.deregistration_delay) == 30])
    error_message = "The load balancer lets requests under way end, and does not wait five minutes, as it would by itself."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].stopTimeout == 60
    error_message = "SIGKILL comes later than the load balancer stops sending requests, and later than DRAIN_DELAY_SECONDS and DRAIN_SECONDS together."
  }
}

run "the_load_balancer_closes_idle_connections_before_a_service_does" {
  command = plan

  assert {
    condition     = aws_lb.public.idle_timeout < 75
    error_message = "A service closes a connection after 75 idle seconds (KEEP_ALIVE_SECONDS): a request on its way then would be a 502."
  }
}

run "only_cloudfront_reaches_the_load_balancer" {
  command = plan

  assert {
    condition     = data.aws_ec2_managed_prefix_list.cloudfront.name == "com.amazonaws.global.cloudfront.origin-facing"
    error_message = "The list is the one of CloudFront's addresses."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.cloudfront[0].prefix_list_id == "pl-cloudfront" && aws_vpc_security_group_ingress_rule.cloudfront[0].from_port == 443 && length(aws_vpc_security_group_ingress_rule.internet) == 0
    error_message = "HTTPS from CloudFront's addresses, and nothing else."
  }
}

run "another_distribution_finds_no_service" {
  command = plan

  assert {
    condition = alltrue([
      for rule in aws_lb_listener_rule.this :
      one(flatten([for condition in rule.condition : condition.http_header])) == { http_header_name = "x-origin-secret", values = toset([var.origin_header.value]) }
    ])
    error_message = "Each rule asks for the header that only the site's distribution sends."
  }
}

run "everyone_reaches_services_with_names_of_their_own" {
  command = plan

  variables {
    accept_from = "internet"
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.internet : name => rule.from_port } == { https = 443, redirect = 80 } && length(aws_vpc_security_group_ingress_rule.cloudfront) == 0
    error_message = "HTTPS, and HTTP for its redirect."
  }
}

run "connections_are_encrypted" {
  command = plan

  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && startswith(aws_lb_listener.https.ssl_policy, "ELBSecurityPolicy-TLS13-1-2")
    error_message = "TLS 1.2 is the least."
  }

  assert {
    condition     = aws_lb_listener.redirect.default_action[0].redirect[0].protocol == "HTTPS" && aws_lb_listener.redirect.default_action[0].redirect[0].status_code == "HTTP_301"
    error_message = "Port 80 only redirects."
  }

  assert {
    condition     = aws_lb_listener.https.default_action[0].fixed_response[0].status_code == "404"
    error_message = "What no rule knows is a 404, not some service."
  }
}

run "requests_find_their_service_by_path_and_host" {
  command = plan

  variables {
    accept_from = "internet"
    services = {
      guestbook = {
        image          = null
        repository_arn = "arn:aws:ecr:eu-central-1:123456789012:repository/example-test/guestbook"
        log_group      = { name = "/g", arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/g" }
        port           = 8080
        priority       = 10
        paths          = ["/api/guestbook"]
        hosts          = ["guestbook.example.com"]
        min_count      = 1
        max_count      = 1
      }
    }
  }

  assert {
    condition = length(aws_lb_listener_rule.this["guestbook"].condition) == 2 && toset(flatten([
      for condition in aws_lb_listener_rule.this["guestbook"].condition : [for test in concat(condition.path_pattern, condition.host_header) : tolist(test.values)]
    ])) == toset(["/api/guestbook", "guestbook.example.com"])
    error_message = "The rule asks for both."
  }

  assert {
    condition     = aws_lb_listener_rule.this["guestbook"].priority == 10
    error_message = "The priority is the service's own, so that removing another one renumbers nothing."
  }

  assert {
    condition     = output.hosts == { guestbook = toset(["guestbook.example.com"]) }
    error_message = "The output names the hosts that the rule asks for."
  }
}

run "each_service_may_do_what_it_needs_and_no_more" {
  command = plan

  assert {
    condition = { for statement in data.aws_iam_policy_document.execution["guestbook"].statement : statement.sid => statement.actions } == {
      SignIn  = toset(["ecr:GetAuthorizationToken"])
      Image   = toset(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
      Log     = toset(["logs:CreateLogStream", "logs:PutLogEvents"])
      Secrets = toset(["secretsmanager:GetSecretValue"])
    }
    error_message = "It fetches the image, writes the log and reads secrets."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["counter"].statement : statement.resources if statement.sid == "Log"]) == toset(["arn:aws:logs:eu-central-1:123456789012:log-group:/example-test/counter:*"])
    error_message = "A service writes to its own log group."
  }

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.execution_trust.statement : [statement.actions, [for principal in statement.principals : [principal.type, principal.identifiers]]]
    ] == [[toset(["sts:AssumeRole"]), [["Service", toset(["ecs-tasks.amazonaws.com"])]]]]
    error_message = "ECS takes the role for a task, and nobody else."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["guestbook"].statement : statement.resources if statement.sid == "Secrets"]) == toset(["arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1"])
    error_message = "The guestbook reads its own secret, named without the key in it."
  }

  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.execution["counter"].statement : statement.sid], "Secrets")
    error_message = "A service without secrets reads none."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execution["counter"].statement : statement.resources if statement.sid == "Image"]) == toset(["arn:aws:ecr:eu-central-1:123456789012:repository/example-test/counter"])
    error_message = "A service's image comes from its own repository."
  }

  assert {
    condition     = alltrue([for name in ["counter", "guestbook"] : toset(flatten([for statement in data.aws_iam_policy_document.execution[name].statement : statement.actions if statement.resources == toset(["*"])])) == toset(["ecr:GetAuthorizationToken"])])
    error_message = "Only the sign-in to ECR is for every resource, because it knows none."
  }
}

run "secrets_reach_containers_by_reference" {
  command = plan

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].secrets == [{ name = "DATABASE_PASSWORD", valueFrom = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1:password::" }]
    error_message = "The task definition names the secret; ECS reads it when a container starts."
  }
}

run "services_scale_with_cpu_and_requests" {
  command = plan

  assert {
    condition     = aws_appautoscaling_target.this["guestbook"].min_capacity == 2 && aws_appautoscaling_target.this["guestbook"].max_capacity == 4
    error_message = "The bounds are the service's own."
  }

  assert {
    condition = {
      for name, policy in { cpu = aws_appautoscaling_policy.cpu["guestbook"], requests = aws_appautoscaling_policy.requests["guestbook"] } : name => [
        for followed in policy.target_tracking_scaling_policy_configuration : [
          one(followed.predefined_metric_specification).predefined_metric_type,
          coalesce(one(followed.predefined_metric_specification).resource_label, "of the service"),
          followed.target_value,
        ]
      ]
      } == {
      cpu      = [["ECSServiceAverageCPUUtilization", "of the service", 60]]
      requests = [["ALBRequestCountPerTarget", "app/example-test/1/targetgroup/example-test/1", 3000]]
    }
    error_message = "Both CPU and requests are followed: 60 percent, and 3000 a minute for each container."
  }

  assert {
    condition     = alltrue([for policy in [aws_appautoscaling_policy.cpu["guestbook"], aws_appautoscaling_policy.requests["guestbook"]] : [policy.policy_type, policy.resource_id, policy.scalable_dimension, policy.service_namespace] == ["TargetTrackingScaling", "service/example-test/guestbook", "ecs:service:DesiredCount", "ecs"]])
    error_message = "It is the service's number of containers that follows."
  }

  assert {
    condition     = alltrue([for policy in [aws_appautoscaling_policy.cpu["guestbook"], aws_appautoscaling_policy.requests["guestbook"]] : [policy.target_tracking_scaling_policy_configuration[0].scale_out_cooldown, policy.target_tracking_scaling_policy_configuration[0].scale_in_cooldown, coalesce(policy.target_tracking_scaling_policy_configuration[0].disable_scale_in, false)] == [60, 300, false]])
    error_message = "Up quickly and down slowly, but down."
  }
}

run "a_service_scales_where_it_says" {
  command = plan

  variables {
    services = {
      one = { image = "host/one@sha256:0000000000000000000000000000000000000000000000000000000000000001", repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 1, max_count = 1, target_cpu_percent = 40, target_requests_per_minute = 600 }
    }
  }

  assert {
    condition     = aws_appautoscaling_policy.cpu["one"].target_tracking_scaling_policy_configuration[0].target_value == 40 && aws_appautoscaling_policy.requests["one"].target_tracking_scaling_policy_configuration[0].target_value == 600
    error_message = "Both targets are the service's own."
  }
}

run "logs_are_written_and_requests_too" {
  command = plan

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["guestbook"].container_definitions)[0].logConfiguration.options["awslogs-group"] == "/example-test/guestbook"
    error_message = "A service writes to its log group."
  }

  assert {
    condition     = aws_lb.public.access_logs[0].enabled && aws_lb.public.access_logs[0].bucket == "logs"
    error_message = "The load balancer writes down its requests."
  }
}

run "nothing_is_deleted_by_accident" {
  command = plan

  assert {
    condition     = aws_lb.public.enable_deletion_protection
    error_message = "AWS refuses to delete the load balancer."
  }
}

run "spare_capacity_is_used_when_asked_for" {
  command = plan

  variables {
    use_spot = true
  }

  assert {
    condition     = one(aws_ecs_service.this["guestbook"].capacity_provider_strategy).capacity_provider == "FARGATE_SPOT"
    error_message = "Containers run on spare capacity."
  }
}

run "roles_carry_the_boundary_and_everything_its_tags" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    tags                     = { team = "web" }
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.execution : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "Every role has the boundary that is asked for."
  }

  assert {
    condition     = aws_lb.public.tags == tomap({ team = "web", Name = "example-test" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "values_that_aws_would_refuse_are_refused_first" {
  command = plan

  variables {
    name              = "example--test"
    public_subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.name, var.public_subnet_ids]
}

run "another_source_of_requests_is_refused" {
  command = plan

  variables {
    accept_from = "everywhere"
  }

  expect_failures = [var.accept_from]
}

run "an_image_by_tag_is_refused" {
  command = plan

  variables {
    services = {
      guestbook = {
        image          = "example/guestbook:latest"
        repository_arn = "arn"
        log_group      = { name = "/g", arn = "arn" }
        port           = 8080
        priority       = 10
        paths          = ["/"]
        min_count      = 1
        max_count      = 1
      }
    }
  }

  expect_failures = [var.services]
}

run "two_services_with_one_priority_are_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 1, max_count = 1 }
      two = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/2"], min_count = 1, max_count = 1 }
    }
  }

  expect_failures = [var.services]
}

run "more_paths_than_a_rule_takes_beside_the_header_are_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1", "/2", "/3", "/4", "/5"], min_count = 1, max_count = 1 }
    }
  }

  expect_failures = [var.services]
}

run "a_header_that_can_be_guessed_is_refused" {
  command = plan

  variables {
    origin_header = { name = "x-origin-secret", value = "*" }
  }

  expect_failures = [var.origin_header]
}

run "a_service_that_nothing_leads_to_is_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, min_count = 1, max_count = 1 }
    }
  }

  expect_failures = [var.services]
}

run "more_containers_at_least_than_at_most_are_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 3, max_count = 2 }
    }
  }

  expect_failures = [var.services]
}

run "a_grace_that_no_health_check_fits_into_is_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 1, max_count = 1, health_grace_seconds = 20 }
    }
  }

  expect_failures = [var.services]
}

run "a_name_too_long_for_a_target_group_is_refused" {
  command = plan

  variables {
    services = {
      a-service-with-quite-a-name = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, paths = ["/1"], min_count = 1, max_count = 1 }
    }
  }

  expect_failures = [var.services]
}

run "a_host_that_only_cloudfront_could_reach_is_refused" {
  command = plan

  variables {
    services = {
      one = { image = null, repository_arn = "arn", log_group = { name = "/g", arn = "arn" }, port = 8080, priority = 10, hosts = ["one.example.com"], min_count = 1, max_count = 1 }
    }
  }

  expect_failures = [var.accept_from]
}
