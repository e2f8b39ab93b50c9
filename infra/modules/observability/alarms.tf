# What wakes somebody up. Each alarm is one entry: what is measured, and from where on it is too much.

locals {
  # Of the services' region, by name. `below` turns the comparison round.
  alarms = merge(
    local.load_balancer_alarms,
    local.service_alarms,
    local.database_alarms,
    local.cache_alarms,
    local.certificate_alarms,
  )

  # `[*]` makes a list of one out of what is there, and an empty one out of null.
  load_balancer_alarms = merge([for balancer in var.load_balancer[*] : {
    load-balancer-5xx = {
      description = "The load balancer itself answered with errors: nothing healthy behind it, or a connection was cut."
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_ELB_5XX_Count"
      dimensions  = { LoadBalancer = balancer.arn_suffix }
      statistic   = "Sum"
      threshold   = 5
    }
    services-5xx = {
      description = "Services answered with errors."
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_Target_5XX_Count"
      dimensions  = { LoadBalancer = balancer.arn_suffix }
      statistic   = "Sum"
      threshold   = 5
    }
    services-slow = {
      description = "One request in twenty takes longer than a second."
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      dimensions  = { LoadBalancer = balancer.arn_suffix }
      statistic   = "p95"
      threshold   = 1
    }
  }]...)

  service_alarms = merge(flatten([
    for balancer in var.load_balancer[*] : [for name in var.service_names : {
      "${name}-unhealthy" = {
        description = "Containers of ${name} fail their health check."
        namespace   = "AWS/ApplicationELB"
        metric      = "UnHealthyHostCount"
        dimensions  = { LoadBalancer = balancer.arn_suffix, TargetGroup = balancer.target_group_arn_suffixes[name] }
        statistic   = "Maximum"
        threshold   = 1
      }
      "${name}-cpu" = {
        description = "${name} is short of CPU although it scales: at its upper bound, or slow to start."
        namespace   = "AWS/ECS"
        metric      = "CPUUtilization"
        dimensions  = { ClusterName = balancer.cluster_name, ServiceName = name }
        statistic   = "Average"
        threshold   = 85
      }
      "${name}-memory" = {
        description = "${name} is close to the memory at which it would be killed."
        namespace   = "AWS/ECS"
        metric      = "MemoryUtilization"
        dimensions  = { ClusterName = balancer.cluster_name, ServiceName = name }
        statistic   = "Maximum"
        threshold   = 85
      }
    }]
  ])...)

  database_alarms = merge([for database in var.database[*] : {
    for name, alarm in {
      database-cpu = {
        description = "The database is short of CPU."
        metric      = "CPUUtilization"
        statistic   = "Average"
        threshold   = 80
      }
      database-memory = {
        description = "The database has less than 100 MB of memory left."
        metric      = "FreeableMemory"
        statistic   = "Minimum"
        threshold   = 100 * 1000 * 1000
        below       = true
      }
      database-storage = {
        description = "The database has less than ${database.free_storage_gb} GB of storage left: it has stopped growing by itself."
        metric      = "FreeStorageSpace"
        statistic   = "Minimum"
        threshold   = database.free_storage_gb * 1000 * 1000 * 1000
        below       = true
      }
      database-connections = {
        description = "The database has more than ${database.connections} connections, close to what it takes."
        metric      = "DatabaseConnections"
        statistic   = "Maximum"
        threshold   = database.connections
      }
    } : name => merge({ namespace = "AWS/RDS", dimensions = { DBInstanceIdentifier = database.identifier } }, alarm)
  }]...)

  cache_alarms = merge([
    for node in var.cache_node_ids : {
      for name, alarm in {
        cpu = {
          description = "The cache node ${node} is short of CPU: it works on one core."
          metric      = "EngineCPUUtilization"
          threshold   = 80
        }
        memory = {
          description = "The cache node ${node} is almost full. Counters are never evicted: writes will fail."
          metric      = "DatabaseMemoryUsagePercentage"
          threshold   = 80
        }
        connections = {
          description = "The cache node ${node} has many connections: clients may open them and not close them."
          metric      = "CurrConnections"
          threshold   = 1000
        }
      } : "${node}-${name}" => merge({ namespace = "AWS/ElastiCache", dimensions = { CacheClusterId = node }, statistic = "Maximum" }, alarm)
    }
  ]...)

  certificate_alarms = merge([for balancer in var.load_balancer[*] : {
    load-balancer-certificate = {
      description = "The load balancer's certificate ends within three weeks: its validation record may be gone, for ACM renews it earlier."
      namespace   = "AWS/CertificateManager"
      metric      = "DaysToExpiry"
      dimensions  = { CertificateArn = balancer.certificate_arn }
      statistic   = "Minimum"
      threshold   = 21
      below       = true

      # Days. ACM measures twice a day.
      period  = 86400
      periods = 1
    }
  }]...)

  # In us-east-1, where CloudFront measures and its certificate is.
  edge_alarms = {
    site-5xx = {
      description = "More than one request in twenty to the site ends in an error."
      namespace   = "AWS/CloudFront"
      metric      = "5xxErrorRate"
      dimensions  = { DistributionId = var.site.distribution_id, Region = "Global" }
      statistic   = "Average"
      threshold   = 5
    }
    site-certificate = {
      description = "The site's certificate ends within three weeks: its validation record may be gone, for ACM renews it earlier."
      namespace   = "AWS/CertificateManager"
      metric      = "DaysToExpiry"
      dimensions  = { CertificateArn = var.site.certificate_arn }
      statistic   = "Minimum"
      threshold   = 21
      below       = true
      period      = 86400
      periods     = 1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold

  # Seconds. Five bad minutes in a row, so that one is forgiven.
  period              = try(each.value.period, 60)
  evaluation_periods  = try(each.value.periods, 5)
  datapoints_to_alarm = try(each.value.periods, 5)
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  for_each = local.edge_alarms
  provider = aws.us_east_1

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = try(each.value.below, false) ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = try(each.value.period, 60)
  evaluation_periods  = try(each.value.periods, 5)
  datapoints_to_alarm = try(each.value.periods, 5)
  treat_missing_data  = "notBreaching"

  alarm_actions = [aws_sns_topic.edge_alarms.arn]
  ok_actions    = [aws_sns_topic.edge_alarms.arn]

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}
