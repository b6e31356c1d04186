"""The standby in Azure: storage always, the rest while it serves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from runbook.cost import backups, support
from runbook.cost.model import Line, UnknownPrice
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

DISKS = ((32, "P4"), (64, "P6"), (128, "P10"))


@priced("azure-native:storage:BlobContainer")
def container(bill: Bill, it: Resource) -> Iterator[Line]:
    if not backups.holds_backups(bill, it):
        return
    found = backups.month(bill)
    yield bill.line(
        it, "storage", f"Blob for {found.kept:,.0f} backups", found.gigabytes_kept, "azure.blob.hot.lrs"
    )
    yield bill.line(it, "storage", "writes of backups", found.writes, "azure.blob.write")
    if found.binlog_writes:
        yield bill.line(it, "storage", "writes of binlog", found.binlog_writes, "azure.blob.write")


@priced("azure-native:storage:StorageAccount")
def account(bill: Bill, it: Resource) -> Iterator[Line]:
    sku, tier = str(it.get("sku.name") or ""), str(it.get("accessTier") or "Hot")
    if (sku, tier) != ("Standard_LRS", "Hot"):
        raise UnknownPrice(f"storage of {sku} {tier} is not in the snapshot")
    yield bill.line(it, "storage", "reads", bill.usage.blob_reads, "azure.blob.read")


@priced("azure-native:dbformysql:Server")
def mysql(bill: Bill, it: Resource) -> Iterator[Line]:
    size = str(it.get("sku.name"))
    copies = 2 if it.get("highAvailability.mode") in ("ZoneRedundant", "SameZone") else 1
    storage = it.number("storage.storageSizeGB", 20) * copies
    yield bill.line(it, "mysql", f"MySQL {size}", copies, f"azure.mysql.{size}")
    yield bill.line(it, "mysql", "MySQL storage", storage, "azure.mysql.storage")
    known = support.of("azure.mysql", str(it.get("version") or ""))
    if known and known.charged(bill.on):
        bill.note(
            f"Azure bills Extended Support of MySQL {known.version} since {known.standard_until} (a month's grace); "
            "its price was not found, so it is not in these sums"
        )


@priced("azure-native:containerservice:ManagedCluster")
def cluster(bill: Bill, it: Resource) -> Iterator[Line]:
    tier = str(it.get("sku.tier") or "Free")
    if tier not in ("Free", "Standard"):
        raise UnknownPrice(f"AKS of tier {tier} is not in the snapshot")
    if tier == "Standard":
        yield bill.line(it, "aks", "AKS control plane", 1, "azure.aks.standard")
    for pool in it.items("agentPoolProfiles"):
        yield from _nodes(bill, it, pool)
    yield bill.line(it, "aks", "load balancer", 1, "azure.lb.standard")
    if (it.get("networkProfile.outboundType") or "loadBalancer") == "loadBalancer":
        # AKS makes it by itself, for what pods send out.
        yield bill.line(it, "address", "AKS outbound address", 1, "azure.ip.standard")


@priced("azure-native:containerservice:AgentPool")
def pool(bill: Bill, it: Resource) -> Iterator[Line]:
    names = ("vmSize", "count", "minCount", "maxCount", "osDiskSizeGB", "osDiskType", "scaleSetPriority")
    yield from _nodes(bill, it, {name: it.get(name) for name in names})


def _nodes(bill: Bill, it: Resource, pool: Mapping[str, Any]) -> Iterator[Line]:
    """From the minimum: in a disaster the autoscaler starts there."""
    size = str(pool["vmSize"])
    if pool.get("scaleSetPriority") == "Spot":
        raise UnknownPrice("Spot capacity has no list price")
    count = float(pool.get("minCount") or pool.get("count") or 1)
    most = max(count, float(pool.get("maxCount") or count))
    yield bill.line(it, "aks", f"{size} node", count, f"azure.vm.{size}", span=(count, most))
    if pool.get("osDiskType") != "Ephemeral":
        # A managed disk of 128 GB is AKS's own default for these sizes.
        wanted = float(pool.get("osDiskSizeGB") or 128)
        disk = next((name for top, name in DISKS if wanted <= top), None)
        if disk is None:
            raise UnknownPrice(f"a disk of {wanted:.0f} GB is not in the snapshot")
        yield bill.line(it, "aks", f"{disk} disk", count, f"azure.disk.{disk}", span=(count, most))


@priced("azure-native:network:ApplicationGateway")
def gateway(bill: Bill, it: Resource) -> Iterator[Line]:
    sku = str(it.get("sku.name"))
    units = max(bill.usage.gateway_units, 10 * it.number("autoscaleConfiguration.minCapacity"), 1)
    yield bill.line(it, "gateway", f"gateway {sku}", 1, f"azure.gateway.{sku}")
    if sku != "Basic":
        yield bill.line(
            it, "gateway", "capacity", units, f"azure.gateway.unit{'.waf' if 'WAF' in sku else ''}"
        )
    yield bill.line(it, "traffic", "data out to the edge", bill.usage.azure_gb, "azure.transfer.internet")


@priced("azure-native:network:PublicIPAddress")
def address(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "address", "public address", 1, "azure.ip.standard")


@priced("azure-native:privatedns:PrivateZone")
def zone(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "around", "private DNS zone", 1, "azure.dns.private")


@priced("azure-native:network:NatGateway")
def nat(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "around", "NAT gateway", 1, "azure.nat.hour")


@priced("azure-native:network:PrivateEndpoint")
def endpoint(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "around", "private endpoint", 1, "azure.endpoint.private")


LOG_KB = 1.2
"""One logged operation on storage, with its caller and its place."""
LOGS_FREE_GB = 5.0
"""Of a billing account a month: https://azure.microsoft.com/pricing/details/monitor/"""


@priced("azure-native:operationalinsights:Workspace")
def workspace(bill: Bill, it: Resource) -> Iterator[Line]:
    found = backups.month(bill)
    gigabytes = (found.writes + found.binlog_writes) * LOG_KB / 1e6
    over = max(0.0, gigabytes - LOGS_FREE_GB)
    yield bill.line(
        it, "watch", f"logs of storage, {gigabytes:.1f} GB less 5 free", over, "azure.logs.ingest"
    )


@priced("azure-native:monitor:ScheduledQueryRule")
def log_alarm(bill: Bill, it: Resource) -> Iterator[Line]:
    every = str(it.get("evaluationFrequency"))
    yield bill.line(it, "watch", f"alarm on logs, every {every}", 1, f"azure.alarm.log.{every}")


@priced("azure-native:containerinstance:ContainerGroup")
def group(bill: Bill, it: Resource) -> Iterator[Line]:
    """A restore's is not billed once it has finished; the warm standby's feeder never ends."""
    wants = [one["resources"]["requests"] for one in it.items("containers")]
    once = it.get("restartPolicy") == "Never"
    for label, name, item in (("vCPU", "cpu", "vcpu"), ("memory", "memoryInGB", "gb")):
        count = sum(float(want[name]) for want in wants)
        if not once:
            yield bill.line(it, "around", f"{label} of a job", count, f"azure.container.{item}")
            continue
        made = bill.line(
            it, "around", f"{label} of a restore", count * bill.usage.restore_hours, f"azure.container.{item}"
        )
        # Hours of one restore, not of a month.
        yield dataclasses.replace(made, hour_usd=0.0, month_usd=made.hour_usd)
