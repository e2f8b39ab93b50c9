# The bucket that `sitepush push` publishes into, and who may read it.

resource "aws_s3_bucket" "site" {
  #checkov:skip=CKV_AWS_18:visitors come through CloudFront, whose logs name every request; the bucket's own would repeat them
  #checkov:skip=CKV_AWS_144:the build can be published again anywhere; a second region would double what it costs to keep it
  #checkov:skip=CKV_AWS_145:with a KMS key ETags are no MD5, which sitepush compares when it adopts a bucket; the content is public
  #checkov:skip=CKV2_AWS_62:nothing waits for events; a push says itself what it has done
  bucket = local.bucket_name

  # S3 refuses to delete a bucket that holds anything: that is this bucket's deletion protection.
  force_destroy = false

  tags = merge(var.tags, { Name = local.bucket_name })
}

resource "aws_s3_bucket_public_access_block" "site" {
  bucket = aws_s3_bucket.site.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# A rollback copies earlier versions back, on the server.
resource "aws_s3_bucket_versioning" "site" {
  bucket = aws_s3_bucket.site.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "site" {
  bucket = aws_s3_bucket.site.id

  rule {
    id     = "forget-old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.rollback_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    # Parts of uploads that were given up are invisible and cost like objects.
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Whether versions can expire is asked of the bucket when the rule is made.
  depends_on = [aws_s3_bucket_versioning.site]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "DistributionReads"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.site.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }

  # Without it S3 answers 403 for what is not there, so that nobody learns what is: a site wants the 404.
  statement {
    sid       = "MissingFilesAreNotFound"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.site.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }

  # The record of the releases names every file and commit. The edge function answers 404 before it comes to this.
  statement {
    sid       = "RecordsStayPrivate"
    effect    = "Deny"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.site.arn}/.sitepush/*", "${aws_s3_bucket.site.arn}/*/.sitepush/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
  }

  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.site.arn, "${aws_s3_bucket.site.arn}/*"]

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

resource "aws_s3_bucket_policy" "site" {
  bucket = aws_s3_bucket.site.id
  policy = data.aws_iam_policy_document.bucket.json

  # S3 asks whether a policy is public; with the block in place it is never public, not even for a moment.
  depends_on = [aws_s3_bucket_public_access_block.site]
}
