output "role_arn" {
  description = "The role that CI takes: `role-to-assume` of aws-actions/configure-aws-credentials."
  value       = aws_iam_role.deploy.arn
}

output "permissions_boundary_arn" {
  description = "The boundary that every role of the environment needs."
  value       = aws_iam_policy.boundary.arn
}
