"""Who can be reached: nothing but the two web ports from the internet, no public database, no public host (R3, R4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from policy.model import (
    Finding,
    Resource,
    Severity,
    is_missing,
    is_on,
    known,
    known_list,
    on_resource,
    on_stack,
)

WEB_PORTS = (range(80, 81), range(443, 444))
PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10")
]
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
DATABASES = ("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance")


@on_resource(
    "no-public-database",
    says="No database has a public address.",
    remedy="AWS: publicly_accessible=False. Azure: put the server into its delegated subnet "
    "(delegated_subnet_resource_id) and remove firewall rules; the restore job and the WAS tier reach it "
    "from inside the network.",
    severity=Severity.CRITICAL,
)
def no_public_database(resource: Resource) -> Iterator[str]:
    if resource.type in DATABASES and is_on(resource.get("publiclyAccessible")):
        yield "publiclyAccessible is true"
    if resource.type == "azure-native:dbformysql:Server":
        if is_missing(resource.get("network.delegatedSubnetResourceId")):
            yield "it is in no subnet, so it gets a public endpoint"
        if resource.get("network.publicNetworkAccess") == "Enabled":
            yield "publicNetworkAccess is Enabled"
    if resource.type == "azure-native:dbformysql:FirewallRule":
        yield "a firewall rule only makes sense on a server with a public endpoint"


@on_resource(
    "internet-reaches-web-ports-only",
    says="From the internet only TCP 80 and 443 come in.",
    remedy="Name the security group or subnet that has to reach this port instead of an address range; for "
    "an operator use Session Manager or a private link, not an open port.",
    severity=Severity.CRITICAL,
)
def internet_reaches_web_ports_only(resource: Resource) -> Iterator[str]:
    for where, protocol, ports, source in _inbound(resource):
        if not _public(source):
            continue
        if protocol not in ("tcp", "6"):
            yield f"{where} lets {source} in by {'every protocol' if protocol in ('-1', '*') else protocol}"
        elif not ports or any(one not in WEB_PORTS for one in ports):
            yield f"{where} lets {source} in on {_worded(ports)}"


@on_resource(
    "no-public-hosts",
    says="Only load balancers and NAT gateways have public addresses; every host is in a private subnet.",
    remedy="Remove the public address; hosts go out through the NAT gateway and operators in through "
    "Session Manager.",
    severity=Severity.HIGH,
)
def no_public_hosts(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:ec2/subnet:Subnet" and is_on(resource.get("mapPublicIpOnLaunch")):
        yield "mapPublicIpOnLaunch gives every host in this subnet a public address"
    if resource.type == "aws:ec2/instance:Instance" and is_on(resource.get("associatePublicIpAddress")):
        yield "associatePublicIpAddress is true"
    if resource.type == "aws:ec2/launchTemplate:LaunchTemplate":
        for card in resource.each("networkInterfaces"):
            if is_on(card.get("associatePublicIpAddress")):
                yield "networkInterfaces.associatePublicIpAddress is true"
    if resource.type == "azure-native:containerservice:ManagedCluster":
        pools = [*resource.each("agentPoolProfiles")]
        if any(is_on(pool.get("enableNodePublicIP")) for pool in pools):
            yield "enableNodePublicIP is true"
    if resource.type == "azure-native:containerservice:AgentPool" and is_on(
        resource.get("enableNodePublicIP")
    ):
        yield "enableNodePublicIP is true"
    if resource.type == "azure-native:containerinstance:ContainerGroup":
        if resource.get("ipAddress.type") == "Public":
            yield "ipAddress.type is Public"
        if is_missing(resource.get("subnetIds")):
            yield "it is in no subnet"


@on_resource(
    "kubernetes-api-from-known-addresses",
    says="The Kubernetes API answers operators' addresses only.",
    remedy="EKS: planb:kubernetesApiCidrs with the operators' ranges. AKS: authorized_ip_ranges, or a private cluster. "
    "Both clouds ask for a signed identity before anything else, so this is a second lock, not the first.",
    severity=Severity.LOW,
    mandatory=False,
)
def kubernetes_api_from_known_addresses(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:eks/cluster:Cluster":
        access = resource.get("vpcConfig.endpointPublicAccess")
        ranges = resource.get("vpcConfig.publicAccessCidrs")
        # AWS's default is a public endpoint for 0.0.0.0/0.
        if known(access) and known(ranges) and (access is None or is_on(access)):
            open_ranges = [one for one in known_list(ranges) or ["0.0.0.0/0"] if _public(one)]
            if "0.0.0.0/0" in open_ranges:
                yield "the public endpoint of EKS is open to 0.0.0.0/0"
    if resource.type == "azure-native:containerservice:ManagedCluster":
        profile = resource.get("apiServerAccessProfile")
        if known(profile) and not (
            is_on(resource.get("apiServerAccessProfile.enablePrivateCluster"))
            or not is_missing(resource.get("apiServerAccessProfile.authorizedIPRanges"))
        ):
            yield "the API server of AKS is open to every address"


@on_stack(
    "network-is-logged",
    says="Every VPC has flow logs of all its traffic.",
    remedy="Add an aws.ec2.FlowLog with traffic_type ALL for this VPC; without it nobody can say later who "
    "talked to whom.",
    severity=Severity.MEDIUM,
)
def network_is_logged(resources: list[Resource]) -> Iterator[Finding]:
    logs = [one for one in resources if one.type == "aws:ec2/flowLog:FlowLog"]
    for vpc in resources:
        if vpc.type != "aws:ec2/vpc:Vpc":
            continue
        own = [
            one
            for one in logs
            if not known(one.get("vpcId")) or one.get("vpcId") == vpc.get("id") or _unborn(vpc)
        ]
        if not any(
            one.get("trafficType") in (None, "ALL") or not known(one.get("trafficType")) for one in own
        ):
            yield Finding(text=f"{vpc.name}: no flow log of all its traffic", urn=vpc.urn)


def _unborn(resource: Resource) -> bool:
    """Not created yet: what refers to it cannot be compared."""
    identity = resource.get("id")
    return not known(identity) or not identity


def _inbound(resource: Resource) -> Iterator[tuple[str, str, list[range], str]]:
    """(where, protocol, ranges of ports, source) of everything that lets traffic in from an address."""
    if resource.type == INGRESS_RULE:
        yield from _aws("it", resource.props, ("cidrIpv4", "cidrIpv6"), protocol="ipProtocol")
    elif resource.type == OLD_RULE and resource.get("type") == "ingress":
        yield from _aws("it", resource.props, ("cidrBlocks", "ipv6CidrBlocks"))
    elif resource.type == SECURITY_GROUP:
        for number, rule in enumerate(resource.each("ingress")):
            yield from _aws(f"ingress[{number}]", rule, ("cidrBlocks", "ipv6CidrBlocks"))
    elif resource.type == "azure-native:network:NetworkSecurityGroup":
        for rule in resource.each("securityRules"):
            yield from _azure(str(rule.get("name")), rule)
    elif resource.type == "azure-native:network:SecurityRule":
        yield from _azure("it", resource.props)


def _aws(
    where: str, rule: Mapping[str, Any], sources: tuple[str, ...], protocol: str = "protocol"
) -> Iterator[tuple[str, str, list[range], str]]:
    kind, low, high = rule.get(protocol), rule.get("fromPort"), rule.get("toPort")
    if not all(known(one) for one in (kind, low, high)):
        return
    ports = [_range(int(low), int(high))] if low is not None and high is not None else []
    for key in sources:
        value = rule.get(key)
        for source in [value] if isinstance(value, str) else known_list(value):
            yield where, str(kind).lower(), ports, source


def _azure(where: str, rule: Mapping[str, Any]) -> Iterator[tuple[str, str, list[range], str]]:
    if rule.get("direction") != "Inbound" or rule.get("access") != "Allow":
        return
    written = [rule.get("destinationPortRange"), *known_list(rule.get("destinationPortRanges"))]
    ports = [_parse(one) for one in written if isinstance(one, str) and one]
    for source in [rule.get("sourceAddressPrefix"), *known_list(rule.get("sourceAddressPrefixes"))]:
        if isinstance(source, str):
            yield where, str(rule.get("protocol")).lower(), ports, source


def _parse(text: str) -> range:
    """Azure's `443`, `1000-2000` and `*`."""
    if text == "*":
        return _range(0, 65535)
    low, _, high = text.partition("-")
    return _range(int(low), int(high or low))


def _range(low: int, high: int) -> range:
    return range(low, high + 1)


def _public(source: str) -> bool:
    """Whether it means addresses of the internet; Azure's service tags but `Internet` mean the platform's own."""
    if source in ("Internet", "*", "Any"):
        return True
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return not any(
        network.version == inner.version and network.subnet_of(inner)  # pyright: ignore[reportArgumentType]
        for inner in PRIVATE
    )


def _worded(ports: list[range]) -> str:
    if not ports:
        return "every port"
    return ", ".join(str(min(one)) if len(one) == 1 else f"{min(one)}-{max(one)}" for one in ports)


NETWORK = [
    no_public_database,
    internet_reaches_web_ports_only,
    no_public_hosts,
    kubernetes_api_from_known_addresses,
    network_is_logged,
]
