variable "account_id" {
  description = "The AWS account, twelve digits. Nothing is done in any other."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be twelve digits, in quotes."
  }
}

variable "region" {
  description = "The region of everything but CloudFront, such as `eu-central-1`. One whose databases the guestbook's image knows the authorities of."
  type        = string

  # Elsewhere the guestbook would never reach its database, and be taken for healthy: `/healthz` does not ask the store.
  validation {
    condition = contains([
      "af-south-1",
      "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
      "ca-central-1",
      "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
      "me-central-1", "me-south-1",
      "sa-east-1",
      "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    ], var.region)
    error_message = "region must be one whose authorities are in services/guestbook/image/etc/ssl/certs/rds.pem: the guestbook refuses every other database. docs/images.md says how to get a newer file; then add the region here."
  }
}

variable "domain_name" {
  description = "The site's name, such as `example.com`."
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

variable "additional_site_names" {
  description = "More names of the site, such as `www.example.com`."
  type        = set(string)
  default     = []
  nullable    = false
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
  default     = true
  nullable    = false
}
