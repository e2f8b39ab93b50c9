terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"

      # CloudFront's firewall and the delivery of its logs are configured in us-east-1, wherever the bucket is.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
