# What the deploy role may do, and what the roles that it makes may do at most.

# Terraform makes, changes and deletes these, and most of them have no name before they are there. So it is the services
# and the regions that are limited here; an account of its own for each environment limits the rest.
data "aws_iam_policy_document" "infrastructure" {
  #checkov:skip=CKV_AWS_109:permissions on resources that do not exist yet cannot name them; README.md says what limits them
  #checkov:skip=CKV_AWS_111:as for CKV_AWS_109
  #checkov:skip=CKV_AWS_356:as for CKV_AWS_109
  #checkov:skip=CKV_AWS_107:ecr:* holds the sign-in that pushing images needs
  statement {
    sid = "InTheRegion"
    actions = [
      "acm:*",
      "application-autoscaling:*",
      "cloudwatch:*",
      "ec2:*",
      "ecr:*",
      "ecs:*",
      "elasticache:*",
      "elasticloadbalancing:*",
      "logs:*",
      "rds:*",
      "sns:*",
      "wafv2:*",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = distinct([local.region, "us-east-1"])
    }
  }

  statement {
    sid = "Everywhere"
    actions = [
      "budgets:*",
      "cloudfront-keyvaluestore:*",
      "cloudfront:*",
      "route53:*",
    ]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "data" {
  #checkov:skip=CKV_AWS_108:it publishes the site and keeps the state, in buckets of its own name
  #checkov:skip=CKV_AWS_109:what it may do to roles is bound to their name and to the boundary
  #checkov:skip=CKV_AWS_111:as for CKV_AWS_109
  #checkov:skip=CKV_AWS_356:reading what roles there are is for all of them; everything that writes names its resources
  #checkov:skip=CKV_AWS_110:a role can be made only with the boundary, which allows nothing with roles
  statement {
    sid       = "Buckets"
    actions   = ["s3:*"]
    resources = ["arn:${local.partition}:s3:::${var.name}-*"]
  }

  statement {
    sid       = "StateBucket"
    actions   = ["s3:ListBucket", "s3:GetBucketVersioning"]
    resources = ["arn:${local.partition}:s3:::${var.state_bucket_name}"]
  }

  # The lock lies beside the state and is deleted after each run.
  statement {
    sid       = "State"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["arn:${local.partition}:s3:::${var.state_bucket_name}/${var.name}/*"]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:*"]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.name}/*"]
  }

  # RDS makes the secret with the password in the name of who makes the instance. Nobody here reads it.
  statement {
    sid = "PasswordOfRds"
    actions = [
      "secretsmanager:CancelRotateSecret",
      "secretsmanager:CreateSecret",
      "secretsmanager:DescribeSecret",
      "secretsmanager:RotateSecret",
      "secretsmanager:TagResource",
    ]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:rds!*"]
  }

  statement {
    sid       = "ReadRolesAndKeys"
    actions   = ["iam:Get*", "iam:List*", "kms:DescribeKey"]
    resources = ["*"]
  }

  # Without the condition, whoever deploys could make a role that may do anything, and have a container take it.
  statement {
    sid = "RolesUnderTheBoundary"
    actions = [
      "iam:AttachRolePolicy",
      "iam:CreateRole",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
    ]
    resources = ["arn:${local.partition}:iam::${local.account_id}:role/${var.name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary_arn]
    }
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:DeleteRole",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = ["arn:${local.partition}:iam::${local.account_id}:role/${var.name}-*"]
  }

  statement {
    sid       = "GiveRolesToServices"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account_id}:role/${var.name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
    }
  }

  # AWS makes these itself, once in an account, when a service is first used.
  statement {
    sid       = "ServiceLinkedRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${local.partition}:iam::${local.account_id}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values = [
        "ecs.amazonaws.com",
        "ecs.application-autoscaling.amazonaws.com",
        "elasticache.amazonaws.com",
        "elasticloadbalancing.amazonaws.com",
        "rds.amazonaws.com",
        "wafv2.amazonaws.com",
      ]
    }
  }
}

locals {
  # Put together here, because the policy that names it must not need the policy that it is.
  boundary_arn = "arn:${local.partition}:iam::${local.account_id}:policy/deploy/${var.name}-boundary"
}

data "aws_iam_policy_document" "boundary" {
  #checkov:skip=CKV_AWS_108:the most a role may do; each role's own policy names its resources
  #checkov:skip=CKV_AWS_111:as for CKV_AWS_108
  #checkov:skip=CKV_AWS_356:as for CKV_AWS_108
  statement {
    sid = "LogsAndMetrics"
    actions = [
      "cloudwatch:PutMetricData",
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:GetLogEvents",
      "logs:PutLogEvents",
      "logs:PutRetentionPolicy",
    ]
    resources = ["*"]
  }

  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetAuthorizationToken",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = ["*"]
  }

  statement {
    sid     = "Secrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = [
      "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.name}/*",
      "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:rds!*",
    ]
  }
}
