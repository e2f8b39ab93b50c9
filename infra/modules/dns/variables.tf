variable "zone_name" {
  description = "The public hosted zone that holds the names, such as `example.com`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.zone_name))
    error_message = "zone_name must be a domain name in lower case without a dot at its end, such as example.com."
  }
}

variable "create_zone" {
  description = "Whether to make the zone. It answers nobody until its parent names the servers in the output `name_servers`; certificates wait for that. false looks up a zone that is there."
  type        = bool
}

variable "site_names" {
  description = "Names of the site, at CloudFront."
  type        = set(string)

  validation {
    condition     = length(var.site_names) > 0 && alltrue([for name in var.site_names : can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", name))])
    error_message = "site_names must be one or more names in lower case, without wildcards."
  }

  validation {
    condition     = alltrue([for name in var.site_names : name == var.zone_name || endswith(name, ".${var.zone_name}")])
    error_message = "site_names must lie in the zone: records elsewhere would not be found."
  }
}

variable "site_target" {
  description = "What the site's names point at: host name and hosted zone of the distribution."
  type = object({
    domain_name    = string
    hosted_zone_id = string
  })
}

variable "load_balancer_names" {
  description = "Names at the load balancer: the one that CloudFront asks, and those of services with a subdomain. Empty for a site without services."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.load_balancer_names : endswith(name, ".${var.zone_name}")])
    error_message = "load_balancer_names must lie in the zone: records elsewhere would not be found."
  }

  validation {
    condition     = length(setintersection(var.load_balancer_names, var.site_names)) == 0
    error_message = "load_balancer_names must differ from site_names: a name points at one of the two."
  }
}

variable "load_balancer_target" {
  description = "What the load balancer's names point at: its host name and hosted zone."
  type = object({
    domain_name    = string
    hosted_zone_id = string
  })
  default = null

  validation {
    condition     = var.load_balancer_target != null || length(var.load_balancer_names) == 0
    error_message = "load_balancer_target is needed where there are load_balancer_names."
  }
}

variable "tags" {
  description = "Tags for everything here, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
