variable "name" {
  description = "What everything here is named after, such as `example-staging`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 24 lower-case letters, digits or dashes, and start with a letter."
  }
}

variable "notification_emails" {
  description = "Who is told of alarms and of the budget. Each address has to confirm by a link that it is sent."
  type        = set(string)

  validation {
    condition     = length(var.notification_emails) > 0 && alltrue([for email in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "notification_emails must be one or more e-mail addresses: an alarm that nobody hears is none."
  }
}

variable "site" {
  description = "The distribution, and its certificate in us-east-1."
  type = object({
    distribution_id = string
    certificate_arn = string
  })
}

variable "service_names" {
  description = "The services that write logs."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = !contains(var.service_names, "flow")
    error_message = "service_names must not have `flow`: its log group would be the one of the network's flow logs."
  }
}

variable "load_balancer" {
  description = "What the services are behind, as metrics call it, and its certificate; null for a site without services."
  type = object({
    arn_suffix                = string
    target_group_arn_suffixes = map(string)
    cluster_name              = string
    certificate_arn           = string
  })
  default = null
}

variable "database" {
  description = "The database as metrics call it, the free storage below which it is too full, and the connections from which on there are too many; null where there is none."
  type = object({
    identifier      = string
    free_storage_gb = optional(number, 4)
    connections     = optional(number, 80)
  })
  default = null
}

variable "cache_node_ids" {
  description = "The cache's nodes as metrics call them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "Days to keep the services' and the load balancer's logs, as CloudWatch counts them."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365."
  }
}

variable "monthly_budget_usd" {
  description = "What the account should cost in a month, in US dollars; null for no budget. It is for the whole account, not for this environment alone."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null ? true : var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd must be more than 0; leave it out for no budget."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
