variable "name" {
  description = "What everything here is named after, such as `example-staging`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){0,22}[a-z0-9]$", var.name)) && length(var.name) <= 24
    error_message = "name must be 2 to 24 lower-case letters, digits or single dashes, and start with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "public_subnet_ids must name two subnets or more: a load balancer wants two zones."
  }
}

variable "private_subnet_ids" {
  description = "Subnets of the containers, with a way out to AWS."
  type        = list(string)
}

variable "certificate_arn" {
  description = "The load balancer's certificate, in its region."
  type        = string
}

variable "access_log_bucket_name" {
  description = "Bucket for the load balancer's access logs. It must let Elastic Load Balancing write under `load-balancer/`."
  type        = string
}

variable "origin_header" {
  description = "The header, `name` and `value`, that the site's distribution sends with each request and nobody else knows: without it, nothing leads to a service without hosts."
  type = object({
    name  = string
    value = string
  })
  nullable  = false
  sensitive = true

  validation {
    condition     = can(regex("^[0-9A-Za-z]{32,128}$", var.origin_header.value))
    error_message = "origin_header needs a value of 32 to 128 letters and digits: it is a secret, and other characters may be patterns to the load balancer."
  }
}

variable "services" {
  description = <<-EOT
    The services, by name. For each:
    `image` by digest, or null until there is one; `repository_arn` it is fetched from; `log_group` it writes to;
    `port` it listens on; `priority` of its rule, unlike any other's;
    `paths` and `hosts` that lead to it (both, where both are given), with `*` and `?`;
    `health_path` that answers 200 while it is alive, and `health_grace_seconds` that a new container has until it does;
    `cpu` (1024 is one) and `memory_mib` of a container; `min_count` and `max_count` of containers;
    `target_cpu_percent` and `target_requests_per_minute` of one container, above which there are more;
    `environment` variables, and `secrets`: variables whose values are an ARN in Secrets Manager, with `:key::` after it for a key of a JSON secret;
    `task_role_arn` of what it may do in AWS itself, if anything.
  EOT
  type = map(object({
    image          = string
    repository_arn = string
    log_group = object({
      name = string
      arn  = string
    })
    port                       = number
    priority                   = number
    paths                      = optional(list(string), [])
    hosts                      = optional(list(string), [])
    health_path                = optional(string, "/healthz")
    health_grace_seconds       = optional(number, 30)
    cpu                        = optional(number, 256)
    memory_mib                 = optional(number, 512)
    min_count                  = number
    max_count                  = number
    target_cpu_percent         = optional(number, 60)
    target_requests_per_minute = optional(number, 3000)
    environment                = optional(map(string), {})
    secrets                    = optional(map(string), {})
    task_role_arn              = optional(string)
  }))

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", name)) && length("${var.name}-${name}") <= 32])
    error_message = "services must be named in lower-case letters, digits and dashes, and be at most 32 characters long together with `name`: target groups are named so."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", service.image))])
    error_message = "Each image must end in @sha256: and its digest: a tag does not say which image runs."
  }

  validation {
    condition     = length(distinct(values(var.services)[*].priority)) == length(var.services)
    error_message = "Each service needs a priority of its own: rules are tried in that order."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : length(service.paths) + length(service.hosts) > 0 && length(service.paths) + length(service.hosts) <= (length(service.hosts) > 0 ? 5 : 4)])
    error_message = "Each service needs one to five paths and hosts, as many as a rule takes, or one to four paths alone: the fifth is the origin's header."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.min_count >= 1 && service.min_count <= service.max_count])
    error_message = "Each service needs a min_count of at least 1, and a max_count that is not below it."
  }

  # Three checks, ten seconds apart, are what the load balancer needs to find a container unhealthy.
  validation {
    condition     = alltrue([for service in values(var.services) : service.health_grace_seconds >= 30 && service.health_grace_seconds <= 900])
    error_message = "health_grace_seconds must be 30 to 900: less is over before the load balancer has asked three times, and with more a service that never gets healthy would hold up a deploy for too long."
  }
}

variable "accept_from" {
  description = "Who reaches the load balancer: `cloudfront` only, or the `internet`, which services with hosts of their own need."
  type        = string
  default     = "cloudfront"
  nullable    = false

  validation {
    condition     = contains(["cloudfront", "internet"], var.accept_from)
    error_message = "accept_from must be `cloudfront` or `internet`."
  }

  validation {
    condition     = var.accept_from == "internet" || alltrue([for service in values(var.services) : length(service.hosts) == 0])
    error_message = "accept_from must be `internet` where a service has hosts: nobody would reach them."
  }
}

variable "use_spot" {
  description = "Whether containers run on spare capacity, for a third of the price. AWS takes it back with two minutes' notice."
  type        = bool
  default     = false
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer. To delete it, turn this off and apply first."
  type        = bool
  default     = true
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles made here. The deploy role may make none without it."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
