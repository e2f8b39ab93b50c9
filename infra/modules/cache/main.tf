# One ElastiCache replication group (Valkey), with TLS and a token, reachable from its clients' security groups only.

locals {
  identifier = "${var.name}-cache"
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:failover needs a replica, which doubles the price: the caller decides, by replica_count
  #checkov:skip=CKV_AWS_191:encrypted with the service's own key; a key of one's own costs and guards counters here
  replication_group_id = local.identifier
  description          = "Counters and short-lived answers of ${var.name}"

  engine                     = "valkey"
  engine_version             = "8.0"
  auto_minor_version_upgrade = true
  node_type                  = var.node_type
  port                       = 6379
  parameter_group_name       = aws_elasticache_parameter_group.this.name

  # A replica takes over when the primary fails; without one there is nothing to fail over to.
  num_cache_clusters         = 1 + var.replica_count
  automatic_failover_enabled = var.replica_count > 0
  multi_az_enabled           = var.replica_count > 0

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.this.id]

  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token                 = aws_secretsmanager_secret_version.token.secret_string
  auth_token_update_strategy = "ROTATE"

  snapshot_retention_limit  = var.snapshot_retention_days
  snapshot_window           = "02:00-03:00"
  maintenance_window        = "sun:03:00-sun:04:00"
  final_snapshot_identifier = "${local.identifier}-made-${formatdate("YYYYMMDDhhmm", plantimestamp())}"

  tags = merge(var.tags, { Name = local.identifier })

  lifecycle {
    # The time is that of the first plan: two groups of the same name, one after the other, leave two snapshots.
    ignore_changes = [final_snapshot_identifier]
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name        = local.identifier
  description = "Subnets without a way out, for ${local.identifier}"
  subnet_ids  = var.subnet_ids

  tags = merge(var.tags, { Name = local.identifier })
}

resource "aws_elasticache_parameter_group" "this" {
  name        = "${local.identifier}-valkey8"
  description = "When memory is full, only keys with an expiry go"
  family      = "valkey8"

  # Counters have no expiry and must not vanish; what is merely cached has one.
  parameter {
    name  = "maxmemory-policy"
    value = "volatile-lru"
  }

  tags = merge(var.tags, { Name = local.identifier })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_secretsmanager_secret" "token" {
  #checkov:skip=CKV_AWS_149:Secrets Manager encrypts with the account's own key; nobody outside of the account may read it
  #checkov:skip=CKV2_AWS_57:a rotation would need a function of its own; README.md says how to change the token by hand
  # A deleted secret keeps its name for a week, so each has a name of its own.
  name_prefix             = "${var.name}/cache-token-"
  description             = "AUTH token of ${local.identifier}"
  recovery_window_in_days = 7

  tags = merge(var.tags, { Name = "${local.identifier}-token" })
}

# 244 bits from the system's source of randomness. Digits and letters only: ElastiCache takes few signs, and the token has to pass through
# URLs. Secrets Manager makes passwords too, which Terraform prints as the ids of their data sources.
resource "aws_secretsmanager_secret_version" "token" {
  secret_id     = aws_secretsmanager_secret.token.id
  secret_string = replace("${uuid()}${uuid()}", "-", "")

  lifecycle {
    # Otherwise each plan would make another; the one that was written first stays until this is replaced.
    ignore_changes = [secret_string]
  }
}

resource "aws_security_group" "this" {
  name_prefix = "${local.identifier}-"
  description = "Valkey, for its clients only"
  vpc_id      = var.vpc_id

  tags = merge(var.tags, { Name = local.identifier })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each = var.client_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "Valkey from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379

  tags = merge(var.tags, { Name = each.key })
}

# The clients' groups let nothing out that nobody asked for; this is what their cache asks for.
resource "aws_vpc_security_group_egress_rule" "client" {
  for_each = var.client_security_group_ids

  security_group_id            = each.value
  description                  = "Valkey of ${local.identifier}"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379

  tags = merge(var.tags, { Name = local.identifier })
}
