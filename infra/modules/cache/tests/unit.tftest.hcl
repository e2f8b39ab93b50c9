# Plans against mocks: no account, no network.

mock_provider "aws" {}

override_resource {
  target          = aws_security_group.this
  override_during = plan
  values          = { id = "sg-cache" }
}

variables {
  name                      = "example-test"
  vpc_id                    = "vpc-1"
  subnet_ids                = ["subnet-1", "subnet-2"]
  client_security_group_ids = { counter = "sg-counter" }
  node_type                 = "cache.t4g.micro"
  replica_count             = 0
}

run "connections_are_encrypted_and_need_the_token" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "TLS is not an offer."
  }
}

run "data_is_encrypted_at_rest" {
  command = plan

  assert {
    condition     = tobool(aws_elasticache_replication_group.this.at_rest_encryption_enabled)
    error_message = "Snapshots and swapped pages are encrypted."
  }
}

run "only_clients_security_groups_connect" {
  command = plan

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.client : name => rule.referenced_security_group_id } == { counter = "sg-counter" }
    error_message = "Traffic comes in by reference to a group, never from a range of addresses."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.client["counter"].security_group_id == "sg-counter" && aws_vpc_security_group_egress_rule.client["counter"].referenced_security_group_id == "sg-cache"
    error_message = "The client's own group lets it out to the cache."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.port == 6379 && alltrue([for rule in concat(values(aws_vpc_security_group_ingress_rule.client), values(aws_vpc_security_group_egress_rule.client)) : [rule.ip_protocol, rule.from_port, rule.to_port] == ["tcp", 6379, 6379]])
    error_message = "The port that the cache listens on is open, and no other."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.client["counter"].security_group_id == "sg-cache" && aws_elasticache_replication_group.this.security_group_ids == toset(["sg-cache"])
    error_message = "The rules are those of the group that the cache has, and it has no other."
  }
}

run "the_cache_lies_where_the_caller_says" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.subnet_group_name == "example-test-cache" && aws_elasticache_subnet_group.this.name == "example-test-cache" && aws_elasticache_subnet_group.this.subnet_ids == toset(["subnet-1", "subnet-2"])
    error_message = "ElastiCache would put it into the account's default VPC otherwise."
  }
}

run "counters_are_never_evicted" {
  command = plan

  assert {
    condition     = one([for parameter in aws_elasticache_parameter_group.this.parameter : parameter.value if parameter.name == "maxmemory-policy"]) == "volatile-lru"
    error_message = "Only keys with an expiry go when memory is full."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.parameter_group_name == aws_elasticache_parameter_group.this.name
    error_message = "The parameters are the group's own."
  }
}

run "one_node_has_nothing_to_fail_over_to" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 1 && !aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Failover needs a replica."
  }

  assert {
    condition     = output.node_ids == ["example-test-cache-001"]
    error_message = "Metrics call the one node by this name."
  }
}

run "a_replica_takes_over" {
  command = plan

  variables {
    replica_count = 1
  }

  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "Two nodes in two zones, with failover."
  }

  assert {
    condition     = output.node_ids == ["example-test-cache-001", "example-test-cache-002"]
    error_message = "Both nodes have metrics."
  }
}

run "a_snapshot_is_left_behind" {
  command = plan

  assert {
    condition     = startswith(aws_elasticache_replication_group.this.final_snapshot_identifier, "example-test-cache-made-20") && aws_elasticache_replication_group.this.snapshot_retention_limit == 7
    error_message = "There are snapshots every day, and one more when the group is deleted."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_elasticache_replication_group.this.tags == tomap({ team = "web", Name = "example-test-cache" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "what_elasticache_would_refuse_is_refused_first" {
  command = plan

  variables {
    name                    = "example--test"
    node_type               = "t4g.micro"
    replica_count           = 6
    snapshot_retention_days = 36
  }

  expect_failures = [var.name, var.node_type, var.replica_count, var.snapshot_retention_days]
}
