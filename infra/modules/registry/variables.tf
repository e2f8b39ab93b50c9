variable "name" {
  description = "What the repositories are named after: `example-staging` gives `example-staging/guestbook`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 24 lower-case letters, digits or dashes, and start with a letter."
  }
}

variable "service_names" {
  description = "The services that have images."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.service_names : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "service_names must be lower-case letters, digits and dashes, and start with a letter."
  }
}

variable "untagged_days" {
  description = "Days after it was pushed that an image without a tag is deleted."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.untagged_days >= 1
    error_message = "untagged_days must be at least 1, the least that ECR counts."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
