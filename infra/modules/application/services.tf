# The services: add an entry, and there is one more, with a repository, a log group, a rule, a role and alarms.

locals {
  services = {
    guestbook = {
      port       = 8080
      priority   = 10
      paths      = ["/api/guestbook", "/api/guestbook/*"]
      hosts      = []
      cpu        = 256
      memory_mib = 512
      min_count  = var.containers.min
      max_count  = var.containers.max
    }
    counter = {
      port       = 8080
      priority   = 20
      paths      = ["/api/counter", "/api/counter/*"]
      hosts      = []
      cpu        = 256
      memory_mib = 512
      min_count  = var.containers.min
      max_count  = var.containers.max
    }
  }

  # What every service is told.
  common_environment = {
    SITE_ORIGIN       = "https://${var.domain_name}"
    METRICS_NAMESPACE = var.name
  }

  # What one service is told besides: where its store is.
  environment = {
    guestbook = {
      DATABASE_HOST = module.database.host
      DATABASE_PORT = tostring(module.database.port)
      DATABASE_NAME = module.database.database_name
      DATABASE_USER = module.database.username

      # RDS's own certificate authority, which the image brings.
      DATABASE_CA_FILE = "/etc/ssl/certs/rds.pem"
    }
    counter = {
      REDIS_HOST = module.cache.host
      REDIS_PORT = tostring(module.cache.port)
    }
  }

  # What is read from Secrets Manager when a container starts; `:key::` picks one out of a JSON secret.
  secrets = {
    guestbook = {
      DATABASE_PASSWORD = "${module.database.secret_arn}:password::"
      MODERATION_TOKEN  = aws_secretsmanager_secret.moderation_token.arn
    }
    counter = {
      REDIS_PASSWORD = module.cache.secret_arn
    }
  }
}

# Whoever knows it may remove entries from the guestbook.
data "aws_secretsmanager_random_password" "moderation_token" {
  password_length     = 48
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "moderation_token" {
  #checkov:skip=CKV_AWS_149:Secrets Manager encrypts with the account's own key; nobody outside of the account may read it
  #checkov:skip=CKV2_AWS_57:a new token locks moderators out until they are told: it is changed by hand, by replacing its version
  # A deleted secret keeps its name for a week, so each has a name of its own.
  name_prefix             = "${var.name}/moderation-token-"
  description             = "Lets its bearer moderate the guestbook of ${var.name}"
  recovery_window_in_days = 7

  tags = merge(var.tags, { Name = "${var.name}-moderation-token" })
}

# Another password is read at every plan; the one that was written first stays until this is replaced.
resource "aws_secretsmanager_secret_version" "moderation_token" {
  secret_id     = aws_secretsmanager_secret.moderation_token.id
  secret_string = data.aws_secretsmanager_random_password.moderation_token.random_password

  lifecycle {
    ignore_changes = [secret_string]
  }
}
