"""EKS, nodes, the backup host, functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.cost import support
from runbook.cost.logs import days_of, logs
from runbook.cost.model import HOURS, Line, UnknownPrice
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SOON_DAYS = 180
"""An end of support within half a year is said."""


@priced("aws:eks/cluster:Cluster")
def cluster(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "eks", "control plane", 1, "eks.cluster")
    yield from _extended(bill, it)
    kept = bill.usage.eks_log_gb if it.items("enabledClusterLogTypes") else 0.0
    yield from logs(bill, it, "control plane logs", kept, days_of(bill, "/aws/eks/"))
    # Each direction is charged; the cluster is the one of our resources whose pods talk across zones.
    yield bill.line(it, "other", "traffic between zones", 2 * bill.usage.zones_gb, "transfer.zones")


def _extended(bill: Bill, it: Resource) -> Iterator[Line]:
    version = str(it.get("version") or "")
    known = support.of("eks", version)
    if known is None:
        bill.note(f"EKS {version or 'without a version'}: its end of support is not in support.toml")
        return
    if it.get("upgradePolicy.supportType") == "STANDARD":
        return  # AWS upgrades it instead of charging
    if known.charged(bill.on):
        yield bill.line(it, "extended", f"EKS {version} Extended Support", 1, "eks.extended")
    elif (known.standard_until - bill.on).days <= SOON_DAYS:
        more = bill.prices.price("eks.extended", bill.stack.region_of(it)).usd * HOURS
        bill.note(
            f"EKS {version} leaves standard support on {known.standard_until}: from then ${more:,.0f} a month more"
        )


@priced("aws:eks/nodeGroup:NodeGroup")
def node_group(bill: Bill, it: Resource) -> Iterator[Line]:
    if it.get("capacityType") == "SPOT":
        raise UnknownPrice("Spot capacity has no list price")
    template = bill.stack.by_id(TEMPLATE, str(it.get("launchTemplate.id") or ""))
    size = (
        next(iter(it.items("instanceTypes")), None)
        or (template and template.get("instanceType"))
        or "t3.medium"
    )
    wanted = it.number("scalingConfig.desiredSize", it.number("scalingConfig.minSize", 1))
    span = it.number("scalingConfig.minSize", wanted), it.number("scalingConfig.maxSize", wanted)
    # Where the autoscaler moved it outside what is declared, what runs is what is paid.
    span = min(span[0], wanted), max(span[1], wanted)
    yield from instances(bill, it, "nodes", f"{size} node", str(size), template, wanted, span)
    if any(addon.get("addonName") == "amazon-cloudwatch-observability" for addon in bill.stack.of(ADDON)):
        each = bill.usage.node_observations
        yield bill.line(
            it, "watching", "Container Insights observations", wanted * each, "metric.observation"
        )


ADDON = "aws:eks/addon:Addon"


@priced(ADDON)
def addon(bill: Bill, it: Resource) -> Iterator[Line]:
    if it.get("addonName") == "amazon-cloudwatch-observability":
        days = days_of(bill, "/aws/containerinsights/")
        yield from logs(bill, it, "container logs", bill.usage.container_log_gb, days)


@priced("aws:autoscaling/group:Group")
def group(bill: Bill, it: Resource) -> Iterator[Line]:
    template = bill.stack.by_id(TEMPLATE, str(it.get("launchTemplate.id") or ""))
    size = template and template.get("instanceType")
    if not size:
        raise UnknownPrice("the type of its instances is not in the state")
    least = it.number("minSize")
    # A group that may be empty has machines on demand only; the number in the state is that of the last update.
    wanted = it.number("desiredCapacity", least) if least else 0
    span = min(it.number("minSize"), wanted), max(it.number("maxSize"), wanted)
    yield from instances(bill, it, "host", f"{size} host", str(size), template, wanted, span)


@priced("aws:ec2/instance:Instance")
def instance(bill: Bill, it: Resource) -> Iterator[Line]:
    size = str(it.get("instanceType"))
    yield bill.line(it, "host", f"{size} host", 1, f"ec2.{size}")
    for disk in it.items("rootBlockDevice"):
        yield from volume(bill, it, disk, 1, (1, 1))
    if it.get("associatePublicIpAddress"):
        yield bill.line(it, "addresses", "public IPv4 address", 1, "ipv4.public")


def instances(
    bill: Bill,
    it: Resource,
    row: str,
    label: str,
    size: str,
    template: Resource | None,
    wanted: float,
    span: tuple[float, float],
) -> Iterator[Line]:
    """Virtual machines and their disks."""
    yield bill.line(it, row, label, wanted, f"ec2.{size}", span=span)
    disks = [
        mapping.get("ebs") or {} for mapping in (template.items("blockDeviceMappings") if template else [])
    ]
    for disk in disks or [{"volumeSize": 20}]:  # an EKS node's own default
        yield from volume(bill, it, disk, wanted, span)


def volume(
    bill: Bill, it: Resource, disk: dict[str, Any], count: float, span: tuple[float, float]
) -> Iterator[Line]:
    """`count` disks of a kind. IOPS and throughput are charged above what gp3 includes."""
    kind, size = str(disk.get("volumeType") or "gp3"), float(disk.get("volumeSize") or 8)
    yield bill.line(
        it, "other", f"EBS {kind}", count * size, f"ebs.{kind}", span=(span[0] * size, span[1] * size)
    )
    for name, included, item in (("iops", 3000, "iops"), ("throughput", 125, "throughput")):
        more = float(disk.get(name) or 0) - included
        if kind == "gp3" and more > 0:
            yield bill.line(it, "other", f"EBS {kind} {name}", count * more, f"ebs.gp3.{item}")


@priced("aws:lambda/function:Function")
def function(bill: Bill, it: Resource) -> Iterator[Line]:
    usage = bill.usage
    machine = next(iter(it.items("architectures")), "x86_64")
    seconds = usage.lambda_invocations * usage.lambda_seconds * it.number("memorySize", 128) / 1024
    yield bill.line(it, "functions", "Lambda calls", usage.lambda_invocations, "lambda.request")
    yield bill.line(it, "functions", "seconds of Lambda", seconds, f"lambda.gb-second.{machine}")


@priced("aws:scheduler/schedule:Schedule")
def schedule(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "functions", "scheduled calls", bill.usage.lambda_invocations, "scheduler.invocation")


@priced("aws:ecr/repository:Repository")
def repository(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "other", "images in ECR", bill.usage.ecr_gb, "ecr.storage")
