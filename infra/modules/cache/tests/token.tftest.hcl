# Applies to mocks: no account, no network. Before that there is no token.

mock_provider "aws" {}

variables {
  name                      = "example-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { counter = "sg-counter" }
  node_type                 = "cache.t4g.micro"
  replica_count             = 0
}

run "the_token_is_the_one_in_secrets_manager" {
  assert {
    condition     = aws_elasticache_replication_group.this.auth_token == aws_secretsmanager_secret_version.token.secret_string
    error_message = "ElastiCache and the services are told the same."
  }

  assert {
    condition     = can(regex("^[0-9a-f]{64}$", aws_secretsmanager_secret_version.token.secret_string))
    error_message = "It is long, and has no signs that ElastiCache refuses or that URLs trip over."
  }
}

run "the_token_is_made_once" {
  command = plan

  assert {
    condition     = can(regex("^[0-9a-f]{64}$", aws_secretsmanager_secret_version.token.secret_string))
    error_message = "Another one would not be known before it is applied."
  }
}
