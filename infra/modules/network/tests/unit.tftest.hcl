# Plans against mocks: no account, no network.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = {
      names = ["eu-central-1c", "eu-central-1a", "eu-central-1b"]
    }
  }

  mock_data "aws_region" {
    defaults = {
      name = "eu-central-1"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

variables {
  name       = "example-test"
  cidr_block = "10.20.0.0/16"
  nat        = "one"
}

override_resource {
  target          = aws_route_table.private["eu-central-1a"]
  override_during = plan
  values          = { id = "rtb-a" }
}

override_resource {
  target          = aws_route_table.private["eu-central-1b"]
  override_during = plan
  values          = { id = "rtb-b" }
}

override_resource {
  target          = aws_route_table.private["eu-central-1c"]
  override_during = plan
  values          = { id = "rtb-c" }
}

override_resource {
  target          = aws_nat_gateway.this["eu-central-1a"]
  override_during = plan
  values          = { id = "nat-a" }
}

override_resource {
  target          = aws_nat_gateway.this["eu-central-1b"]
  override_during = plan
  values          = { id = "nat-b" }
}

override_resource {
  target          = aws_nat_gateway.this["eu-central-1c"]
  override_during = plan
  values          = { id = "nat-c" }
}

run "two_zones_have_three_tiers_each" {
  command = plan

  assert {
    condition     = [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.20.0.0/20", "10.20.16.0/20"]
    error_message = "The public subnets are the first of their tier, in the order of the zones' names."
  }

  assert {
    condition     = keys(aws_subnet.private) == ["eu-central-1a", "eu-central-1b"]
    error_message = "The zones are taken by name, whatever order AWS lists them in."
  }

  assert {
    condition     = [for subnet in aws_subnet.database : subnet.cidr_block] == ["10.20.128.0/20", "10.20.144.0/20"]
    error_message = "The database subnets begin at the ninth sixteenth."
  }
}

run "a_third_zone_moves_no_subnet" {
  command = plan

  variables {
    zone_count = 3
  }

  assert {
    condition     = aws_subnet.private["eu-central-1a"].cidr_block == "10.20.64.0/20" && aws_subnet.private["eu-central-1b"].cidr_block == "10.20.80.0/20"
    error_message = "With three zones the first two keep the ranges that they have with two."
  }

  assert {
    condition     = length(aws_subnet.public) + length(aws_subnet.private) + length(aws_subnet.database) == 9
    error_message = "Three zones have nine subnets."
  }
}

run "no_subnet_gives_out_public_addresses" {
  command = plan

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "What needs a public address asks for one."
  }
}

run "one_nat_gateway_serves_every_zone" {
  command = plan

  assert {
    condition     = keys(aws_nat_gateway.this) == ["eu-central-1a"]
    error_message = "The one gateway is in the first zone."
  }

  assert {
    condition     = { for zone, route in aws_route.nat : zone => [route.route_table_id, route.nat_gateway_id] } == { eu-central-1a = ["rtb-a", "nat-a"], eu-central-1b = ["rtb-b", "nat-a"] }
    error_message = "Every private subnet has a way out, through the one gateway."
  }
}

run "each_zone_can_have_a_nat_gateway_of_its_own" {
  command = plan

  variables {
    nat        = "one_per_zone"
    zone_count = 3
  }

  assert {
    condition     = { for zone, route in aws_route.nat : zone => [route.route_table_id, route.nat_gateway_id] } == { eu-central-1a = ["rtb-a", "nat-a"], eu-central-1b = ["rtb-b", "nat-b"], eu-central-1c = ["rtb-c", "nat-c"] }
    error_message = "Each zone's way out leads through its own gateway, which does not go down with another zone."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_eip.nat) == 3
    error_message = "Three zones have three gateways with an address each."
  }
}

run "databases_have_no_way_out" {
  command = plan

  override_resource {
    target          = aws_route_table.public
    override_during = plan
    values          = { id = "rtb-public" }
  }

  override_resource {
    target          = aws_route_table.database
    override_during = plan
    values          = { id = "rtb-database" }
  }

  assert {
    condition     = alltrue([for association in aws_route_table_association.database : association.route_table_id == "rtb-database"])
    error_message = "Every database subnet has the route table without routes."
  }

  assert {
    condition     = aws_route.internet.route_table_id == "rtb-public" && !anytrue([for route in aws_route.nat : route.route_table_id == "rtb-database"])
    error_message = "No route leads out of the database's route table."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.route_table_ids == toset(["rtb-a", "rtb-b"])
    error_message = "S3 is reached from the containers only."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.service_name == "com.amazonaws.eu-central-1.s3" && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "It is the region's S3, through a gateway: an interface costs by the hour and has no routes."
  }
}

run "traffic_is_logged" {
  command = plan

  assert {
    condition = [
      for statement in data.aws_iam_policy_document.flow_trust.statement : [statement.actions, [for principal in statement.principals : [principal.type, principal.identifiers]]]
    ] == [[toset(["sts:AssumeRole"]), [["Service", toset(["vpc-flow-logs.amazonaws.com"])]]]]
    error_message = "Flow logs take their role, and nobody else."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.flow.statement).actions == toset(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"])
    error_message = "The role writes logs, and nothing else."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL"
    error_message = "Accepted and rejected traffic is logged."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow.retention_in_days == 30
    error_message = "Flow logs are not kept for ever."
  }
}

run "no_interface_endpoint_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0
    error_message = "Interface endpoints cost by the hour."
  }
}

run "interface_endpoints_take_https_from_the_containers_only" {
  command = plan

  variables {
    interface_endpoints = ["logs", "ecr.dkr"]
  }

  assert {
    condition     = aws_vpc_endpoint.interface["ecr.dkr"].service_name == "com.amazonaws.eu-central-1.ecr.dkr"
    error_message = "Endpoints are of the provider's region."
  }

  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.endpoints :
      rule.from_port == 443 && contains(["10.20.64.0/20", "10.20.80.0/20"], rule.cidr_ipv4)
    ])
    error_message = "Only the private subnets reach the endpoints, and only their HTTPS port."
  }
}

run "the_default_security_group_is_empty" {
  command = plan

  assert {
    condition     = length(aws_default_security_group.unused.ingress) == 0 && length(aws_default_security_group.unused.egress) == 0
    error_message = "What is put into the default group by accident can reach nothing."
  }
}

run "roles_carry_the_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.flow.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The flow logs' role has the boundary that is asked for."
  }
}

run "everything_is_tagged" {
  command = plan

  variables {
    tags = { team = "web" }
  }

  assert {
    condition     = aws_vpc.this.tags == tomap({ team = "web", Name = "example-test" })
    error_message = "The caller's tags are merged with the name."
  }
}

run "a_name_with_capitals_is_refused" {
  command = plan

  variables {
    name = "Example"
  }

  expect_failures = [var.name]
}

run "a_range_too_small_for_its_subnets_is_refused" {
  command = plan

  variables {
    cidr_block = "10.20.0.0/24"
  }

  expect_failures = [var.cidr_block]
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    cidr_block = "10.20.0.0"
  }

  expect_failures = [var.cidr_block]
}

run "another_kind_of_nat_is_refused" {
  command = plan

  variables {
    nat = "none"
  }

  expect_failures = [var.nat]
}

run "one_zone_is_refused" {
  command = plan

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan

  variables {
    flow_log_retention_days = 31
  }

  expect_failures = [var.flow_log_retention_days]
}
