output "repository_urls" {
  description = "Where to push each service's image, by service."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "repository_arns" {
  description = "The repositories, for policies, by service."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
