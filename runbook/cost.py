"""What the standby costs, from the resources that a stack really has (Pulumi state) and dated list prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runbook import prices
from runbook.errors import PlanBError


class UnknownPrice(PlanBError):
    """A deployed SKU that the price snapshot does not know; no sum is made up for it."""


@dataclass(frozen=True)
class Line:
    """One resource's share. `hour_usd` runs while it exists, `month_usd` is billed by the month or by use."""

    resource: str
    basis: str
    hour_usd: float = 0.0
    month_usd: float = 0.0

    @property
    def month_total_usd(self) -> float:
        return self.hour_usd * prices.HOURS + self.month_usd


@dataclass(frozen=True)
class Usage:
    """What the bill depends on besides the resources: measured, or stated as assumed by the caller."""

    backup_bytes: float
    """Mean size of one stored backup."""
    backup_interval_s: float
    retention_days: float
    writes_per_backup: float
    """Billed write operations (blocks, block lists, manifest) of one backup."""


def lines(resources: Iterable[Mapping[str, Any]], usage: Usage) -> list[Line]:
    """Cost lines of the Azure resources in a stack's exported state (`deployment.resources`)."""
    found: list[Line] = []
    for resource in resources:
        kind = str(resource.get("type", ""))
        if not kind.startswith("azure-native:") or kind.startswith("azure-native:insights"):
            continue
        name = str(resource["urn"]).rsplit("::", 1)[-1]
        properties: dict[str, Any] = {**resource.get("inputs", {}), **resource.get("outputs", {})}
        found += _BY_TYPE.get(kind, _free)(name, properties, usage)
    return found


def _free(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    return []


def _container(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    if properties.get("publicAccess") not in (None, "None"):
        return []
    kept = usage.retention_days * 86_400 / usage.backup_interval_s
    month = 30 * 86_400 / usage.backup_interval_s
    gigabytes = usage.backup_bytes * kept / 1e9
    writes = month * usage.writes_per_backup
    return [
        Line(
            name,
            f"{kept:,.0f} backups of {usage.backup_bytes / 1e6:.1f} MB kept: {gigabytes:.1f} GB",
            month_usd=gigabytes * prices.AZURE["blob_hot_lrs_gb_month"],
        ),
        Line(
            name,
            f"{writes:,.0f} write operations a month",
            month_usd=writes / 1e4 * prices.AZURE["blob_write_10k"],
        ),
    ]


def _mysql(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    sku = _known(prices.AZURE_MYSQL_HOUR, name, str(properties["sku"]["name"]))
    replicas = 2 if properties.get("highAvailability", {}).get("mode") in ("ZoneRedundant", "SameZone") else 1
    size = float(properties.get("storage", {}).get("storageSizeGB", 20))
    return [
        Line(name, f"{properties['sku']['name']} × {replicas}", hour_usd=sku * replicas),
        Line(
            name,
            f"{size:.0f} GB × {replicas}",
            month_usd=size * replicas * prices.AZURE["mysql_storage_gb_month"],
        ),
    ]


def _gateway(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    sku = str(properties["sku"]["name"])
    fixed = _known(prices.AZURE_GATEWAY_HOUR, name, sku)
    units = max(1.0, float(properties.get("autoscaleConfiguration", {}).get("minCapacity", 0)) * 10)
    return [
        Line(name, f"{sku}, fixed", hour_usd=fixed),
        Line(name, f"{units:.0f} capacity unit(s)", hour_usd=units * prices.AZURE_GATEWAY_UNIT_HOUR),
    ]


def _pool(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    return [_nodes(name, properties)]


def _cluster(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    pools = [
        _nodes(f"{name}/{pool.get('name', 'pool')}", pool)
        for pool in properties.get("agentPoolProfiles") or []
    ]
    return [Line(name, "load balancer", hour_usd=prices.AZURE["load_balancer_standard_hour"]), *pools]


def _nodes(name: str, properties: Mapping[str, Any]) -> Line:
    size = str(properties["vmSize"])
    count = int(properties.get("minCount") or properties.get("count") or 1)
    return Line(name, f"{size} × {count}", hour_usd=count * _known(prices.AZURE_VM_HOUR, name, size))


def _address(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    return [Line(name, "Standard public IP", hour_usd=prices.AZURE["public_ip_standard_hour"])]


def _zone(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    return [Line(name, "private DNS zone", month_usd=prices.AZURE["private_dns_zone_month"])]


def _nat(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    return [Line(name, "NAT gateway", hour_usd=prices.AZURE["nat_gateway_hour"])]


def _group(name: str, properties: dict[str, Any], usage: Usage) -> list[Line]:
    # It runs for the minutes of one restore; a finished group with restartPolicy Never is not billed.
    wants = [c["resources"]["requests"] for c in properties.get("containers") or []]
    hour = sum(
        float(w["cpu"]) * prices.AZURE["container_vcpu_hour"]
        + float(w["memoryInGB"]) * prices.AZURE["container_gb_hour"]
        for w in wants
    )
    return [Line(name, "container group, half an hour a restore", month_usd=hour / 2)]


def _known(table: Mapping[str, float], resource: str, sku: str) -> float:
    if sku not in table:
        raise UnknownPrice(
            f"no price for {sku} ({resource}) in the snapshot of {prices.SNAPSHOT}",
            resource=resource,
            meaning="the cost cannot be stated; nothing else is affected",
            next_step=f"add {sku} to runbook/prices.py, or choose one of {', '.join(sorted(table))}",
        )
    return table[sku]


_BY_TYPE = {
    "azure-native:storage:BlobContainer": _container,
    "azure-native:dbformysql:Server": _mysql,
    "azure-native:network:ApplicationGateway": _gateway,
    "azure-native:containerservice:AgentPool": _pool,
    "azure-native:containerservice:ManagedCluster": _cluster,
    "azure-native:network:PublicIPAddress": _address,
    "azure-native:network:NatGateway": _nat,
    "azure-native:privatedns:PrivateZone": _zone,
    "azure-native:containerinstance:ContainerGroup": _group,
}
