variable "name" {
  description = "What everything here is named after: `example-staging` gives the group `example-staging-cache`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){0,22}[a-z0-9]$", var.name)) && length(var.name) <= 24
    error_message = "name must be 2 to 24 lower-case letters, digits or single dashes, and start with a letter, as ElastiCache wants it."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without a way out, one for each zone."
  type        = list(string)
}

variable "client_security_group_ids" {
  description = "Security groups that may connect, by the name of what is in them."
  type        = map(string)
}

variable "node_type" {
  description = "Size of each node, such as `cache.t4g.micro`."
  type        = string

  validation {
    condition     = startswith(var.node_type, "cache.")
    error_message = "node_type must start with `cache.`, such as cache.t4g.micro."
  }
}

variable "replica_count" {
  description = "Copies beside the primary, in other zones. With one or more, a failure costs seconds and loses the last writes; with none, it loses everything since the last snapshot."
  type        = number

  validation {
    condition     = var.replica_count >= 0 && var.replica_count <= 5
    error_message = "replica_count must be 0 to 5, the most that ElastiCache has."
  }
}

variable "snapshot_retention_days" {
  description = "Days to keep the daily snapshots; 0 takes none."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.snapshot_retention_days >= 0 && var.snapshot_retention_days <= 35
    error_message = "snapshot_retention_days must be 0 to 35, the range that ElastiCache accepts."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
