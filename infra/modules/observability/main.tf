# Where services write, where the load balancer does, and whom alarms tell. The alarms, the dashboard and the budget have
# files of their own.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  log_bucket_name = "${var.name}-logs-${data.aws_caller_identity.current.account_id}"
}

resource "aws_cloudwatch_log_group" "service" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts all logs; services log no request bodies, and a key of one's own costs
  #checkov:skip=CKV_AWS_338:the days are the caller's; a year of request logs is kept where the law asks for it
  for_each = var.service_names

  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# Alarms tell a topic of their own region.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:alarms cannot write to a topic under the key that AWS keeps for SNS; what they say is names and numbers
  name         = "${var.name}-alarms"
  display_name = var.name

  tags = merge(var.tags, { Name = "${var.name}-alarms" })
}

resource "aws_sns_topic" "edge_alarms" {
  #checkov:skip=CKV_AWS_26:as for the other topic
  provider = aws.us_east_1

  name         = "${var.name}-edge-alarms"
  display_name = var.name

  tags = merge(var.tags, { Name = "${var.name}-edge-alarms" })
}

# Each address gets a message with a link to confirm; until then it is told nothing.
resource "aws_sns_topic_subscription" "alarms" {
  for_each = var.notification_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "edge_alarms" {
  for_each = var.notification_emails
  provider = aws.us_east_1

  topic_arn = aws_sns_topic.edge_alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

# Elastic Load Balancing writes its logs into a bucket.
resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_18:a log of the log would never end
  #checkov:skip=CKV_AWS_21:each file is written once and never again
  #checkov:skip=CKV_AWS_144:logs of one region are enough to look into what happened
  #checkov:skip=CKV_AWS_145:Elastic Load Balancing writes to buckets with S3's own key only
  #checkov:skip=CKV2_AWS_62:nothing waits for logs
  bucket        = local.log_bucket_name
  force_destroy = false

  tags = merge(var.tags, { Name = local.log_bucket_name })
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket = aws_s3_bucket.logs.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    id     = "forget"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "LoadBalancersWrite"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/load-balancer/AWSLogs/${data.aws_caller_identity.current.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values = [
        "arn:${data.aws_partition.current.partition}:elasticloadbalancing:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:loadbalancer/*",
      ]
    }
  }

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.logs.arn, "${aws_s3_bucket.logs.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = data.aws_iam_policy_document.logs.json

  depends_on = [aws_s3_bucket_public_access_block.logs]
}
