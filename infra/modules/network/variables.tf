variable "name" {
  description = "What everything here is named after, such as `example-staging`: lower case, digits and dashes, at most 24 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 24 lower-case letters, digits or dashes, and start with a letter: names of at most 32 characters are made from it."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the VPC, /16 to /20. Networks that are ever to be connected must not overlap."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr_block)) && try(tonumber(split("/", var.cidr_block)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr_block)[1]), 33) <= 20
    error_message = "cidr_block must be an IPv4 range from /16 to /20, such as 10.20.0.0/16: it is cut into sixteen subnets."
  }
}

variable "nat" {
  description = "NAT gateways for the private subnets: `one` for all zones (cheaper; if its zone fails, none reaches out), or `one_per_zone`."
  type        = string

  validation {
    condition     = contains(["one", "one_per_zone"], var.nat)
    error_message = "nat must be `one` or `one_per_zone`."
  }
}

variable "zone_count" {
  description = "Availability zones to spread over. Raising it from 2 to 3 adds subnets and moves none."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3: a load balancer wants two, and three are enough."
  }
}

variable "interface_endpoints" {
  description = "AWS services to reach inside the VPC instead of through NAT, such as `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. Each costs by hour and zone."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "flow_log_retention_days" {
  description = "Days to keep the flow logs, as CloudWatch counts them."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.flow_log_retention_days)
    error_message = "flow_log_retention_days must be one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365."
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
