"""What of a stack's exported state shapes reachability on AWS: its network, its groups, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from typing import Any

from runbook.reachability.ports import Unmodelled

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
TABLE = "aws:ec2/routeTable:RouteTable"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
IGW = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
DATABASE = "aws:rds/instance:Instance"
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADDON = "aws:eks/addon:Addon"
SCALING_GROUP = "aws:autoscaling/group:Group"
FUNCTION = "aws:lambda/function:Function"
MODELLED = frozenset(
    {
        VPC,
        SUBNET,
        GROUP,
        DEFAULT_GROUP,
        INGRESS,
        EGRESS,
        TABLE,
        ROUTE,
        ASSOCIATION,
        IGW,
        NAT,
        ENDPOINT,
        TEMPLATE,
    }
    | {BALANCER, DATABASE, SUBNET_GROUP, CLUSTER, NODE_GROUP, ADDON, SCALING_GROUP, FUNCTION}
)
INERT = frozenset({"aws:ec2/eip:Eip", "aws:ec2/flowLog:FlowLog"})
"""Of the network, and without effect on who reaches whom."""
NETWORKING = re.compile(
    r"aws:(ec2|vpc|ec2transitgateway|vpclattice|networkfirewall|globalaccelerator|directconnect|networkmanager)/"
)
PLACED = re.compile(r"(sg|subnet)-[0-9a-f]{8,17}")
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NAMESPACE = "kubernetes:core/v1:Namespace"
SERVICE = "kubernetes:core/v1:Service"
WORKLOADS = {
    "kubernetes:apps/v1:Deployment": ("spec", "template"),
    "kubernetes:apps/v1:StatefulSet": ("spec", "template"),
    "kubernetes:apps/v1:DaemonSet": ("spec", "template"),
    "kubernetes:batch/v1:Job": ("spec", "template"),
    "kubernetes:batch/v1:CronJob": ("spec", "jobTemplate", "spec", "template"),
    "kubernetes:core/v1:Pod": (),
}
# Objects by which controllers make load balancers, rules or machines that no state knows of.
OUTSIDE_OF_STATE = re.compile(
    r":(Ingress|Gateway|EC2NodeClass|NodePool|SecurityGroupPolicy|AdminNetworkPolicy|BaselineAdminNetworkPolicy"
    r"|ClusterNetworkPolicy|ApplicationNetworkPolicy|GlobalNetworkPolicy|CiliumNetworkPolicy"
    r"|CiliumClusterwideNetworkPolicy)$"
)


@dataclass(frozen=True)
class Res:
    """One resource: its outputs over its inputs, as deployed."""

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any]
    props: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        value = self.props.get(key)
        return default if value is None else value

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Subnet:
    id: str
    network: IPv4Network
    zone: str
    gives_public: bool
    table: Res | None
    """None: the network's main table, which has the local route only."""


class State:
    """A stack's resources by type; Unmodelled for whatever shapes the network and is not understood."""

    def __init__(self, resources: Iterable[Mapping[str, Any]]) -> None:
        self._by_type: dict[str, list[Res]] = {}
        for raw in resources:
            inputs, outputs = raw.get("inputs") or {}, raw.get("outputs") or {}
            res = Res(
                str(raw["urn"]), str(raw["type"]), str(raw.get("id", "")), inputs, {**inputs, **outputs}
            )
            self._by_type.setdefault(res.type, []).append(res)
            self._understood(res)
        if len(self.all(VPC)) > 1:
            raise Unmodelled("a second VPC", self.all(VPC)[1].urn)

    def all(self, type_: str) -> list[Res]:
        return self._by_type.get(type_, [])

    def types(self) -> Iterator[str]:
        yield from self._by_type

    def by_id(self, type_: str, id_: Any) -> Res | None:
        return next((r for r in self.all(type_) if r.id == id_), None)

    def _understood(self, res: Res) -> None:
        if res.type.startswith("kubernetes:"):
            self._kubernetes(res)
            return
        if not res.type.startswith("aws:") or res.type in INERT:
            return
        if res.type not in MODELLED:
            if NETWORKING.match(res.type):
                raise Unmodelled(f"what {res.type} does to the network is not understood", res.urn)
            if PLACED.search(str(dict(res.inputs))):
                raise Unmodelled(f"{res.type} stands in the network and is not understood", res.urn)
        if res.type in (GROUP, DEFAULT_GROUP) and (res.inputs.get("ingress") or res.inputs.get("egress")):
            raise Unmodelled("a security group with rules of its own: only separate ones are read", res.urn)
        if res.type == TABLE and res.inputs.get("routes"):
            raise Unmodelled("a route table with routes of its own: only separate ones are read", res.urn)
        if res.type == VPC and (
            res.inputs.get("assignGeneratedIpv6CidrBlock") or res.inputs.get("ipv6CidrBlock")
        ):
            raise Unmodelled("IPv6 in the VPC", res.urn)

    def _kubernetes(self, res: Res) -> None:
        if OUTSIDE_OF_STATE.search(res.type):
            raise Unmodelled(f"{res.type} makes things that no stack's state knows of", res.urn)
        if res.type.endswith(":NetworkPolicy") and res.type != NETWORK_POLICY:
            raise Unmodelled(f"{res.type} is not Kubernetes' own NetworkPolicy", res.urn)
        spec = res.get("spec", {})
        if res.type == SERVICE and (spec.get("type", "ClusterIP") != "ClusterIP" or spec.get("externalIPs")):
            raise Unmodelled("a Service that is reached from outside of the cluster", res.urn)
        if res.type.endswith(":TargetGroupBinding") and spec.get("networking"):
            raise Unmodelled("a TargetGroupBinding by which the controller makes rules of its own", res.urn)

    # the network

    @cached_property
    def subnets(self) -> dict[str, Subnet]:
        tables = {a.get("subnetId"): self.by_id(TABLE, a.get("routeTableId")) for a in self.all(ASSOCIATION)}
        return {
            s.id: Subnet(
                s.id,
                IPv4Network(s.get("cidrBlock")),
                str(s.get("availabilityZone")),
                bool(s.get("mapPublicIpOnLaunch")),
                tables.get(s.id),
            )
            for s in self.all(SUBNET)
        }

    def subnet(self, id_: Any, urn: str) -> Subnet:
        found = self.subnets.get(str(id_))
        if found is None:
            raise Unmodelled(f"it stands in {id_}, which is not of this stack", urn)
        return found

    def routes(self, subnet: Subnet) -> list[Res]:
        return [r for r in self.all(ROUTE) if subnet.table and r.get("routeTableId") == subnet.table.id]

    # what security groups stand on a machine

    def template_groups(self, template_id: Any, urn: str) -> tuple[list[str], bool | None]:
        """The groups of a launch template, and whether it gives public addresses (None: the subnet decides)."""
        template = self.by_id(TEMPLATE, template_id)
        if template is None:
            raise Unmodelled(f"its launch template {template_id} is not of this stack", urn)
        groups = list(template.get("vpcSecurityGroupIds") or template.get("securityGroupNames") or [])
        public: bool | None = None
        for interface in template.get("networkInterfaces") or []:
            groups += interface.get("securityGroups") or []
            given = interface.get("associatePublicIpAddress")
            if given is not None:
                public = bool(public) or str(given).lower() == "true"
        return groups, public


def template_of(workload: Res) -> Mapping[str, Any]:
    """The pod template of a workload."""
    found: Any = workload.props
    for part in WORKLOADS[workload.type]:
        found = found.get(part) or {}
    return found
