# The services: each folder of `services/` with a `service.json` is one, and has a repository, a log group, a rule, a role and
# alarms. `docs/development.md` says what such a file holds; the application on one machine reads the same ones.

locals {
  services_folder = "${path.module}/../../../services"

  descriptions = {
    for file in fileset(local.services_folder, "*/service.json") :
    dirname(file) => jsondecode(file("${local.services_folder}/${file}"))
  }

  services = {
    for name, description in local.descriptions : name => {
      port                 = description.port
      priority             = description.priority
      paths                = try(description.paths, [])
      hosts                = try(description.hosts, [])
      health_path          = try(description.health_path, "/healthz")
      health_grace_seconds = try(description.health_grace_seconds, 30)
      cpu                  = description.cpu
      memory_mib           = description.memory_mib
      stores               = try(description.stores, [])
      min_count            = var.containers.min
      max_count            = var.containers.max
    }
  }

  # What every service is told.
  common_environment = {
    SITE_ORIGIN       = "https://${var.domain_name}"
    METRICS_NAMESPACE = var.name
  }

  # What a service is told besides of each store that it uses: where it is.
  store_environment = {
    database = {
      DATABASE_HOST = module.database.host
      DATABASE_PORT = tostring(module.database.port)
      DATABASE_NAME = module.database.database_name
      DATABASE_USER = module.database.username

      # RDS's own certificate authority, which the image brings.
      DATABASE_CA_FILE = "/etc/ssl/certs/rds.pem"
    }
    cache = {
      REDIS_HOST = module.cache.host
      REDIS_PORT = tostring(module.cache.port)
    }
  }

  # What is read from Secrets Manager when a container starts; `:key::` picks one out of a JSON secret.
  store_secrets = {
    database = {
      DATABASE_PASSWORD = "${module.database.secret_arn}:password::"
    }
    cache = {
      REDIS_PASSWORD = module.cache.secret_arn
    }
  }

  environment = {
    for name, service in local.services : name => merge(local.common_environment, [for store in service.stores : local.store_environment[store]]...)
  }

  secrets = {
    for name, service in local.services : name => merge(concat(
      [for store in service.stores : local.store_secrets[store]],
      [for key, secret in local.generated_secrets : { (secret.variable) = aws_secretsmanager_secret.generated[key].arn } if secret.service == name],
    )...)
  }

  # Secrets that nobody but a service and those who use it have to know, such as the guestbook's moderation token.
  generated_secrets = merge([
    for name, description in local.descriptions : {
      for variable in try(description.generated_secrets, []) : "${name}/${variable}" => { service = name, variable = variable }
    }
  ]...)
}

resource "aws_secretsmanager_secret" "generated" {
  #checkov:skip=CKV_AWS_149:Secrets Manager encrypts with the account's own key; nobody outside of the account may read it
  #checkov:skip=CKV2_AWS_57:a new secret locks out those who know it until they are told: it is changed by hand, by replacing its version
  for_each = local.generated_secrets

  # A deleted secret keeps its name for a week, so each has a name of its own.
  name_prefix             = "${var.name}/${replace(lower(each.value.variable), "_", "-")}-"
  description             = "${each.value.variable} of the service ${each.value.service} of ${var.name}"
  recovery_window_in_days = 7

  tags = merge(var.tags, { Name = "${var.name}-${replace(lower(each.value.variable), "_", "-")}" })
}

# 244 bits, digits and letters, from the system's source of randomness. Secrets Manager makes passwords too, which Terraform prints as the
# ids of their data sources.
resource "aws_secretsmanager_secret_version" "generated" {
  for_each = local.generated_secrets

  secret_id     = aws_secretsmanager_secret.generated[each.key].id
  secret_string = replace("${uuid()}${uuid()}", "-", "")

  lifecycle {
    # Otherwise each plan would make another; the one that was written first stays until this is replaced.
    ignore_changes = [secret_string]
  }
}

moved {
  from = aws_secretsmanager_secret.moderation_token
  to   = aws_secretsmanager_secret.generated["guestbook/MODERATION_TOKEN"]
}

moved {
  from = aws_secretsmanager_secret_version.moderation_token
  to   = aws_secretsmanager_secret_version.generated["guestbook/MODERATION_TOKEN"]
}
