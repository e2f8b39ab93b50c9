variable "name" {
  description = "What everything is named after, such as `example-staging`: lower case, digits and single dashes, at most 22 characters, so that it and the name of a service fit 32."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){0,20}[a-z0-9]$", var.name)) && length(var.name) <= 22
    error_message = "name must be 2 to 22 lower-case letters, digits or single dashes, and start with a letter."
  }
}

variable "images" {
  description = "The image of each service, by digest, from the release that is to run. A service without one has everything but containers."
  type        = map(string)

  validation {
    condition     = alltrue([for name in keys(var.images) : contains(keys(local.services), name)])
    error_message = "images names a service that has no service.json."
  }
}

variable "domain_name" {
  description = "The site's main name, such as `staging.example.com`."
  type        = string
}

variable "zone_name" {
  description = "The public hosted zone that holds the name, such as `example.com`."
  type        = string
}

variable "create_zone" {
  description = "Whether to make the zone, rather than find it."
  type        = bool
}

variable "cidr_block" {
  description = "IPv4 range of the VPC, /16 to /20."
  type        = string
}

variable "nat" {
  description = "`one` NAT gateway, or `one_per_zone`."
  type        = string
}

variable "database" {
  description = "The database: its size, whether it has a standby in another zone, and the days of backups."
  type = object({
    instance_class        = string
    multi_az              = bool
    backup_retention_days = number
  })
}

variable "cache" {
  description = "The cache: the size of a node, and how many copies there are beside the primary."
  type = object({
    node_type     = string
    replica_count = number
  })
}

variable "containers" {
  description = "Containers of each service, at least and at most."
  type = object({
    min = number
    max = number
  })
}

variable "use_spot" {
  description = "Whether containers run on spare capacity, which AWS takes back with two minutes' notice."
  type        = bool
}

variable "enable_waf" {
  description = "Whether a firewall stands before the site."
  type        = bool
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the database and the load balancer."
  type        = bool
}

variable "notification_emails" {
  description = "Who is told of alarms and of the budget."
  type        = set(string)
}

variable "github" {
  description = "The repository that deploys, as `owner/name`; the environment there whose jobs of the branch main may, or null for all jobs of that branch; and whether to make the account's provider for GitHub, of which an account has one."
  type = object({
    repository           = string
    environment          = string
    create_oidc_provider = bool
  })
}

variable "state_bucket_name" {
  description = "The bucket of Terraform's state."
  type        = string
}

variable "zone_count" {
  description = "Availability zones to spread over."
  type        = number
  default     = 2
  nullable    = false
}

variable "interface_endpoints" {
  description = "AWS services that containers reach inside the VPC instead of through NAT, such as `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. Each costs by hour and zone."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "additional_site_names" {
  description = "More names of the site, such as `www.example.com`."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "monthly_budget_usd" {
  description = "What the whole account should cost in a month, in US dollars; null for no budget."
  type        = number
  default     = null
}

variable "tags" {
  description = "Tags for everything, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
