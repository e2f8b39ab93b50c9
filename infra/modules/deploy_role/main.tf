# The role that CI takes for a deploy, without a key: GitHub signs who is asking, and AWS believes GitHub.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # What GitHub says a job is, and with its branch the whole of what is believed. The subject of a job in an environment does not
  # name the branch.
  subject = var.github_environment == null ? "repo:${var.repository}:ref:refs/heads/${var.branch}" : "repo:${var.repository}:environment:${var.github_environment}"

  provider_arn = var.create_oidc_provider ? aws_iam_openid_connect_provider.github[0].arn : data.aws_iam_openid_connect_provider.github[0].arn
}

data "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 0 : 1

  url = "https://token.actions.githubusercontent.com"
}

# An account has one provider for an address, whichever environment makes it.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_oidc_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]

  tags = merge(var.tags, { Name = "github" })
}

data "aws_iam_policy_document" "trust" {
  #checkov:skip=CKV_AWS_358:the subject is given whole, by an equality; the check looks for a literal one
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [local.subject]
    }

    # AWS compares this claim of GitHub's since early 2026. Source: AWS, "AWS STS supports validation of identity provider claims".
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:ref"
      values   = ["refs/heads/${var.branch}"]
    }
  }
}

# Under a path of its own, so that what it may do to the roles of the environment it may not do to itself.
resource "aws_iam_role" "deploy" {
  name                 = var.name
  path                 = "/deploy/"
  description          = "Deploys ${var.name} from ${local.subject}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_iam_policy" "infrastructure" {
  name        = "${var.name}-infrastructure"
  path        = "/deploy/"
  description = "What Terraform does for ${var.name}"
  policy      = data.aws_iam_policy_document.infrastructure.json

  tags = merge(var.tags, { Name = "${var.name}-infrastructure" })
}

resource "aws_iam_policy" "data" {
  name        = "${var.name}-data"
  path        = "/deploy/"
  description = "The state, the buckets, the secrets and the roles of ${var.name}"
  policy      = data.aws_iam_policy_document.data.json

  tags = merge(var.tags, { Name = "${var.name}-data" })
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-boundary"
  path        = "/deploy/"
  description = "The most that any role of ${var.name} may do, whatever its own policy says"
  policy      = data.aws_iam_policy_document.boundary.json

  tags = merge(var.tags, { Name = "${var.name}-boundary" })
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = {
    infrastructure = aws_iam_policy.infrastructure.arn
    data           = aws_iam_policy.data.arn
  }

  role       = aws_iam_role.deploy.name
  policy_arn = each.value
}
