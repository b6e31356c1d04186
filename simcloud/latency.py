"""How long the clouds take, in seconds: typical and slow, each with where the figure is from.

Rows marked (I) are our inference from the neighbours named; change them here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Profile = Literal["typical", "slow"]


@dataclass(frozen=True)
class Latency:
    typical_s: float
    slow_s: float
    source: str


TABLE: dict[str, Latency] = {
    "control_plane": Latency(1, 3, "an ordinary API call with its read-back (I)"),
    "instant": Latency(0, 0, "made by the provider itself, no cloud is asked"),
    # Azure
    "mysql_flexible": Latency(375, 600, "apply log 2025; provider acceptance tests 2026: 271-418 s"),
    "mysql_flexible_ha": Latency(960, 1680, "terraform-provider-azurerm#15322 and its HA tests"),
    "mysql_parameter": Latency(10, 30, "static parameters need no restart while the server is new (I)"),
    "mysql_delete": Latency(60, 180, "the same acceptance tests, create and destroy apart (I)"),
    "aks": Latency(311, 800, "Azure CLI test recording 2023-12; Azure/AKS#1439"),
    "aks_pool": Latency(120, 360, "Azure/AKS#1439"),
    "aks_delete": Latency(180, 420, "Azure CLI test recordings (I)"),
    "aks_pool_delete": Latency(90, 240, "Azure CLI test recordings (I)"),
    "app_gateway": Latency(360, 540, "Microsoft FAQ: five to six minutes; provider logs"),
    "app_gateway_delete": Latency(180, 420, "provider logs (I)"),
    "container_group": Latency(45, 210, "Azure CLI recording 2023-02; acceptance tests 2026"),
    "private_dns_zone": Latency(15, 60, "zone and link together 35 s / 2 min"),
    "private_dns_link": Latency(20, 60, "zone and link together 35 s / 2 min"),
    "storage_account": Latency(20, 40, "provider acceptance tests (I)"),
    "log_workspace": Latency(20, 60, "provider acceptance tests (I)"),
    "virtual_network": Latency(4, 10, "provider acceptance tests (I)"),
    "resource_group_delete": Latency(15, 60, "provider acceptance tests (I)"),
    # AWS
    "eks_cluster": Latency(600, 900, "containers-roadmap#1227"),
    "eks_node_group": Latency(180, 300, "containers-roadmap#1227"),
    "eks_delete": Latency(300, 600, "provider acceptance tests (I)"),
    "eks_node_group_delete": Latency(180, 420, "provider acceptance tests (I)"),
    "eks_addon": Latency(30, 90, "provider acceptance tests (I)"),
    "rds_multi_az": Latency(720, 1200, "RELIABILITY: RDS Multi-AZ"),
    "rds_delete": Latency(240, 600, "provider acceptance tests (I)"),
    "cloudfront": Latency(240, 300, "AWS blog: Slashing CloudFront change propagation times"),
    "kvs_create": Latency(30, 90, "provider acceptance tests (I)"),
    "kvs_write": Latency(5, 30, "AWS: a few seconds; third party: low tens"),
    "nat_gateway": Latency(100, 150, "provider acceptance tests (I)"),
    "vpc_endpoint": Latency(60, 150, "provider acceptance tests: interfaces in two zones (I)"),
    "alb": Latency(150, 240, "provider acceptance tests (I)"),
    "acm_validation": Latency(90, 300, "terraform-aws-acm users: one to five minutes (I)"),
    "route53_change": Latency(35, 60, "Route 53: changes generally propagate within 60 s"),
    "web_acl": Latency(5, 15, "provider acceptance tests (I)"),
    "kms_key": Latency(10, 20, "provider acceptance tests (I)"),
    "asg": Latency(40, 90, "waits for capacity: one instance in service (I)"),
    "lambda": Latency(8, 20, "provider acceptance tests (I)"),
    "lambda_vpc": Latency(60, 90, "AWS: the function's interface in the VPC takes up to 90 s to be made"),
    "lambda_delete": Latency(2, 10, "provider acceptance tests (I)"),
    "delete_fast": Latency(5, 15, "ENI detach and the like (I)"),
    # Kubernetes
    "pod_start": Latency(20, 60, "image pull and readiness of a Spring Boot service (I)"),
    "helm_release": Latency(30, 90, "chart of two pods (I)"),
}


def modelled_s(row: str | None, profile: Profile) -> float:
    """Unscaled seconds of a row; None is an ordinary call. KeyError names an unknown row."""
    latency = TABLE[row or "control_plane"]
    return latency.typical_s if profile == "typical" else latency.slow_s
