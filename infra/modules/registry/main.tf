# One ECR repository for each service.

resource "aws_ecr_repository" "this" {
  for_each = var.service_names

  name = "${var.name}/${each.key}"

  # A tag is a commit. It names one image, for good.
  image_tag_mutability = "IMMUTABLE"

  # ECR deletes a repository with images only when told to force it: a rollback needs them.
  force_delete = false

  # The account's own key for ECR, which costs nothing by itself.
  encryption_configuration {
    encryption_type = "KMS"
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  tags = merge(var.tags, { Name = "${var.name}/${each.key}" })
}

# An image with a tag never expires. Only the deploy tool knows which digests a kept release uses; when it forgets a
# release, it deletes what no other one uses. A rule by age or count would guess, and one day delete what is running.
resource "aws_ecr_lifecycle_policy" "this" {
  for_each = var.service_names

  repository = aws_ecr_repository.this[each.key].name

  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Forget images without a tag"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = var.untagged_days
        }
        action = { type = "expire" }
      },
    ]
  })
}
