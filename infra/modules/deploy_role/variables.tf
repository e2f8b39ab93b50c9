variable "name" {
  description = "The environment's name, such as `example-staging`: the role may touch roles, buckets and secrets that begin so, and no others."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 24 lower-case letters, digits or dashes, and start with a letter."
  }
}

variable "repository" {
  description = "The repository on GitHub whose jobs may take the role, as `owner/name`."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be `owner/name`, without wildcards: anyone can make a repository that a wildcard matches."
  }
}

variable "create_oidc_provider" {
  description = "Whether to make the account's provider for GitHub. An account has one: of several environments in it, one makes it."
  type        = bool
}

variable "state_bucket_name" {
  description = "The bucket of Terraform's state, which lies under this environment's name."
  type        = string
}

variable "branch" {
  description = "The branch whose jobs may take the role."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "branch must be one branch, without wildcards."
  }
}

variable "github_environment" {
  description = "The environment on GitHub whose jobs may take the role: of the branch's jobs, these only. Name who approves there, in GitHub's settings."
  type        = string
  default     = null

  validation {
    condition     = var.github_environment == null ? true : can(regex("^[A-Za-z0-9._-]+$", var.github_environment))
    error_message = "github_environment must be one environment, without wildcards."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
