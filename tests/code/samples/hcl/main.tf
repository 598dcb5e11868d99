# Servers of the example, and the network between them.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  backend "s3" {
    bucket = "example-state"
    key    = "main.tfstate"
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "Where the servers stand"
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^eu-", var.region))
    error_message = "Only regions in Europe."
  }
}

/* Names are the same in all regions. */
locals {
  names = ["alpha", "beta"]
  tags = {
    project = "example"
    owner   = "ada@example.org"
  }
  upper = [for name in local.names : upper(name) if name != ""]
}

data "aws_ami" "newest" {
  most_recent = true
  owners      = ["amazon"]

  filter {
    name   = "name"
    values = ["al2023-*"]
  }
}

// One server for each name.
resource "aws_instance" "server" {
  for_each      = toset(local.names)
  ami           = data.aws_ami.newest.id
  instance_type = var.region == "eu-central-1" ? "t3.micro" : "t3.small"
  tags          = merge(local.tags, { Name = "server-${each.key}" })

  user_data = <<-EOT
    #!/bin/sh
    echo "resource \"not\" \"one\" {"
    hostname ${each.key}
  EOT

  dynamic "ebs_block_device" {
    for_each = local.names
    content {
      device_name = "/dev/${ebs_block_device.value}"
      volume_size = 10 * 2
    }
  }

  lifecycle {
    ignore_changes = [ami]
  }
}

module "network" {
  source = "./network"
  cidr   = "10.0.0.0/16"
}

output "addresses" {
  value = { for name, server in aws_instance.server : name => server.private_ip }
}
