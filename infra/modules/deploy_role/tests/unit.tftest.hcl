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

  mock_data "aws_iam_openid_connect_provider" {
    defaults = {
      arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

override_resource {
  target          = aws_iam_policy.infrastructure
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:policy/deploy/example-test-infrastructure" }
}

override_resource {
  target          = aws_iam_policy.data
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:policy/deploy/example-test-data" }
}

variables {
  name                 = "example-test"
  repository           = "example/site"
  create_oidc_provider = false
  state_bucket_name    = "example-state"
}

run "one_branch_of_one_repository_takes_the_role" {
  command = plan

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.trust.statement : [statement.actions, [for principal in statement.principals : [principal.type, principal.identifiers]]]
    ] == [[toset(["sts:AssumeRoleWithWebIdentity"]), [["Federated", toset(["arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"])]]]]
    error_message = "GitHub says who asks, and nobody else."
  }

  assert {
    condition = {
      for condition in one(data.aws_iam_policy_document.trust.statement).condition : condition.variable => [condition.test, one(condition.values)]
      } == {
      "token.actions.githubusercontent.com:aud" = ["StringEquals", "sts.amazonaws.com"]
      "token.actions.githubusercontent.com:sub" = ["StringEquals", "repo:example/site:ref:refs/heads/main"]
      "token.actions.githubusercontent.com:ref" = ["StringEquals", "refs/heads/main"]
    }
    error_message = "Audience, subject and branch are compared whole."
  }
}

run "of_the_branchs_jobs_those_in_an_environment_on_github_take_the_role" {
  command = plan

  variables {
    github_environment = "production"
    branch             = "release"
  }

  assert {
    condition = { for condition in one(data.aws_iam_policy_document.trust.statement).condition : condition.variable => one(condition.values) } == {
      "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
      "token.actions.githubusercontent.com:sub" = "repo:example/site:environment:production"
      "token.actions.githubusercontent.com:ref" = "refs/heads/release"
    }
    error_message = "Jobs in the environment, of the branch, and no others."
  }
}

run "the_accounts_provider_is_made_once" {
  command = plan

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "One that is there is looked up."
  }
}

run "the_accounts_provider_can_be_made" {
  command = plan

  variables {
    create_oidc_provider = true
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "GitHub is believed when it speaks to AWS."
  }
}

run "roles_are_made_under_the_boundary_only" {
  command = plan

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.data.statement :
      one(statement.condition).variable == "iam:PermissionsBoundary" && one(statement.condition).values == tolist(["arn:aws:iam::123456789012:policy/deploy/example-test-boundary"])
      if contains(statement.actions, "iam:CreateRole") || contains(statement.actions, "iam:PutRolePolicy") || contains(statement.actions, "iam:AttachRolePolicy")
    ])
    error_message = "No role is made or given a policy without the boundary."
  }

  assert {
    condition     = aws_iam_policy.boundary.name == "example-test-boundary" && aws_iam_policy.boundary.path == "/deploy/"
    error_message = "The boundary is the one that the condition names."
  }
}

run "the_role_cannot_change_itself" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.data.statement : [
        for resource in statement.resources : startswith(resource, "arn:aws:iam::123456789012:role/example-test-") || startswith(resource, "arn:aws:iam::123456789012:role/aws-service-role/")
      ] if anytrue([for action in statement.actions : startswith(action, "iam:") && !startswith(action, "iam:Get") && !startswith(action, "iam:List")])
    ]))
    error_message = "What writes to IAM is for the environment's roles."
  }

  assert {
    condition     = aws_iam_role.deploy.path == "/deploy/"
    error_message = "The role itself lies under another path."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.infrastructure.statement : anytrue([for action in statement.actions : startswith(action, "iam:") || startswith(action, "sts:") || action == "*"])])
    error_message = "Nothing else allows anything with roles."
  }
}

run "only_services_that_have_no_region_are_touched_everywhere" {
  command = plan

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.infrastructure.statement : [for condition in statement.condition : [condition.test, condition.variable, condition.values]]
      if length(setintersection(statement.actions, ["ec2:*", "ecs:*", "elasticache:*", "elasticloadbalancing:*", "rds:*"])) > 0
    ] == [[["StringEquals", "aws:RequestedRegion", tolist(["eu-central-1", "us-east-1"])]]]
    error_message = "What has a region is touched in this one and in us-east-1."
  }

  assert {
    condition     = toset(flatten([for statement in data.aws_iam_policy_document.infrastructure.statement : tolist(statement.actions) if length(statement.condition) == 0])) == toset(["budgets:*", "cloudfront-keyvaluestore:*", "cloudfront:*", "route53:*"])
    error_message = "CloudFront, names and budgets are the same everywhere; nothing else is without a condition."
  }
}

run "the_role_may_what_its_two_policies_say" {
  command = plan

  assert {
    condition     = toset([for attachment in aws_iam_role_policy_attachment.deploy : [attachment.role, attachment.policy_arn]]) == toset([for policy in ["infrastructure", "data"] : ["example-test", "arn:aws:iam::123456789012:policy/deploy/example-test-${policy}"]])
    error_message = "Both policies are the role's, and no other."
  }
}

run "roles_are_given_to_the_services_that_need_them" {
  command = plan

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.data.statement : one(statement.condition).values if contains(statement.actions, "iam:PassRole")]) == tolist(["ecs-tasks.amazonaws.com", "monitoring.rds.amazonaws.com", "vpc-flow-logs.amazonaws.com"])
    error_message = "Containers, RDS's monitoring and flow logs take roles."
  }
}

run "only_this_environments_buckets_and_secrets_are_touched" {
  command = plan

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.data.statement : statement.resources if statement.sid == "State"]) == toset(["arn:aws:s3:::example-state/example-test/*"])
    error_message = "The state of other environments is out of reach."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.data.statement : statement.resources if statement.sid == "Buckets"]) == toset(["arn:aws:s3:::example-test-*"])
    error_message = "Buckets are known by their name."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_iam_role.deploy.tags == tomap({ team = "web", Name = "example-test" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "wildcards_are_refused" {
  command = plan

  variables {
    name               = "example-*"
    repository         = "example/*"
    branch             = "*"
    github_environment = "*"
  }

  expect_failures = [var.name, var.repository, var.branch, var.github_environment]
}
