"""What was decided about AWS: the seed's table of section 6.1 as data, and what the platforms need besides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from runbook.reachability.model import Row
from runbook.reachability.ports import ALL, Ports, ports, tcp

Ingress = Literal["internet", "cloudfront"]
NAMES = tcp(53) | ports("udp", 53)
CLUSTER = ("nodes", "system", "dns")
"""On the nodes, outside of our namespaces: the nodes themselves, the platform's pods, CoreDNS."""
HOSTS = ("backup", "db-admin")
MEMBERS = (*CLUSTER, "control-plane")
"""What carries the security group that EKS makes for a cluster."""


def aws(ingress: Ingress = "internet", *, https: bool = False) -> list[Row]:
    """Every pair that may reach each other; nothing else may.

    With `ingress` cloudfront the seed's "from the internet" is CloudFront's servers, on the one port that they use.
    """
    return [
        *_seed(ingress, https),
        *_necessities(),
        *_administration(),
        *_recovery(),
        *_public_balancer(ingress),
    ]


def _seed(ingress: Ingress, https: bool) -> Iterable[Row]:
    if ingress == "internet":
        yield Row("internet", "alb", tcp(80, 443), "customers", seed=True)
    else:
        yield Row("cloudfront", "alb", tcp(443 if https else 80), "customers, by CloudFront only", seed=True)
    yield Row("alb", "web", tcp(8080), "requests and health checks", seed=True)
    yield Row("web", "was", tcp(8080), "nginx to PetClinic", seed=True)
    yield Row("was", "rds", tcp(3306), "PetClinic to its database", seed=True)
    yield Row("backup", "rds", tcp(3306), "dumps and the binlog", seed=True)
    yield Row("backup", "internet", tcp(443), "backups to Azure Blob Storage", seed=True)


def _necessities() -> Iterable[Row]:
    for tier in ("web", "was"):
        yield Row(tier, "dns", NAMES, "names of services and of the database")
        yield Row(
            "nodes", tier, ALL, "the kubelet's probes: Kubernetes lets nobody shut out a pod's own node"
        )
    for one in MEMBERS:
        for other in MEMBERS:
            yield Row(one, other, ALL, "members of EKS's own group: API server, kubelet, webhooks, DNS")
    for one in CLUSTER:
        yield Row(one, "internet", ALL, "by NAT: images, AWS's APIs; EKS's own group lets its members out")
        yield Row(one, "endpoints", tcp(443), "tokens and secrets without the internet")
        yield Row(one, "s3", tcp(80, 443), "image layers and packages")
        # Groups stand on nodes, not on pods: only NetworkPolicies tell pods of one node apart.
        why = "what runs on a WAS node carries the group that the database lets in; our pods obey NetworkPolicies"
        yield Row(one, "rds", tcp(3306), why, required=False)
        why = "web's nodes carry the group that the balancer sends to; only web's pods listen there"
        yield Row("alb", one, tcp(8080), why, required=False)
    for host in HOSTS:
        yield Row(host, "endpoints", tcp(443), "its secrets and its token for Azure")
        yield Row(host, "s3", tcp(443), "packages and the agent")
    why = "EKS's interfaces in our subnets may answer to anywhere; what they open is the API server's"
    for target, open_ in (("internet", ALL), ("s3", tcp(80, 443))):
        yield Row("control-plane", target, open_, why, required=False)
    why = "EKS may put an interface into a public subnet, where the balancer's are"
    yield Row("control-plane", "web", tcp(8080), why, required=False)
    why = "kubectl, pulumi and planb from outside, by IAM; restricted by publicAccessCidrs"
    yield Row("internet", "control-plane", tcp(443), why, required=False)


def _administration() -> Iterable[Row]:
    """The host that administers the database (ADR 17): the backup host's group, another identity."""
    yield Row("db-admin", "rds", tcp(3306), "accounts, fencing and restores, by the runbook")
    yield Row("db-admin", "internet", tcp(443), "backups from Azure Blob Storage; Session Manager")


def _recovery() -> Iterable[Row]:
    """The function that answers alarms."""
    why = "the recovery function to the Kubernetes API, and to AWS's APIs by NAT"
    for target in ("control-plane", "internet"):
        yield Row("recovery", target, tcp(443), why)
    yield Row("recovery", "s3", tcp(443), "its way to AWS's APIs leads there too", required=False)
    why = "nodes carry the group of the Kubernetes API; what listens there asks for a token"
    for target in CLUSTER:
        yield Row("recovery", target, tcp(443), why, required=False)


def _public_balancer(ingress: Ingress) -> Iterable[Row]:
    """Whoever may go out to the internet's 80 and 443 may go to a public balancer, from inside too."""
    if ingress == "internet":
        why = "the balancer is public, and so for us"
        for one in MEMBERS:
            yield Row(one, "alb", tcp(80, 443), why, required=False)
        for one in (*HOSTS, "recovery"):
            yield Row(one, "alb", tcp(443), why, required=False)


def described(rows: Iterable[Row], source: str, target: str, open_: Ports) -> list[Row]:
    """The rows that a deployed flow rests on."""
    return [row for row in rows if (row.source, row.target) == (source, target) and row.ports & open_]
