output "log_groups" {
  description = "Where each service writes, by service."
  value       = { for name, group in aws_cloudwatch_log_group.service : name => { name = group.name, arn = group.arn } }
}

output "log_bucket_name" {
  description = "Where the load balancer writes, once it may."
  value       = aws_s3_bucket_policy.logs.bucket
}

output "dashboard_name" {
  description = "The dashboard in CloudWatch."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "monthly_budget_usd" {
  description = "The costs in a month that somebody is told of, in US dollars; null for no budget."
  value       = one([for budget in aws_budgets_budget.this : tonumber(budget.limit_amount)])
}
