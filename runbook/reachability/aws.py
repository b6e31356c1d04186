"""AWS as a site: actors from what carries security groups, paths through groups, routes and NetworkPolicies.

A connection needs the source's egress and the target's ingress rules, a route, and between pods their NetworkPolicies
(only where the CNI enforces them). The resolver and the metadata service of a VPC are behind no group and not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from runbook.reachability import aws_state as aws
from runbook.reachability.aws_state import Res, State, Subnet
from runbook.reachability.model import Gate, Path, Permit, meets
from runbook.reachability.policies import Direction, Peer, Pod, Policies
from runbook.reachability.ports import ALL, Unmodelled, of_rule, tcp

# https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html: the list of CloudFront's
# origin-facing servers, by region an id of its own.
PREFIX_LISTS = {"pl-22a6434b": "cloudfront"}
INTERNET, S3, CONTROL_PLANE, NODES, DNS, SYSTEM = "internet", "s3", "control-plane", "nodes", "dns", "system"
CLOUDFRONT = "cloudfront"
OUTSIDE = (INTERNET, CLOUDFRONT, S3)
CORE_DNS = {"k8s-app": "kube-dns"}
S3_PORTS = tcp(80, 443)
ORDER = (INTERNET, CLOUDFRONT, "alb", "web", "was", "rds", "backup", "db-admin", "endpoints", S3)
LAST = (NODES, SYSTEM, DNS, CONTROL_PLANE)


@dataclass(frozen=True)
class End:
    """One place of an actor: the groups that it carries there, and what NetworkPolicies see of it."""

    urn: str
    subnet: Subnet | None = None  # None: outside of the VPC
    groups: frozenset[str] = frozenset()
    public: bool = False
    pod: Pod | None = None
    node: bool = False
    prefix_list: str = ""

    @property
    def network(self) -> IPv4Network | None:
        return self.subnet.network if self.subnet else None


class AwsSite:
    """Built from the resources of a stack's exported state, and nothing else."""

    def __init__(self, resources: Iterable[Mapping[str, Any]]) -> None:
        self.state = State(resources)
        self.ends: dict[str, list[End]] = {INTERNET: [End("")]}
        self._lists()
        self._things()
        self._cluster()
        self._policies = self._enforced()

    def actors(self) -> Sequence[str]:
        others = sorted(set(self.ends) - {*ORDER, *LAST})
        return [name for name in (*ORDER, *others, *LAST) if name in self.ends]

    def paths(self, source: str, target: str) -> Sequence[Path]:
        # S3 only answers, CloudFront's servers only ask (going out to them is the internet's row), and what passes
        # between things outside is not ours to tell.
        if source == S3 or target == CLOUDFRONT or (source in OUTSIDE and target in OUTSIDE):
            return []
        found = [self._path(a, b) for a in self.ends[source] for b in self.ends[target]]
        if (source, target) == (INTERNET, CONTROL_PLANE):
            # The public endpoint is beside the interfaces in the VPC, and no security group is before it.
            return [Path((_public_endpoint(c),)) for c in self.state.all(aws.CLUSTER)]
        return found

    # actors

    def _lists(self) -> None:
        """What prefix lists stand for: servers of CloudFront, the gateway to S3."""
        gateways = {
            str(e.get("prefixListId")): e
            for e in self.state.all(aws.ENDPOINT)
            if e.get("vpcEndpointType", "Gateway") == "Gateway"
        }
        for list_, endpoint in gateways.items():
            if not str(endpoint.get("serviceName")).endswith(".s3"):
                raise Unmodelled(f"a gateway to {endpoint.get('serviceName')}", endpoint.urn)
            self.ends[S3] = [End(endpoint.urn, prefix_list=list_)]
        for rule in (*self.state.all(aws.INGRESS), *self.state.all(aws.EGRESS)):
            list_ = rule.get("prefixListId")
            if list_ and list_ not in gateways:
                if list_ not in PREFIX_LISTS:
                    raise Unmodelled(f"what the prefix list {list_} holds is unknown", rule.urn)
                self.ends[PREFIX_LISTS[list_]] = [End("", prefix_list=list_)]

    def _things(self) -> None:
        """Everything but the cluster that carries groups."""
        state = self.state
        for balancer in state.all(aws.BALANCER):
            self._add(
                "alb",
                balancer,
                balancer.get("subnets"),
                balancer.get("securityGroups"),
                not balancer.get("internal"),
            )
        for database in state.all(aws.DATABASE):
            group = next(
                (
                    g
                    for g in state.all(aws.SUBNET_GROUP)
                    if g.get("name") == database.get("dbSubnetGroupName")
                ),
                None,
            )
            if group is None:
                raise Unmodelled("its subnet group is not of this stack", database.urn)
            public = bool(database.get("publiclyAccessible"))
            self._add("rds", database, group.get("subnetIds"), database.get("vpcSecurityGroupIds"), public)
        for endpoint in state.all(aws.ENDPOINT):
            if endpoint.get("vpcEndpointType", "Gateway") == "Interface":
                self._add("endpoints", endpoint, endpoint.get("subnetIds"), endpoint.get("securityGroupIds"))
        for fleet in state.all(aws.SCALING_GROUP):
            template = fleet.get("launchTemplate")
            if not template:
                raise Unmodelled("a fleet without a launch template", fleet.urn)
            groups, public = state.template_groups(template.get("id"), fleet.urn)
            roles = [t["value"] for t in fleet.get("tags") or [] if t["key"] == "Role"]
            name = roles[0] if roles else fleet.name
            self._add(name, fleet, fleet.get("vpcZoneIdentifiers"), groups, public)
        for function in state.all(aws.FUNCTION):
            place = function.get("vpcConfig") or {}
            if place.get("subnetIds"):
                self._add(function.name, function, place["subnetIds"], place.get("securityGroupIds"))

    def _add(
        self, name: str, thing: Res, subnets: Any, groups: Any, public: bool | None = False, **more: Any
    ) -> None:
        """One end a subnet; `public` None leaves it to the subnet whether there is a public address."""
        if not subnets or not groups:
            # The network's default group, or a subnet that AWS chooses: neither is said anywhere.
            raise Unmodelled("it names no subnet or no security group", thing.urn)
        for id_ in subnets:
            subnet = self.state.subnet(id_, thing.urn)
            has_address = subnet.gives_public if public is None else public
            end = End(thing.urn, subnet, frozenset(groups), has_address, **more)
            self.ends.setdefault(name, []).append(end)

    def _cluster(self) -> None:
        """The control plane, the nodes, and pods: ours by their workloads, CoreDNS, and the platform's others."""
        state = self.state
        for cluster in state.all(aws.CLUSTER):
            config = cluster.get("vpcConfig", {})
            groups = [config.get("clusterSecurityGroupId"), *(config.get("securityGroupIds") or [])]
            self._add(CONTROL_PLANE, cluster, config.get("subnetIds"), [g for g in groups if g])
        for fleet in state.all(aws.NODE_GROUP):
            groups, public = self._node_groups(fleet)
            self._add(NODES, fleet, fleet.get("subnetIds"), groups, public, node=True)
            labels = self._namespace("kube-system")
            names = Pod("kube-system", labels, CORE_DNS)
            others = Pod("kube-system", labels, None, without=tuple(CORE_DNS.items()))
            for name, pod in ((DNS, names), (SYSTEM, others)):
                self._add(name, fleet, fleet.get("subnetIds"), groups, public, pod=pod)
        for type_ in aws.WORKLOADS:
            for workload in state.all(type_):
                self._workload(workload)

    def _node_groups(self, fleet: Res) -> tuple[list[str], bool | None]:
        template = fleet.get("launchTemplate")
        groups, public = self.state.template_groups(template.get("id"), fleet.urn) if template else ([], None)
        if not groups:  # EKS adds the cluster's group only where no other is named
            groups = [self._cluster_groups()[fleet.get("clusterName")]]
        return groups, public

    def _cluster_groups(self) -> dict[Any, str]:
        return {
            c.get("name"): str(c.get("vpcConfig", {}).get("clusterSecurityGroupId"))
            for c in self.state.all(aws.CLUSTER)
        }

    def _namespace(self, name: str) -> dict[str, str]:
        labels = {
            key: value
            for n in self.state.all(aws.NAMESPACE)
            if n.get("metadata", {}).get("name") == name
            for key, value in (n.get("metadata", {}).get("labels") or {}).items()
        }
        return {**labels, "kubernetes.io/metadata.name": name}

    def _workload(self, workload: Res) -> None:
        template, own = aws.template_of(workload), workload.get("metadata", {})
        spec, labels = template.get("spec") or {}, (template.get("metadata") or {}).get("labels") or {}
        if spec.get("hostNetwork"):
            return  # as the nodes
        namespace = str(own.get("namespace", "default"))
        pod = Pod(namespace, self._namespace(namespace), labels)
        name = str(labels.get("tier") or f"{namespace}/{own.get('name')}")
        wanted = (spec.get("nodeSelector") or {}).items()
        fleets = [f for f in self.state.all(aws.NODE_GROUP) if wanted <= (f.get("labels") or {}).items()]
        if not fleets:
            raise Unmodelled(f"no node group has the labels {dict(wanted)}", workload.urn)
        for fleet in fleets:
            groups, public = self._node_groups(fleet)
            self._add(name, fleet, fleet.get("subnetIds"), groups, public, pod=pod)

    def _enforced(self) -> Policies | None:
        """The cluster's policies if its CNI enforces them: the add-on does so only where it is told to."""
        told = [
            json.loads(a.get("configurationValues") or "{}").get("enableNetworkPolicy")
            for a in self.state.all(aws.ADDON)
            if a.get("addonName") == "vpc-cni"
        ]
        if not any(str(value).lower() == "true" for value in told):
            return None
        return Policies(
            [
                (p.urn, str(p.get("metadata", {}).get("namespace", "default")), p.get("spec", {}))
                for p in self.state.all(aws.NETWORK_POLICY)
            ]
        )

    # paths

    def _path(self, source: End, target: End) -> Path:
        gates = self._policy_gates(source, target, "Egress")
        gates += self._policy_gates(target, source, "Ingress")
        if target.subnet:
            gates.append(self._group_gate(target, source, aws.INGRESS))
        if source.subnet:
            gates.append(self._group_gate(source, target, aws.EGRESS))
        if target.prefix_list and target.urn:
            gates.append(Gate(target.urn, "S3 listens", (Permit(S3_PORTS, "", "80 and 443"),)))
        gates.append(self._route(source, target))
        return Path(tuple(gates))

    def _policy_gates(self, end: End, other: End, direction: Direction) -> list[Gate]:
        if end.pod is None:
            return []
        if self._policies is None:
            where = next(iter(self.state.all(aws.CLUSTER)), None)
            text = "no vpc-cni add-on enforces NetworkPolicies: they are only words"
            return [Gate(where.urn if where else "", text, (Permit(ALL, where.urn if where else "", text),))]
        gate = self._policies.gate(end.pod, Peer(other.network, other.pod, other.node), direction)
        return [gate] if gate else []

    def _group_gate(self, own: End, other: End, type_: str) -> Gate:
        """What the groups of `own` say about `other` in one direction."""
        way = "into" if type_ == aws.INGRESS else "out of"
        permits: list[Permit] = []
        for group in sorted(own.groups):
            for rule in self.state.all(type_):
                if rule.get("securityGroupId") == group and (met := _about(rule, other)):
                    open_ = of_rule(
                        str(rule.get("ipProtocol")), rule.get("fromPort"), rule.get("toPort"), rule.urn
                    )
                    permits.append(Permit(open_, rule.urn, f"rule {way} {self._label(group)}", met == "some"))
            permits += self._cluster_rules(group, other, type_)
        where = next((g.urn for g in self.state.all(aws.GROUP) if g.id in own.groups), own.urn)
        names = ", ".join(self._label(group) for group in sorted(own.groups))
        return Gate(where, f"rules {way} {names}", tuple(permits))

    def _cluster_rules(self, group: str, other: End, type_: str) -> list[Permit]:
        """EKS's own group: its members reach each other, and go out to anywhere.

        https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
        """
        for cluster in self.state.all(aws.CLUSTER):
            if cluster.get("vpcConfig", {}).get("clusterSecurityGroupId") == group:
                if type_ == aws.EGRESS:
                    return [Permit(ALL, cluster.urn, "EKS's own rule: members go out to anywhere", lent=True)]
                if group in other.groups:
                    return [Permit(ALL, cluster.urn, "EKS's own rule: members reach each other", lent=True)]
        return []

    def _label(self, group: str) -> str:
        found = self.state.by_id(aws.GROUP, group)
        return str(found.get("name")) if found else f"{group} (EKS's own)"

    def _route(self, source: End, target: End) -> Gate:
        if source.subnet and target.subnet:
            return Gate("", "routes", (Permit(ALL, "", "the VPC's local route"),))
        inside = source.subnet or target.subnet
        assert inside is not None
        where, permits = inside.table.urn if inside.table else "", list[Permit]()
        if target.prefix_list and target.urn:  # S3, by its gateway
            endpoint = next((e for e in self.state.all(aws.ENDPOINT) if e.urn == target.urn), None)
            tables = endpoint.get("routeTableIds") if endpoint else []
            if inside.table and inside.table.id in (tables or []):
                permits.append(Permit(ALL, target.urn, "route to S3's gateway"))
            return Gate(where, f"routes of {inside.id} to S3's gateway", tuple(permits))
        end = source if source.subnet else target
        for route in self.state.routes(inside):
            block = route.get("destinationCidrBlock")
            some, whole = meets(IPv4Network(block), None) if block is not None else (False, False)
            if not some:
                continue
            partial = not whole
            if route.get("gatewayId") and end.public:
                permits.append(Permit(ALL, route.urn, "public address and a route to the internet", partial))
            elif route.get("natGatewayId") and source.subnet and not end.public and self._nat_works(route):
                permits.append(Permit(ALL, route.urn, "route by NAT", partial))
            elif not (route.get("gatewayId") or route.get("natGatewayId")):
                raise Unmodelled("a route to something else than an internet or NAT gateway", route.urn)
        return Gate(
            where or end.urn, f"routes and addresses between {inside.id} and the internet", tuple(permits)
        )

    def _nat_works(self, route: Res) -> bool:
        """A NAT gateway is a way out only from a subnet with an internet gateway of its own."""
        nat = self.state.by_id(aws.NAT, route.get("natGatewayId"))
        if nat is None or nat.get("connectivityType", "public") != "public":
            return False
        return any(
            r.get("gatewayId") for r in self.state.routes(self.state.subnet(nat.get("subnetId"), nat.urn))
        )


def _about(rule: Res, other: End) -> str:
    """Whether a rule is about "all" of an end, "some" of it, or "" nothing."""
    if group := rule.get("referencedSecurityGroupId"):
        return "all" if group in other.groups else ""
    if list_ := rule.get("prefixListId"):
        return "all" if list_ == other.prefix_list else ""
    if block := rule.get("cidrIpv4"):
        some, whole = meets(IPv4Network(block), other.network)
        return ("all" if whole else "some") if some else ""
    # IPv6: the VPC has none, so only strangers can be meant by it.
    return "some" if other.subnet is None and not other.prefix_list else ""


def _public_endpoint(cluster: Res) -> Gate:
    """The control plane's address in the internet, and from where it answers."""
    config = cluster.get("vpcConfig", {})
    permits: list[Permit] = []
    if config.get("endpointPublicAccess", True):
        for block in config.get("publicAccessCidrs") or ["0.0.0.0/0"]:
            some, whole = meets(IPv4Network(block), None)
            if some:
                permits.append(Permit(tcp(443), cluster.urn, f"public endpoint for {block}", not whole))
    return Gate(cluster.urn, "the cluster's public endpoint", tuple(permits))
