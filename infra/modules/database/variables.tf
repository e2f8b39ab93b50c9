variable "name" {
  description = "What everything here is named after: `example-staging` gives the instance `example-staging-db`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){0,22}[a-z0-9]$", var.name)) && length(var.name) <= 24
    error_message = "name must be 2 to 24 lower-case letters, digits or single dashes, and start with a letter, as RDS wants it."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets in two zones at least, without a way out."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name two subnets or more: RDS wants two zones, even for one instance."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by the name of what is in them."
  type        = map(string)
}

variable "instance_class" {
  description = "Size of the instance, such as `db.t4g.micro`."
  type        = string

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must start with `db.`, such as db.t4g.micro."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over within a minute or two. It doubles the price."
  type        = bool
}

variable "deletion_protection" {
  description = "Whether RDS refuses to delete the instance. To delete it, turn this off and apply first."
  type        = bool
  default     = true
  nullable    = false
}

variable "engine_version" {
  description = "PostgreSQL's version: the major one, so that minor ones come by themselves. A higher major one is an upgrade with an outage."
  type        = string
  default     = "17"
  nullable    = false

  validation {
    condition     = can(regex("^1[5-9](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be 15 or newer, such as 17 or 17.5."
  }
}

variable "database_name" {
  description = "The database that is made with the instance. Changing it replaces the instance."
  type        = string
  default     = "app"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name must be 1 to 63 lower-case letters, digits or underscores, and start with a letter."
  }
}

variable "allocated_storage_gb" {
  description = "Storage to begin with, in GB."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.allocated_storage_gb >= 20
    error_message = "allocated_storage_gb must be at least 20, the least that gp3 has."
  }
}

variable "max_allocated_storage_gb" {
  description = "Storage that the instance may grow to by itself, in GB. It never shrinks."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_allocated_storage_gb >= var.allocated_storage_gb * 1.1
    error_message = "max_allocated_storage_gb must be a tenth above allocated_storage_gb at least: RDS grows in such steps."
  }
}

variable "backup_retention_days" {
  description = "Days RDS keeps automated backups, and can go back to any second of."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.backup_retention_days >= 1 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be 1 to 35: 0 would turn backups off, and RDS keeps no more than 35."
  }
}

variable "password_rotation_days" {
  description = "Days after which RDS changes the password. After each change containers have to be new ones: a health check that fails when the password is refused sees to it."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.password_rotation_days >= 1 && var.password_rotation_days <= 1000
    error_message = "password_rotation_days must be 1 to 1000, the range that Secrets Manager accepts."
  }
}

variable "log_retention_days" {
  description = "Days to keep the logs, as CloudWatch counts them."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365."
  }
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
