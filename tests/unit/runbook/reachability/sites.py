"""A small site as a stack's exported state has it: two zones, four tiers, the seed's rules."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from runbook.reachability import aws_state as aws

State = list[dict[str, Any]]
ZONES = ("a", "c")
TIERS = {"public": 1, "web": 11, "was": 21, "rds": 31}
GROUPS = ("alb", "web", "was", "rds", "backup", "endpoints", "recovery")
CLUSTER_GROUP = "sg-0000000c"
EDGE = "pl-22a6434b"
ARROWS = (
    ("alb", "web", 8080),
    ("web", "was", 8080),
    ("was", "rds", 3306),
    ("backup", "rds", 3306),
    ("web", "endpoints", 443),
    ("was", "endpoints", 443),
    ("backup", "endpoints", 443),
)
ADDRESSES = {
    "public": ["10.0.1.0/24", "10.0.2.0/24"],
    "rds": ["10.0.31.0/24", "10.0.32.0/24"],
}


def group(name: str) -> str:
    return f"sg-0000000{GROUPS.index(name)}"


def subnet(tier: str, zone: str) -> str:
    return f"subnet-000000{TIERS[tier] + ZONES.index(zone):02}"


def subnets(*tiers: str) -> list[str]:
    return [subnet(tier, zone) for tier in tiers for zone in ZONES]


def res(type_: str, own: str, id_: str = "", /, **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::planb::{type_}::{own}"
    return {"urn": urn, "type": type_, "id": id_ or own, "inputs": inputs, "outputs": dict(inputs)}


def rule(way: str, whose: str, name: str, port: int | None, **peer: Any) -> dict[str, Any]:
    """`way` is aws.INGRESS or aws.EGRESS; no port is everything."""
    given = {"ipProtocol": "-1"} if port is None else {"ipProtocol": "tcp", "fromPort": port, "toPort": port}
    return res(way, name, f"sgr-{name}", securityGroupId=whose, **given, **peer)


def site(*, ingress: str = "internet") -> State:
    return copy.deepcopy([*_network(), *_rules(ingress), *_things(), *_cluster(), *_pods()])


def _network() -> Iterator[dict[str, Any]]:
    yield res(aws.VPC, "vpc", cidrBlock="10.0.0.0/16")
    yield res(aws.IGW, "igw", vpcId="vpc")
    for tier, octet in TIERS.items():
        for index, zone in enumerate(ZONES):
            block = f"10.0.{octet + index}.0/24"
            where = {"vpcId": "vpc", "availabilityZone": zone}
            yield res(aws.SUBNET, f"{tier}-{zone}", subnet(tier, zone), cidrBlock=block, **where)
            table = {"public": "public", "rds": "isolated"}.get(tier, "private")
            yield res(aws.ASSOCIATION, f"a-{tier}-{zone}", subnetId=subnet(tier, zone), routeTableId=table)
    for table in ("public", "private", "isolated"):
        yield res(aws.TABLE, table, vpcId="vpc")
    anywhere = {"destinationCidrBlock": "0.0.0.0/0"}
    yield res(aws.ROUTE, "public-out", routeTableId="public", gatewayId="igw", **anywhere)
    yield res(aws.ROUTE, "private-out", routeTableId="private", natGatewayId="nat", **anywhere)
    yield res(aws.NAT, "nat", subnetId=subnet("public", "a"))
    service = "com.amazonaws.ap-northeast-2"
    s3 = res(aws.ENDPOINT, "s3", serviceName=f"{service}.s3", vpcEndpointType="Gateway")
    s3["inputs"]["routeTableIds"] = ["private"]
    s3["outputs"] |= {"routeTableIds": ["private"], "prefixListId": "pl-78a54011"}
    yield s3
    yield res(
        aws.ENDPOINT,
        "sts",
        serviceName=f"{service}.sts",
        vpcEndpointType="Interface",
        subnetIds=subnets("was"),
        securityGroupIds=[group("endpoints")],
    )


def _rules(ingress: str) -> Iterator[dict[str, Any]]:
    for name in GROUPS:
        yield res(aws.GROUP, name, group(name), name=name, vpcId="vpc")
    if ingress == "internet":
        for port in (80, 443):
            yield rule(aws.INGRESS, group("alb"), f"alb-{port}", port, cidrIpv4="0.0.0.0/0")
    else:
        yield rule(aws.INGRESS, group("alb"), "alb-edge", 443, prefixListId=EDGE)
    for source, target, port in ARROWS:
        if target != "endpoints":
            to = {"referencedSecurityGroupId": group(target)}
            yield rule(aws.EGRESS, group(source), f"{source}-to-{target}", port, **to)
        from_ = {"referencedSecurityGroupId": group(source)}
        yield rule(aws.INGRESS, group(target), f"{target}-from-{source}", port, **from_)
    for outgoing in ("backup", "recovery"):
        yield rule(aws.EGRESS, group(outgoing), f"{outgoing}-out", 443, cidrIpv4="0.0.0.0/0")
    from_ = {"referencedSecurityGroupId": group("recovery")}
    yield rule(aws.INGRESS, CLUSTER_GROUP, "cluster-from-recovery", 443, **from_)


def _things() -> Iterator[dict[str, Any]]:
    yield res(aws.BALANCER, "alb", subnets=subnets("public"), securityGroups=[group("alb")])
    yield res(aws.SUBNET_GROUP, "rds", name="rds", subnetIds=subnets("rds"))
    yield res(aws.DATABASE, "rds", dbSubnetGroupName="rds", vpcSecurityGroupIds=[group("rds")])
    inside = {"subnetIds": subnets("was"), "securityGroupIds": [group("recovery")]}
    yield res(aws.FUNCTION, "recovery", vpcConfig=inside)
    for role in ("backup", "db-admin"):
        yield res(aws.TEMPLATE, f"lt-{role}", vpcSecurityGroupIds=[group("backup")])
        yield res(
            aws.SCALING_GROUP,
            f"{role}-host",
            vpcZoneIdentifiers=subnets("was"),
            launchTemplate={"id": f"lt-{role}"},
            tags=[{"key": "Role", "value": role, "propagateAtLaunch": True}],
        )


def _cluster() -> Iterator[dict[str, Any]]:
    config = {"subnetIds": subnets("web", "was"), "clusterSecurityGroupId": CLUSTER_GROUP}
    yield res(aws.CLUSTER, "eks", name="eks", vpcConfig={**config, "endpointPublicAccess": True})
    told = json.dumps({"enableNetworkPolicy": "true"})
    yield res(aws.ADDON, "cni", addonName="vpc-cni", clusterName="eks", configurationValues=told)
    for tier in ("web", "was"):
        yield res(aws.TEMPLATE, f"lt-{tier}", vpcSecurityGroupIds=[CLUSTER_GROUP, group(tier)])
        yield res(
            aws.NODE_GROUP,
            tier,
            clusterName="eks",
            subnetIds=subnets(tier),
            labels={"tier": tier},
            launchTemplate={"id": f"lt-{tier}"},
        )


def _pods() -> Iterator[dict[str, Any]]:
    for tier in ("web", "was"):
        labels = {"app": tier, "tier": tier}
        yield res(aws.NAMESPACE, f"ns-{tier}", metadata={"name": tier, "labels": {"tier": tier}})
        template = {"metadata": {"labels": labels}, "spec": {"nodeSelector": {"tier": tier}}}
        meta = {"name": tier, "namespace": tier}
        yield res("kubernetes:apps/v1:Deployment", tier, metadata=meta, spec={"template": template})

    def peer(tier: str) -> list[dict[str, Any]]:
        return [
            {
                "namespaceSelector": {"matchLabels": {"tier": tier}},
                "podSelector": {"matchLabels": {"app": tier}},
            }
        ]

    kube_system = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    dns = {
        "to": [{"namespaceSelector": kube_system, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    app, mysql = [{"protocol": "TCP", "port": 8080}], [{"port": 3306}]
    public, rds = ([{"ipBlock": {"cidr": block}} for block in ADDRESSES[tier]] for tier in ("public", "rds"))
    rules: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "web": ({"from": public, "ports": app}, {"to": peer("was"), "ports": app}),
        "was": ({"from": peer("web"), "ports": app}, {"to": rds, "ports": mysql}),
    }
    for tier, (into, out) in rules.items():
        spec = {
            "podSelector": {"matchLabels": {"app": tier}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [into],
            "egress": [out, dns],
        }
        yield res(aws.NETWORK_POLICY, f"np-{tier}", metadata={"name": tier, "namespace": tier}, spec=spec)


def named(state: State, name: str, type_: str = "") -> dict[str, Any]:
    """The resource of this name (and type, where a name is not enough)."""
    (found,) = [r for r in state if r["urn"].endswith(f"::{name}") and (not type_ or r["type"] == type_)]
    return found


def without(state: State, urn: str) -> State:
    return [r for r in state if r["urn"] != urn]


def set_(resource: dict[str, Any], **values: Any) -> None:
    resource["inputs"] |= values
    resource["outputs"] |= values
