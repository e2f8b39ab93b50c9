variable "name" {
  description = "What everything here is named after, such as `example-staging`: lower case, digits and dashes, at most 24 characters. Function and policy names are the account's, so two sites need two names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 24 lower-case letters, digits or dashes, and start with a letter: bucket names are made from it."
  }
}

variable "enable_waf" {
  description = "Whether a firewall stands before the distribution: AWS's rules against known attacks, and a limit for each address. It costs by month and by request."
  type        = bool
}

variable "domain" {
  description = "The names that visitors use, and a certificate for them issued in us-east-1; null for CloudFront's own name."
  type = object({
    names           = set(string)
    certificate_arn = string
  })
  default = null

  validation {
    condition     = var.domain == null ? true : length(var.domain.names) > 0
    error_message = "domain needs at least one name; leave it out to use CloudFront's own."
  }
}

variable "api_origin" {
  description = "Host name of the load balancer that answers /api/*, over HTTPS with a certificate for that name; null for a site without services."
  type        = string
  default     = null

  validation {
    condition     = var.api_origin == null ? true : can(regex("^[a-z0-9.-]+$", var.api_origin))
    error_message = "api_origin must be a host name alone, without https:// and without a path."
  }
}

variable "not_found_page" {
  description = "Path of the page that visitors get, with status 404, for what is not there. CloudFront puts it in place of the services' 404 answers too."
  type        = string
  default     = null

  validation {
    condition     = var.not_found_page == null ? true : startswith(var.not_found_page, "/")
    error_message = "not_found_page must be a path that starts with a slash, such as /404.html."
  }
}

variable "content_security_policy" {
  description = "The Content-Security-Policy header of every answer. The default allows files of this site only, and no inline scripts or styles."
  type        = string
  default     = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
  nullable    = false
}

variable "connect_origins" {
  description = "Origins beside the site's own that its pages may call, such as `https://api.example.com`: services with names of their own. They go into the Content-Security-Policy as its `connect-src`."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.connect_origins : can(regex("^https://(\\*\\.)?([a-z0-9-]+\\.)+[a-z]{2,}$", origin))])
    error_message = "connect_origins must be origins with https:// and no path; a * may stand for the first label alone, as browsers take it."
  }

  validation {
    condition     = length(var.connect_origins) == 0 || !strcontains(var.content_security_policy, "connect-src")
    error_message = "connect_origins must be empty where content_security_policy has a connect-src: browsers take the first, so name the origins there."
  }
}

variable "price_class" {
  description = "Where CloudFront answers from: PriceClass_100 (North America, Europe, Israel), PriceClass_200 (most of the world), PriceClass_All."
  type        = string
  default     = "PriceClass_100"
  nullable    = false

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "rollback_days" {
  description = "Days that earlier versions of objects are kept. A rollback to a release that needs older ones is refused."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.rollback_days >= 7
    error_message = "rollback_days must be at least 7: a release that cannot be gone back to after a week is none."
  }
}

variable "log_retention_days" {
  description = "Days to keep the distribution's and the firewall's logs, as CloudWatch counts them."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365."
  }
}

variable "waf_requests_per_5_minutes" {
  description = "Requests of one address in five minutes above which the firewall blocks it. A page with its files is a few dozen."
  type        = number
  default     = 3000
  nullable    = false

  validation {
    condition     = var.waf_requests_per_5_minutes >= 10 && var.waf_requests_per_5_minutes <= 2000000000
    error_message = "waf_requests_per_5_minutes must be 10 to 2,000,000,000, the range that WAF accepts."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
