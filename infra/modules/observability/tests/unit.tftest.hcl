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

  mock_data "aws_region" {
    defaults = {
      name = "eu-central-1"
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

override_resource {
  target          = aws_sns_topic.alarms
  override_during = plan
  values          = { arn = "arn:aws:sns:eu-central-1:123456789012:example-test-alarms" }
}

override_resource {
  target          = aws_sns_topic.edge_alarms
  override_during = plan
  values          = { arn = "arn:aws:sns:us-east-1:123456789012:example-test-edge-alarms" }
}

override_resource {
  target          = aws_s3_bucket.logs
  override_during = plan
  values = {
    id  = "example-test-logs-123456789012"
    arn = "arn:aws:s3:::example-test-logs-123456789012"
  }
}

variables {
  name                = "example-test"
  notification_emails = ["ops@example.com"]

  site = {
    distribution_id = "E1EXAMPLE"
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/site"
  }

  service_names = ["guestbook", "counter"]

  load_balancer = {
    arn_suffix                = "app/example-test/1"
    target_group_arn_suffixes = { guestbook = "targetgroup/guestbook/1", counter = "targetgroup/counter/1" }
    cluster_name              = "example-test"
    certificate_arn           = "arn:aws:acm:eu-central-1:123456789012:certificate/load-balancer"
  }

  database       = { identifier = "example-test-db" }
  cache_node_ids = ["example-test-cache-001"]
}

run "services_have_log_groups_that_forget" {
  command = plan

  assert {
    condition     = { for name, group in aws_cloudwatch_log_group.service : name => [group.name, group.retention_in_days] } == { guestbook = ["/example-test/guestbook", 90], counter = ["/example-test/counter", 90] }
    error_message = "Each service has a group, kept for 90 days."
  }
}

# AWS takes an alarm for a metric that nothing measures, and it never goes off: so each is held against what AWS calls it.
run "every_part_has_its_alarms_on_what_aws_measures" {
  command = plan

  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.this :
      name => [alarm.namespace, alarm.metric_name, alarm.dimensions, coalesce(alarm.statistic, alarm.extended_statistic), alarm.comparison_operator, alarm.threshold]
      } == {
      load-balancer-5xx                  = ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", tomap({ LoadBalancer = "app/example-test/1" }), "Sum", "GreaterThanOrEqualToThreshold", 5]
      services-5xx                       = ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", tomap({ LoadBalancer = "app/example-test/1" }), "Sum", "GreaterThanOrEqualToThreshold", 5]
      services-slow                      = ["AWS/ApplicationELB", "TargetResponseTime", tomap({ LoadBalancer = "app/example-test/1" }), "p95", "GreaterThanOrEqualToThreshold", 1]
      counter-unhealthy                  = ["AWS/ApplicationELB", "UnHealthyHostCount", tomap({ LoadBalancer = "app/example-test/1", TargetGroup = "targetgroup/counter/1" }), "Maximum", "GreaterThanOrEqualToThreshold", 1]
      counter-cpu                        = ["AWS/ECS", "CPUUtilization", tomap({ ClusterName = "example-test", ServiceName = "counter" }), "Average", "GreaterThanOrEqualToThreshold", 85]
      counter-memory                     = ["AWS/ECS", "MemoryUtilization", tomap({ ClusterName = "example-test", ServiceName = "counter" }), "Maximum", "GreaterThanOrEqualToThreshold", 85]
      guestbook-unhealthy                = ["AWS/ApplicationELB", "UnHealthyHostCount", tomap({ LoadBalancer = "app/example-test/1", TargetGroup = "targetgroup/guestbook/1" }), "Maximum", "GreaterThanOrEqualToThreshold", 1]
      guestbook-cpu                      = ["AWS/ECS", "CPUUtilization", tomap({ ClusterName = "example-test", ServiceName = "guestbook" }), "Average", "GreaterThanOrEqualToThreshold", 85]
      guestbook-memory                   = ["AWS/ECS", "MemoryUtilization", tomap({ ClusterName = "example-test", ServiceName = "guestbook" }), "Maximum", "GreaterThanOrEqualToThreshold", 85]
      database-cpu                       = ["AWS/RDS", "CPUUtilization", tomap({ DBInstanceIdentifier = "example-test-db" }), "Average", "GreaterThanOrEqualToThreshold", 80]
      database-memory                    = ["AWS/RDS", "FreeableMemory", tomap({ DBInstanceIdentifier = "example-test-db" }), "Minimum", "LessThanThreshold", 100000000]
      database-storage                   = ["AWS/RDS", "FreeStorageSpace", tomap({ DBInstanceIdentifier = "example-test-db" }), "Minimum", "LessThanThreshold", 4000000000]
      database-connections               = ["AWS/RDS", "DatabaseConnections", tomap({ DBInstanceIdentifier = "example-test-db" }), "Maximum", "GreaterThanOrEqualToThreshold", 80]
      example-test-cache-001-cpu         = ["AWS/ElastiCache", "EngineCPUUtilization", tomap({ CacheClusterId = "example-test-cache-001" }), "Maximum", "GreaterThanOrEqualToThreshold", 80]
      example-test-cache-001-memory      = ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", tomap({ CacheClusterId = "example-test-cache-001" }), "Maximum", "GreaterThanOrEqualToThreshold", 80]
      example-test-cache-001-connections = ["AWS/ElastiCache", "CurrConnections", tomap({ CacheClusterId = "example-test-cache-001" }), "Maximum", "GreaterThanOrEqualToThreshold", 1000]
      load-balancer-certificate          = ["AWS/CertificateManager", "DaysToExpiry", tomap({ CertificateArn = "arn:aws:acm:eu-central-1:123456789012:certificate/load-balancer" }), "Minimum", "LessThanThreshold", 21]
    }
    error_message = "Errors, latency, health, CPU, memory, storage, connections and certificates are watched."
  }

  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.edge :
      name => [alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.comparison_operator, alarm.threshold]
      } == {
      site-5xx         = ["AWS/CloudFront", "5xxErrorRate", tomap({ DistributionId = "E1EXAMPLE", Region = "Global" }), "Average", "GreaterThanOrEqualToThreshold", 5]
      site-certificate = ["AWS/CertificateManager", "DaysToExpiry", tomap({ CertificateArn = "arn:aws:acm:us-east-1:123456789012:certificate/site" }), "Minimum", "LessThanThreshold", 21]
    }
    error_message = "So are the site's errors and its certificate."
  }

  assert {
    condition = alltrue([
      for name, alarm in merge(aws_cloudwatch_metric_alarm.this, aws_cloudwatch_metric_alarm.edge) :
      [alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm] == (endswith(name, "-certificate") ? [86400, 1, 1] : [60, 5, 5])
    ])
    error_message = "Five bad minutes are an alarm; a certificate is measured twice a day."
  }
}

run "every_alarm_is_heard" {
  command = plan

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:example-test-alarms"]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "Each tells the topic of its region when it begins and when it is over."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.edge : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:example-test-edge-alarms"]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "CloudFront's tell the topic in us-east-1, at both times too."
  }

  assert {
    condition     = alltrue([for alarm in merge(aws_cloudwatch_metric_alarm.this, aws_cloudwatch_metric_alarm.edge) : alarm.treat_missing_data == "notBreaching"])
    error_message = "No requests are no errors: an alarm without data is over."
  }

  assert {
    condition     = alltrue([for alarm in merge(aws_cloudwatch_metric_alarm.this, aws_cloudwatch_metric_alarm.edge) : coalesce(alarm.actions_enabled, true)])
    error_message = "None of them is muted."
  }

  assert {
    condition     = keys(aws_sns_topic_subscription.alarms) == ["ops@example.com"] && keys(aws_sns_topic_subscription.edge_alarms) == ["ops@example.com"]
    error_message = "Both topics tell everyone who is named."
  }
}

run "what_runs_out_is_compared_the_other_way" {
  command = plan

  variables {
    database = { identifier = "example-test-db", free_storage_gb = 10 }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-storage"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.this["database-storage"].threshold == 10000000000
    error_message = "Free storage is measured in bytes, and too little of it is the alarm."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["database-cpu"].comparison_operator == "GreaterThanOrEqualToThreshold"
    error_message = "CPU is the other way round."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.edge["site-certificate"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.edge["site-certificate"].threshold == 21
    error_message = "A certificate with less than three weeks is the alarm."
  }
}

run "latency_is_a_percentile" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["services-slow"].extended_statistic == "p95" && aws_cloudwatch_metric_alarm.this["services-slow"].statistic == null
    error_message = "An average hides the slow ones."
  }
}

run "a_site_alone_has_its_own_alarms_only" {
  command = plan

  variables {
    service_names  = []
    load_balancer  = null
    database       = null
    cache_node_ids = []
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0 && length(aws_cloudwatch_metric_alarm.edge) == 2
    error_message = "What is not there is not watched."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 2
    error_message = "The dashboard has the site's two graphs."
  }
}

run "one_dashboard_shows_all_parts" {
  command = plan

  # A metric that AWS does not measure is an empty graph, and no error: so each is held against what AWS calls it.
  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.properties.region, widget.properties.stat, widget.properties.metrics]] == [
      ["us-east-1", "Sum", [
        ["AWS/CloudFront", "Requests", "DistributionId", "E1EXAMPLE", "Region", "Global"],
      ]],
      ["us-east-1", "Average", [
        ["AWS/CloudFront", "4xxErrorRate", "DistributionId", "E1EXAMPLE", "Region", "Global"],
        ["AWS/CloudFront", "5xxErrorRate", "DistributionId", "E1EXAMPLE", "Region", "Global"],
      ]],
      ["eu-central-1", "Sum", [
        ["AWS/ApplicationELB", "HTTPCode_Target_2XX_Count", "LoadBalancer", "app/example-test/1"],
        ["AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", "LoadBalancer", "app/example-test/1"],
        ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", "app/example-test/1"],
      ]],
      ["eu-central-1", "p95", [
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", "app/example-test/1", "TargetGroup", "targetgroup/counter/1"],
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", "app/example-test/1", "TargetGroup", "targetgroup/guestbook/1"],
      ]],
      ["eu-central-1", "Average", [
        ["AWS/ECS", "CPUUtilization", "ClusterName", "example-test", "ServiceName", "counter"],
        ["AWS/ECS", "CPUUtilization", "ClusterName", "example-test", "ServiceName", "guestbook"],
      ]],
      ["eu-central-1", "Minimum", [
        ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", "app/example-test/1", "TargetGroup", "targetgroup/counter/1"],
        ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", "app/example-test/1", "TargetGroup", "targetgroup/guestbook/1"],
      ]],
      ["eu-central-1", "Average", [
        ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "example-test-db"],
        ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "example-test-db"],
      ]],
      ["eu-central-1", "Minimum", [
        ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", "example-test-db"],
      ]],
      ["eu-central-1", "Maximum", [
        ["AWS/ElastiCache", "EngineCPUUtilization", "CacheClusterId", "example-test-cache-001"],
        ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "CacheClusterId", "example-test-cache-001"],
      ]],
    ]
    error_message = "Site, services, database and cache have nine graphs, each of what AWS measures where it does."
  }

  assert {
    condition     = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.x, widget.y]])) == 9 && alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "No graph lies on another one or beside the page."
  }
}

run "the_load_balancer_may_write_its_logs_and_nobody_reads_them" {
  command = plan

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.logs.statement : one(one(statement.principals).identifiers) if statement.sid == "LoadBalancersWrite"]) == "logdelivery.elasticloadbalancing.amazonaws.com"
    error_message = "Elastic Load Balancing writes."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.logs.restrict_public_buckets && aws_s3_bucket_public_access_block.logs.block_public_policy && aws_s3_bucket_lifecycle_configuration.logs.rule[0].expiration[0].days == 90
    error_message = "The bucket is private, and forgets after 90 days."
  }
}

run "the_budget_warns_before_the_bill" {
  command = plan

  variables {
    monthly_budget_usd = 150
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "150" && toset(aws_budgets_budget.this[0].notification[*].notification_type) == toset(["ACTUAL", "FORECASTED"])
    error_message = "Both what was spent and what will be are watched."
  }

  assert {
    condition = {
      for notification in aws_budgets_budget.this[0].notification :
      notification.notification_type => [notification.comparison_operator, notification.threshold, notification.threshold_type, notification.subscriber_email_addresses]
      } == {
      ACTUAL     = ["GREATER_THAN", 80, "PERCENTAGE", toset(["ops@example.com"])]
      FORECASTED = ["GREATER_THAN", 100, "PERCENTAGE", toset(["ops@example.com"])]
    }
    error_message = "Everyone is told at four fifths of the budget, and when the month is going to be more than all of it."
  }

  assert {
    condition     = [aws_budgets_budget.this[0].budget_type, aws_budgets_budget.this[0].time_unit, aws_budgets_budget.this[0].limit_unit] == ["COST", "MONTHLY", "USD"]
    error_message = "It is the costs of a month, in US dollars."
  }
}

run "no_budget_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_budgets_budget.this) == 0
    error_message = "The budget is the account's, so one environment of several has it."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_sns_topic.alarms.tags == tomap({ team = "web", Name = "example-test-alarms" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "values_that_make_no_sense_are_refused" {
  command = plan

  variables {
    name                = "Example"
    notification_emails = []
    log_retention_days  = 91
    monthly_budget_usd  = 0
  }

  expect_failures = [var.name, var.notification_emails, var.log_retention_days, var.monthly_budget_usd]
}

run "a_service_with_the_log_group_of_the_network_is_refused" {
  command = plan

  variables {
    service_names = ["flow", "guestbook"]
  }

  expect_failures = [var.service_names]
}
