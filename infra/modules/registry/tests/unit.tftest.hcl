# Plans against mocks: no account, no network.

mock_provider "aws" {}

variables {
  name          = "example-test"
  service_names = ["guestbook", "counter"]
}

run "each_service_has_a_repository" {
  command = plan

  assert {
    condition     = { for name, repository in aws_ecr_repository.this : name => repository.name } == { guestbook = "example-test/guestbook", counter = "example-test/counter" }
    error_message = "Repositories are named after the environment and the service."
  }
}

run "a_tag_names_one_image_for_good" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "Tags are immutable."
  }
}

run "images_are_scanned_and_encrypted" {
  command = plan

  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.this :
      repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"
    ])
    error_message = "Every image is scanned when it is pushed, and kept encrypted."
  }
}

run "an_image_with_a_tag_never_expires" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in aws_ecr_lifecycle_policy.this : [
        for rule in jsondecode(policy.policy).rules : rule.selection.tagStatus == "untagged"
      ]
    ]))
    error_message = "Every rule is about images without a tag."
  }
}

run "images_without_a_tag_go_after_some_days" {
  command = plan

  variables {
    untagged_days = 30
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this["counter"].policy).rules[0].selection.countNumber == 30
    error_message = "The days are the caller's."
  }
}

run "a_repository_with_images_is_not_deleted" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : !repository.force_delete])
    error_message = "ECR keeps repositories that hold images."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_ecr_repository.this["counter"].tags == tomap({ team = "web", Name = "example-test/counter" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "a_name_with_a_slash_is_refused" {
  command = plan

  variables {
    name = "example/test"
  }

  expect_failures = [var.name]
}

run "a_service_with_capitals_is_refused" {
  command = plan

  variables {
    service_names = ["Guestbook"]
  }

  expect_failures = [var.service_names]
}

run "no_day_at_all_is_refused" {
  command = plan

  variables {
    untagged_days = 0
  }

  expect_failures = [var.untagged_days]
}
