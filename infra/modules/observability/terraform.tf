terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"

      # CloudFront's metrics are in us-east-1, and an alarm lives where its metric does.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
