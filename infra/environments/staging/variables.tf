variable "account_id" {
  description = "The AWS account, twelve digits. Nothing is done in any other."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits, in quotes."
  }
}

variable "region" {
  description = "The region of everything but CloudFront, such as `eu-central-1`."
  type        = string
}

variable "domain_name" {
  description = "The site's name, such as `staging.example.com`."
  type        = string
}

variable "zone_name" {
  description = "The public hosted zone that holds the name, such as `example.com`."
  type        = string
}

variable "create_zone" {
  description = "Whether to make the zone, rather than find it. One environment of several in a zone makes it."
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
    environment          = optional(string)
    create_oidc_provider = bool
  })
}

variable "state_bucket_name" {
  description = "The bucket of Terraform's state: the same as in -backend-config."
  type        = string
}

variable "images" {
  description = "The image of each service, by digest, from the release that is to run. {} before the first images are pushed, and never after: it takes the containers away."
  type        = map(string)
}

variable "interface_endpoints" {
  description = "AWS services that containers reach inside the VPC instead of through NAT, such as `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. Each costs by hour and zone."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "monthly_budget_usd" {
  description = "What the whole account should cost in a month, in US dollars; null for no budget. One environment of several in an account has it."
  type        = number
  default     = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the database and the load balancer. Turn it off and apply before a destroy."
  type        = bool
  default     = false
  nullable    = false
}
