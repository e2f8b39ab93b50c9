# Plans against mocks: no account, no network.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

override_resource {
  target          = aws_security_group.this
  override_during = plan
  values          = { id = "sg-database" }
}

override_resource {
  target          = aws_db_instance.this
  override_during = plan
  values = {
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1" }]
  }
}

variables {
  name                      = "example-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { guestbook = "sg-guestbook" }
  instance_class            = "db.t4g.micro"
  multi_az                  = false
}

run "the_instance_is_private_and_encrypted" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted
    error_message = "No public address; encrypted storage."
  }

  assert {
    condition     = anytrue([for parameter in aws_db_parameter_group.this.parameter : parameter.name == "rds.force_ssl" && parameter.value == "1"])
    error_message = "Connections without TLS are refused."
  }
}

run "only_clients_security_groups_connect" {
  command = plan

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.client : name => rule.referenced_security_group_id } == { guestbook = "sg-guestbook" }
    error_message = "Traffic comes in by reference to a group, never from a range of addresses."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.client["guestbook"].security_group_id == "sg-guestbook" && aws_vpc_security_group_egress_rule.client["guestbook"].referenced_security_group_id == "sg-database"
    error_message = "The client's own group lets it out to the database."
  }

  assert {
    condition     = alltrue([for rule in concat(values(aws_vpc_security_group_ingress_rule.client), values(aws_vpc_security_group_egress_rule.client)) : [rule.ip_protocol, rule.from_port, rule.to_port] == ["tcp", 5432, 5432]])
    error_message = "PostgreSQL's port is open, and no other."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.client["guestbook"].security_group_id == "sg-database" && aws_db_instance.this.vpc_security_group_ids == toset(["sg-database"])
    error_message = "The rules are those of the group that the instance has, and it has no other."
  }
}

run "the_instance_lies_where_the_caller_says" {
  command = plan

  assert {
    condition     = aws_db_instance.this.db_subnet_group_name == "example-test-db" && aws_db_subnet_group.this.name == "example-test-db" && aws_db_subnet_group.this.subnet_ids == toset(["subnet-1", "subnet-2"])
    error_message = "RDS would put it into the account's default VPC otherwise."
  }
}

run "terraform_never_sees_the_password" {
  command = plan

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS makes the password and keeps it in Secrets Manager."
  }

  assert {
    condition     = output.secret_arn == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1"
    error_message = "The output names the secret, not what is in it."
  }
}

run "the_password_changes_once_a_year" {
  command = plan

  assert {
    condition     = aws_secretsmanager_secret_rotation.password.rotation_rules[0].automatically_after_days == 365 && !aws_secretsmanager_secret_rotation.password.rotate_immediately
    error_message = "Containers keep the password that they started with: it must not change every week."
  }
}

run "nothing_is_deleted_by_accident" {
  command = plan

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "RDS refuses to delete the instance, and a last snapshot is left when it may."
  }

  assert {
    condition     = startswith(aws_db_instance.this.final_snapshot_identifier, "example-test-db-made-20") && !aws_db_instance.this.delete_automated_backups
    error_message = "The last snapshot's name is new for each instance, and automated backups stay."
  }
}

run "backups_are_kept_for_a_week" {
  command = plan

  assert {
    condition     = aws_db_instance.this.backup_retention_period == 7
    error_message = "There are backups, for seven days unless the caller says otherwise."
  }
}

run "what_goes_wrong_is_seen" {
  command = plan

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.monitoring_trust.statement : [statement.actions, [for principal in statement.principals : [principal.type, principal.identifiers]]]
    ] == [[toset(["sts:AssumeRole"]), [["Service", toset(["monitoring.rds.amazonaws.com"])]]]]
    error_message = "RDS's monitoring takes its role, and nobody else."
  }

  assert {
    condition     = aws_db_instance.this.performance_insights_enabled && aws_db_instance.this.monitoring_interval == 60 && toset(aws_db_instance.this.enabled_cloudwatch_logs_exports) == toset(["postgresql", "upgrade"])
    error_message = "Metrics of the system, of statements, and logs."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["postgresql"].name == "/aws/rds/instance/example-test-db/postgresql" && aws_cloudwatch_log_group.this["postgresql"].retention_in_days == 90
    error_message = "The log group is there before RDS makes one that is kept for ever."
  }
}

run "the_parameters_are_of_the_engines_major_version" {
  command = plan

  override_resource {
    target          = aws_db_parameter_group.this
    override_during = plan
    values          = { name = "example-test-db-1" }
  }

  variables {
    engine_version = "16.4"
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres16"
    error_message = "The family follows the version."
  }

  assert {
    condition     = aws_db_instance.this.parameter_group_name == "example-test-db-1"
    error_message = "The parameters are the instance's, TLS among them."
  }
}

run "a_standby_is_in_another_zone" {
  command = plan

  variables {
    multi_az = true
  }

  assert {
    condition     = aws_db_instance.this.multi_az
    error_message = "The caller decides on a standby."
  }
}

run "roles_carry_the_boundary_and_everything_its_tags" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    tags                     = { team = "web" }
  }

  assert {
    condition     = aws_iam_role.monitoring.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The monitoring role has the boundary that is asked for."
  }

  assert {
    condition     = aws_db_instance.this.tags == tomap({ team = "web", Name = "example-test-db" }) && aws_db_instance.this.copy_tags_to_snapshot
    error_message = "The caller's tags are merged with the name, and go on to snapshots."
  }
}

run "what_rds_would_refuse_is_refused_first" {
  command = plan

  variables {
    name                   = "example--test"
    subnet_ids             = ["subnet-1"]
    instance_class         = "t4g.micro"
    engine_version         = "14"
    database_name          = "guest-book"
    allocated_storage_gb   = 10
    backup_retention_days  = 36
    password_rotation_days = 1001
    log_retention_days     = 91
  }

  expect_failures = [var.name, var.subnet_ids, var.instance_class, var.engine_version, var.database_name, var.allocated_storage_gb, var.backup_retention_days, var.password_rotation_days, var.log_retention_days]
}

run "storage_without_room_to_grow_is_refused" {
  command = plan

  variables {
    max_allocated_storage_gb = 21
  }

  expect_failures = [var.max_allocated_storage_gb]
}

run "backups_cannot_be_turned_off" {
  command = plan

  variables {
    backup_retention_days = 0
  }

  expect_failures = [var.backup_retention_days]
}
