# One page that answers: is it up, is it fast, is it full?

locals {
  # Each entry is a graph, as a title, a region and what it draws; two graphs lie beside each other.
  graphs = flatten([
    [
      {
        title  = "Site: requests"
        region = "us-east-1"
        stat   = "Sum"
        metrics = [
          ["AWS/CloudFront", "Requests", "DistributionId", var.site.distribution_id, "Region", "Global"],
        ]
      },
      {
        title  = "Site: errors, percent"
        region = "us-east-1"
        stat   = "Average"
        metrics = [
          ["AWS/CloudFront", "4xxErrorRate", "DistributionId", var.site.distribution_id, "Region", "Global"],
          ["AWS/CloudFront", "5xxErrorRate", "DistributionId", var.site.distribution_id, "Region", "Global"],
        ]
      },
    ],
    [for balancer in var.load_balancer[*] : [
      {
        title  = "Services: answers"
        region = data.aws_region.current.name
        stat   = "Sum"
        metrics = [
          for code in ["2XX", "4XX", "5XX"] : ["AWS/ApplicationELB", "HTTPCode_Target_${code}_Count", "LoadBalancer", balancer.arn_suffix]
        ]
      },
      {
        title  = "Services: seconds to an answer, 95th percentile"
        region = data.aws_region.current.name
        stat   = "p95"
        metrics = [
          for name in sort(var.service_names) :
          ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", balancer.arn_suffix, "TargetGroup", balancer.target_group_arn_suffixes[name]]
        ]
      },
      {
        title  = "Services: CPU, percent"
        region = data.aws_region.current.name
        stat   = "Average"
        metrics = [
          for name in sort(var.service_names) : ["AWS/ECS", "CPUUtilization", "ClusterName", balancer.cluster_name, "ServiceName", name]
        ]
      },
      {
        title  = "Services: healthy containers"
        region = data.aws_region.current.name
        stat   = "Minimum"
        metrics = [
          for name in sort(var.service_names) :
          ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", balancer.arn_suffix, "TargetGroup", balancer.target_group_arn_suffixes[name]]
        ]
      },
    ]],
    [for database in var.database[*] : [
      {
        title  = "Database: CPU (percent) and connections"
        region = data.aws_region.current.name
        stat   = "Average"
        metrics = [
          for metric in ["CPUUtilization", "DatabaseConnections"] : ["AWS/RDS", metric, "DBInstanceIdentifier", database.identifier]
        ]
      },
      {
        title  = "Database: free storage, bytes"
        region = data.aws_region.current.name
        stat   = "Minimum"
        metrics = [
          ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", database.identifier],
        ]
      },
    ]],
    [for nodes in length(var.cache_node_ids) > 0 ? [var.cache_node_ids] : [] : [
      {
        title  = "Cache: CPU and memory, percent"
        region = data.aws_region.current.name
        stat   = "Maximum"
        metrics = [
          for pair in setproduct(nodes, ["EngineCPUUtilization", "DatabaseMemoryUsagePercentage"]) : ["AWS/ElastiCache", pair[1], "CacheClusterId", pair[0]]
        ]
      },
    ]],
  ])
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for index, graph in local.graphs : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = graph.region
          stat    = graph.stat
          period  = 60
          view    = "timeSeries"
          metrics = graph.metrics
        }
      }
    ]
  })
}
