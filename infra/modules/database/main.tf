# One PostgreSQL instance, reachable from its clients' security groups and from nowhere else.

data "aws_partition" "current" {}

locals {
  identifier = "${var.name}-db"
  major      = split(".", var.engine_version)[0]
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:a standby doubles the price: the caller decides, by multi_az
  #checkov:skip=CKV_AWS_293:on by default; an environment that is taken down and put up again turns it off
  #checkov:skip=CKV_AWS_354:Performance Insights are encrypted with the account's own key for RDS
  identifier = local.identifier

  engine                     = "postgres"
  engine_version             = var.engine_version
  auto_minor_version_upgrade = true
  instance_class             = var.instance_class
  multi_az                   = var.multi_az
  parameter_group_name       = aws_db_parameter_group.this.name
  ca_cert_identifier         = "rds-ca-rsa2048-g1"

  storage_type          = "gp3"
  storage_encrypted     = true
  allocated_storage     = var.allocated_storage_gb
  max_allocated_storage = var.max_allocated_storage_gb

  db_name                             = var.database_name
  username                            = "app"
  manage_master_user_password         = true
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false

  # UTC, in the small hours of Europe; the backup comes before whatever maintenance may break.
  backup_window            = "02:00-02:30"
  maintenance_window       = "sun:03:00-sun:04:00"
  backup_retention_period  = var.backup_retention_days
  copy_tags_to_snapshot    = true
  delete_automated_backups = false

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${local.identifier}-made-${formatdate("YYYYMMDDhhmm", plantimestamp())}"

  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]

  tags = merge(var.tags, { Name = local.identifier })

  # RDS makes a log group that is missing, and then keeps it for ever.
  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    # The time is that of the first plan: two instances of the same name, one after the other, leave two snapshots.
    ignore_changes = [final_snapshot_identifier]
  }
}

resource "aws_db_subnet_group" "this" {
  name        = local.identifier
  description = "Subnets without a way out, for ${local.identifier}"
  subnet_ids  = var.subnet_ids

  tags = merge(var.tags, { Name = local.identifier })
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.identifier}-"
  description = "TLS only; slow statements and changes of the schema are logged"
  family      = "postgres${local.major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Milliseconds.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  # Milliseconds. A client that forgot its transaction must not hold locks for ever.
  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "60000"
  }

  tags = merge(var.tags, { Name = local.identifier })

  # A group that is in use cannot be deleted, so a new one comes first.
  lifecycle {
    create_before_destroy = true
  }
}

# RDS rotates the password every seven days unless told otherwise. Containers read it when they start, so each rotation
# has to be followed by new ones, for which the health check of our services sees (README.md).
resource "aws_secretsmanager_secret_rotation" "password" {
  #checkov:skip=CKV_AWS_304:containers keep the password that they started with, so each change is an outage of a minute or two, until they are new; the days are the caller's
  secret_id          = aws_db_instance.this.master_user_secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.password_rotation_days
  }
}

resource "aws_security_group" "this" {
  name_prefix = "${local.identifier}-"
  description = "PostgreSQL, for its clients only"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = local.identifier })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = merge(var.tags, { Name = each.key })
}

# The clients' groups let nothing out that nobody asked for; this is what their database asks for.
resource "aws_vpc_security_group_egress_rule" "client" {
  for_each = var.client_security_group_ids

  security_group_id            = each.value
  description                  = "PostgreSQL of ${local.identifier}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = merge(var.tags, { Name = local.identifier })
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts all logs; statements are logged without their values
  #checkov:skip=CKV_AWS_338:slow statements of last year say nothing about today's; the days are the caller's
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${local.identifier}/${each.key}"
  retention_in_days = var.log_retention_days

  tags = merge(var.tags, { Name = "${local.identifier}-${each.key}" })
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name                 = "${local.identifier}-monitoring"
  description          = "Writes the operating system's metrics of ${local.identifier}"
  assume_role_policy   = data.aws_iam_policy_document.monitoring_trust.json
  permissions_boundary = var.permissions_boundary_arn

  tags = merge(var.tags, { Name = "${local.identifier}-monitoring" })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
