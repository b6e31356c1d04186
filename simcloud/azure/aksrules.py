"""What AKS refuses: versions, pools and networks."""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Any

from simcloud.azure import ids
from simcloud.azure.errors import ArmError, property_change, resource_not_found
from simcloud.azure.names import check as check_name
from simcloud.azure.topology import RESERVED, Subnet, find_subnet, subnets
from simcloud.kinds import Context

# minor → (general availability, last day of support, newest patch). CLOUD_FACTS A7 (Microsoft's calendar); community
# support ends with the month named there, long-term support a year later. Patches: az aks get-versions, koreacentral.
CALENDAR: dict[str, tuple[datetime.date, datetime.date, int]] = {
    "1.29": (datetime.date(2024, 3, 1), datetime.date(2025, 3, 31), 15),
    "1.30": (datetime.date(2024, 7, 1), datetime.date(2025, 7, 31), 14),
    "1.31": (datetime.date(2024, 11, 1), datetime.date(2025, 11, 30), 13),
    "1.32": (datetime.date(2025, 4, 1), datetime.date(2026, 3, 31), 11),
    "1.33": (datetime.date(2025, 6, 1), datetime.date(2026, 6, 30), 9),
    "1.34": (datetime.date(2025, 11, 1), datetime.date(2026, 11, 30), 6),
    "1.35": (datetime.date(2026, 3, 1), datetime.date(2027, 3, 31), 4),
    "1.36": (datetime.date(2026, 6, 1), datetime.date(2027, 6, 30), 2),
    "1.37": (datetime.date(2026, 10, 1), datetime.date(2027, 10, 31), 0),
}
LTS_EXTRA = datetime.timedelta(days=365)
DNS_PREFIX = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,52}[A-Za-z0-9])?")

# Sizes offered in Korea Central that fit a node (2 vCPUs and 4 GB at least): use-system-pools, az vm list-sizes.
VM_SIZES = re.compile(
    r"Standard_(B(2|4|8|12|16|20)(s|ms|als_v2|as_v2|s_v2|ls_v2|ats_v2|ps_v2|pls_v2)"
    r"|D(2|4|8|16|32|48|64|96)(s|as|ds|ads|ps|pds|pls|plds|ls|lds|als|alds)_v[3-6]|DS[1-5]_v2|D[1-5]_v2"
    r"|E(2|4|8|16|20|32|48|64|96)(s|as|ds|ads|ps|pds)_v[3-6]|F(2|4|8|16|32|48|64|72)s_v2|F(2|4|8|16|32)(as|als|ams)_v6)"
)
FIXED_POOL = (
    "vnetSubnetID",
    "podSubnetID",
    "osType",
    "osDiskSizeGB",
    "osDiskType",
    "maxPods",
    "availabilityZones",
)


def missing(parameter: str) -> ArmError:
    """Azure/ARO-HCP#629"""
    return ArmError("InvalidParameter", f"Required parameter {parameter} is missing (null).")


def invalid(parameter: str, why: str = "") -> ArmError:
    """Azure/AKS#695; `why` is ours where the service gives only a link."""
    detail = f" Error details: {why}." if why else ""
    return ArmError("InvalidParameter", f"The value of parameter {parameter} is invalid.{detail}")


def supported(today: datetime.date, *, lts: bool = False) -> list[str]:
    """Minors that a cluster can be created with on that day, oldest first."""
    extra = LTS_EXTRA if lts else datetime.timedelta()
    return [m for m, (start, end, _) in CALENDAR.items() if start <= today <= end + extra]


def full_version(version: object) -> str:
    """The patch behind an alias ("1.35" is the newest 1.35); the newest minor but one when none is asked for."""
    if not version:
        return full_version(supported(datetime.date.today())[-2])
    text = str(version)
    if text.count(".") == 1 and text in CALENDAR:
        return f"{text}.{CALENDAR[text][2]}"
    return text


def check_version(cluster: str, version: str, support: str, today: datetime.date | None = None) -> None:
    """The window of versions, by date."""
    match = re.fullmatch(r"(\d+\.\d+)(?:\.(\d+))?", version)
    minor = match[1] if match else ""
    offered = supported(today or datetime.date.today(), lts=support == "AKSLongTermSupport")
    patch_ok = match is not None and (match[2] is None or int(match[2]) <= CALENDAR.get(minor, (0, 0, -1))[2])
    if minor not in offered or not patch_ok:
        # pulumi/pulumi-azure-native#3550; code Azure/Microsoft-Defender-for-Cloud#923
        raise ArmError(
            "K8sVersionNotSupported",
            f"Managed cluster {cluster} is on version {version} which is not supported in this region. Please use "
            "[az aks get-versions] command to get the supported version list in this region. For more information, "
            "please check https://aka.ms/supported-version-list",
        )


def _minor(version: str) -> int:
    parts = version.split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


def check_upgrade(cluster: str, old: str, new: str) -> None:
    """One minor at a time, never back (upgrade-aks-cluster)."""
    if _minor(new) < _minor(old):
        raise ArmError(
            "OperationNotAllowed",
            f"Downgrading cluster {cluster} from {old} to {new} is not allowed.",
            status=409,
        )
    if _minor(new) > _minor(old) + 1:
        # [recalled]
        raise ArmError(
            "OperationNotAllowed",
            f"Upgrading Kubernetes version {old} to {new} is not allowed. Available upgrades: [1.{_minor(old) + 1}].",
            status=409,
        )


def check_skew(pool: str, control: str) -> None:
    """[recalled]; a pool is at most three minors behind and never ahead."""
    if not 0 <= _minor(control) - _minor(pool) <= 3:
        raise ArmError(
            "NodePoolMcVersionIncompatible",
            f"Node pool version {pool} and control plane version {control} are incompatible. Minor version of node "
            "pool cannot be bigger than control plane version, and at most three behind it. For more information, "
            "please check https://aka.ms/aks/UpgradeVersionRules",
        )


def check_pool(pool: dict[str, Any], name: str, location: str, old: dict[str, Any] | None) -> None:
    """One pool by itself."""
    check_name("Microsoft.ContainerService/managedClusters/agentPools", name)
    size = str(pool.get("vmSize") or "")
    if not VM_SIZES.fullmatch(size):
        # [recalled]
        raise ArmError(
            "VMSizeNotSupported" if size else "InvalidParameter",
            f"The VM size of {size} is not allowed in your subscription in location '{location}'."
            if size
            else "Required parameter agentPoolProfile.vmSize is missing (null).",
        )
    count, low, high = pool.get("count"), pool.get("minCount"), pool.get("maxCount")
    least = 1 if pool.get("mode") == "System" else 0
    if pool.get("enableAutoScaling"):
        if low is None or high is None:
            raise invalid(
                "agentPoolProfile.minCount", "minCount and maxCount are required with enableAutoScaling"
            )
        if not least <= low <= high <= 1000:
            raise invalid(
                "agentPoolProfile.minCount", f"{least} <= minCount ({low}) <= maxCount ({high}) <= 1000"
            )
        # Of a pool that exists the range may be moved away from the count: Azure/AKS#1758.
        if old is None and count is not None and not low <= count <= high:
            raise invalid("agentPoolProfile.count", f"count ({count}) is not between {low} and {high}")
    else:
        if low is not None or high is not None:
            raise invalid("agentPoolProfile.minCount", "minCount and maxCount need enableAutoScaling")
        if count is not None and not least <= count <= 1000:
            raise invalid("agentPoolProfile.count", f"count ({count}) is not between {least} and 1000")
    for key in pool.get("nodeLabels") or {}:
        if str(key).split("/")[0].endswith("kubernetes.azure.com"):
            # https://learn.microsoft.com/azure/aks/use-labels
            raise invalid(
                "agentPoolProfile.nodeLabels", f"label {key} uses the reserved prefix kubernetes.azure.com"
            )


def check_pool_change(old: dict[str, Any] | None, new: dict[str, Any], where: str) -> None:
    if old is None:
        return
    for key in (*FIXED_POOL, *(("vmSize",) if where == "agentPoolProfile" else ())):
        if old.get(key) != new.get(key):
            raise property_change(f"{where}.{key}")


def _subnet(ctx: Context, pool: dict[str, Any], location: str) -> Subnet | None:
    wanted = pool.get("vnetSubnetID")
    if not wanted:
        return None
    parsed = ids.parse(wanted)
    if not parsed or len(parsed.names) != 2:
        raise invalid("agentPoolProfile.vnetSubnetID")  # Azure/AKS#695
    subnet = find_subnet(ctx, wanted)
    if not subnet:
        raise resource_not_found(
            "Microsoft.Network/virtualNetworks", "/subnets/".join(parsed.names), parsed.group
        )
    if subnet.location != location:
        raise invalid("agentPoolProfile.vnetSubnetID", "the virtual network is in another region")
    if subnet.delegations:
        # MicrosoftDocs/azure-docs#69774
        raise ArmError(
            "SubnetIsDelegated",
            f"AgentPoolProfile.VnetSubnetID {wanted} cannot be used as it's a delegated subnet. Please check "
            "https://aka.ms/adv-network-prerequest for more details.",
        )
    return subnet


def check_networks(
    ctx: Context, all_pools: list[dict[str, Any]], network: dict[str, Any], location: str
) -> None:
    """Subnets of all pools of one cluster, and the service range."""
    placed = [(pool, _subnet(ctx, pool, location)) for pool in all_pools]
    vnets = {s.vnet.id.lower(): s.vnet for _, s in placed if s}
    if len(vnets) > 1 or (vnets and not all(s for _, s in placed)):
        # use-multiple-node-pools: all pools of a cluster are in one virtual network [closest]
        raise invalid(
            "agentPoolProfile.vnetSubnetID",
            "all agent pools of a cluster must be in the same virtual network",
        )
    try:
        service = ipaddress.ip_network(str(network["serviceCidr"]))
        dns = ipaddress.ip_address(str(network["dnsServiceIP"]))
    except ValueError as error:
        raise invalid("networkProfile.serviceCidr", str(error)) from error
    for vnet in vnets.values():
        for subnet in subnets(ctx, vnet):
            clash = next(
                (p for p in subnet.prefixes if p.version == service.version and p.overlaps(service)), None
            )
            if clash:
                # learn.microsoft.com/troubleshoot/azure/azure-kubernetes, "…ServiceCidrOverlapExistingSubnetsCidr"
                raise ArmError(
                    "ServiceCidrOverlapExistingSubnetsCidr",
                    f"The specified service CIDR {service} is conflicted with an existing subnet CIDR {clash}",
                )
    if dns not in service or dns == service[1]:
        # configure-azure-cni: within the service range and not its first address [closest]
        raise invalid("networkProfile.dnsServiceIP", f"{dns} must be in {service} and not {service[1]}")
    _check_room(placed, network)


def _check_room(placed: list[tuple[dict[str, Any], Subnet | None]], network: dict[str, Any]) -> None:
    """Azure CNI without overlay hands each node and each of its pods an address, at once."""
    if network.get("networkPlugin") != "azure":
        return
    overlay = network.get("networkPluginMode") == "overlay"
    wanted: dict[str, int] = {}
    where: dict[str, Subnet] = {}
    for pool, subnet in placed:
        if not subnet:
            continue
        nodes = int(pool.get("maxCount") or pool.get("count") or 1)
        each = 1 if overlay or pool.get("podSubnetID") else 1 + int(pool.get("maxPods") or 30)
        wanted[subnet.id] = wanted.get(subnet.id, 0) + nodes * each
        where[subnet.id] = subnet
    for subnet_id, need in wanted.items():
        subnet = where[subnet_id]
        have = sum(p.num_addresses - RESERVED for p in subnet.prefixes)
        if need > have:
            # Azure/AKS-Construction#701; 10 nodes want 310: Azure/AKS#456
            raise ArmError(
                "InsufficientSubnetSize",
                f"Pre-allocated IPs {need} exceeds IPs available {have} in Subnet Cidr {subnet.prefixes[0]}, Subnet "
                f"Name {subnet.name}. If Autoscaler is enabled, the max-count from each nodepool is counted towards "
                "this total (which means that pre-allocated IPs count represents a theoretical max value, not the "
                "actual number of IPs requested). http://aka.ms/aks/insufficientsubnetsize",
            )
