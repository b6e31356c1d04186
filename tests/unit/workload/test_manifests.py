"""workload/ as the real kustomize renders it: what both clusters are asked to run."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.aws.network import TIERS as TIER_OCTETS
from components.azure.network import SUBNETS
from stacks.standby import WEB_ADDRESS

ROOT = Path(__file__).parents[3]
OVERLAYS = ("aws", "azure")
TIERS = ("web", "was")
ANNOTATION = "service.beta.kubernetes.io/azure-load-balancer"


@cache
def rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    tool = shutil.which("kustomize") or shutil.which("kustomize", path=str(ROOT / ".venv" / "bin"))
    assert tool, "kustomize is missing: see CONTRIBUTING.md"
    where = str(ROOT / "workload" / "overlays" / overlay)
    done = subprocess.run([tool, "build", where], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def one(overlay: str, kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        item for item in rendered(overlay) if (item["kind"], item["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod(overlay: str, tier: str) -> dict[str, Any]:
    return one(overlay, "Deployment", tier)["spec"]["template"]["spec"]


both = pytest.mark.parametrize("overlay", OVERLAYS)
each = pytest.mark.parametrize("tier", TIERS)


@both
def test_everything_is_there_and_nothing_else(overlay: str) -> None:
    found = {(item["kind"], item["metadata"]["name"]) for item in rendered(overlay)}
    kinds = ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "HorizontalPodAutoscaler")
    expected = {(kind, tier) for kind in (*kinds, "NetworkPolicy") for tier in TIERS}
    # The namespace was and its Secret are the program's.
    assert found == expected | {("Namespace", "web"), ("ConfigMap", "nginx")}


def test_the_clouds_differ_in_addresses_only() -> None:
    aws, azure = ({(i["kind"], i["metadata"]["name"]): i for i in rendered(name)} for name in OVERLAYS)
    policies = {("NetworkPolicy", tier) for tier in TIERS}
    assert {key for key in aws if aws[key] != azure[key]} == {("Service", "web")} | policies
    for key in policies:
        narrowed = copy.deepcopy(aws[key])
        for side, rule in (("from", narrowed["spec"]["ingress"][0]), ("to", narrowed["spec"]["egress"][0])):
            if any("ipBlock" in peer for peer in rule.get(side, [])):
                del rule[side]
        assert narrowed == azure[key]


@both
@each
class TestPods:
    def test_they_run_on_their_tier(self, overlay: str, tier: str) -> None:
        assert pod(overlay, tier)["nodeSelector"] == {"tier": tier}
        assert one(overlay, "Deployment", tier)["metadata"]["namespace"] == tier

    def test_probes(self, overlay: str, tier: str) -> None:
        (container,) = pod(overlay, tier)["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"http": 8080}
        needed = {"readinessProbe", "livenessProbe"} | ({"startupProbe"} if tier == "was" else set())
        assert {key for key in container if key.endswith("Probe")} == needed
        for probe in needed:
            assert container[probe]["httpGet"]["port"] in ports
            assert container[probe]["httpGet"]["path"].startswith("/")
        if tier == "was":
            # A database that is away takes a pod out of service; it must not kill it.
            assert container["livenessProbe"]["httpGet"]["path"] == "/actuator/health/liveness"
            assert container["readinessProbe"]["httpGet"]["path"] == "/actuator/health/readiness"
            start = container["startupProbe"]
            assert start["periodSeconds"] * start["failureThreshold"] >= 120

    def test_resources(self, overlay: str, tier: str) -> None:
        (container,) = pod(overlay, tier)["containers"]
        resources = container["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"}
        assert "memory" in resources["limits"]

    def test_hardening(self, overlay: str, tier: str) -> None:
        """What the namespaces' level `restricted` demands, and a root file system that cannot be written."""
        spec = pod(overlay, tier)
        whole = spec["securityContext"]
        assert whole["runAsNonRoot"] is True and whole["runAsUser"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        (container,) = spec["containers"]
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert {"privileged", "runAsUser", "runAsNonRoot"}.isdisjoint(own)
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert "emptyDir" in volumes[mounts["/tmp"]]
        assert set(mounts.values()) == volumes.keys()
        account = one(overlay, "ServiceAccount", spec["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False

    def test_two_to_four(self, overlay: str, tier: str) -> None:
        scaler = one(overlay, "HorizontalPodAutoscaler", tier)["spec"]
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": tier}
        assert one(overlay, "Deployment", tier)["spec"]["replicas"] == 2
        # Utilisation is of the request: without one the scaler does nothing.
        (metric,) = scaler["metrics"]
        (container,) = pod(overlay, tier)["containers"]
        assert metric["resource"]["name"] in container["resources"]["requests"]

    def test_a_drain_leaves_one(self, overlay: str, tier: str) -> None:
        budget = one(overlay, "PodDisruptionBudget", tier)["spec"]
        assert 1 <= budget["minAvailable"] < 2

    def test_selectors_find_the_pods(self, overlay: str, tier: str) -> None:
        labels = one(overlay, "Deployment", tier)["spec"]["template"]["metadata"]["labels"]
        selectors = [
            one(overlay, "Deployment", tier)["spec"]["selector"]["matchLabels"],
            one(overlay, "Service", tier)["spec"]["selector"],
            one(overlay, "PodDisruptionBudget", tier)["spec"]["selector"]["matchLabels"],
            one(overlay, "NetworkPolicy", tier)["spec"]["podSelector"]["matchLabels"],
            *(
                spread["labelSelector"]["matchLabels"]
                for spread in pod(overlay, tier)["topologySpreadConstraints"]
            ),
        ]
        assert all(selector and selector.items() <= labels.items() for selector in selectors)

    def test_the_image_is_pinned(self, overlay: str, tier: str) -> None:
        (container,) = pod(overlay, tier)["containers"]
        image = {"web": "docker.io/library/nginx:1.25-alpine"}.get(tier, r".+/spring-petclinic:\d+\.\d+\.\d+")
        assert re.fullmatch(image, container["image"])


@both
def test_network_policies(overlay: str) -> None:
    """web → was → 3306, and names of the cluster's own DNS; both directions are closed but for it."""
    names = {("kube-system/kube-dns", "UDP", 53), ("kube-system/kube-dns", "TCP", 53)}
    balancer, database = "any", "any"
    if overlay == "aws":  # on Azure the gateway's and the database's subnets are its network's to tell
        base = "10.0.{}.0/24"
        balancer, database = (
            " ".join(sorted(base.format(TIER_OCTETS[tier] + zone) for zone in range(2)))
            for tier in ("public", "rds")
        )
    web, was = (one(overlay, "NetworkPolicy", tier)["spec"] for tier in TIERS)
    for policy in (web, was):
        assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]

    def flows(rules: list[dict[str, Any]], side: str) -> set[tuple[str, str, int]]:
        found = set()
        for rule in rules:
            peers = rule.get(side)
            who = "any" if peers is None else " ".join(sorted(_who(peer) for peer in peers))
            found |= {(who, port["protocol"], port["port"]) for port in rule["ports"]}
        return found

    assert flows(web["ingress"], "from") == {(balancer, "TCP", 8080)}
    assert flows(web["egress"], "to") == {("was/was", "TCP", 8080)} | names
    assert flows(was["ingress"], "from") == {("web/web", "TCP", 8080)}
    assert flows(was["egress"], "to") == {(database, "TCP", 3306)} | names
    assert one(overlay, "Namespace", "web")["metadata"]["labels"]["tier"] == "web"


def _who(peer: dict[str, Any]) -> str:
    """One peer with both selectors (pods of that name in that tier, not either of the two), or a block."""
    if "ipBlock" in peer:
        assert peer["ipBlock"].keys() == {"cidr"}
        return peer["ipBlock"]["cidr"]
    assert peer.keys() == {"namespaceSelector", "podSelector"}
    where, who = (peer[key]["matchLabels"] for key in ("namespaceSelector", "podSelector"))
    return f"{where.get('tier') or where['kubernetes.io/metadata.name']}/{who.get('app') or who['k8s-app']}"


@both
def test_was_gets_its_database_from_the_programs_secret(overlay: str) -> None:
    (container,) = pod(overlay, "was")["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "was-database"}}]
    plain = {item["name"]: item["value"] for item in container["env"]}
    assert not any("PASSWORD" in name or "URL" in name for name in plain)
    assert plain["SPRING_SQL_INIT_MODE"] == "never"


@both
def test_nginx_hands_on_to_was_and_sends_no_write_twice(overlay: str) -> None:
    text = one(overlay, "ConfigMap", "nginx")["data"]["default.conf"]
    (port,) = one(overlay, "Service", "was")["spec"]["ports"]
    assert f"proxy_pass http://was.was.svc.cluster.local:{port['port']};" in text
    assert re.search(r"^\s*proxy_next_upstream off;", text, re.M)
    (container,) = pod(overlay, "web")["containers"]
    assert f"location = {container['readinessProbe']['httpGet']['path']} " in text
    assert f"listen {container['ports'][0]['containerPort']};" in text


def test_azures_service_has_the_gateways_address() -> None:
    service = one("azure", "Service", "web")
    annotations = service["metadata"]["annotations"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert annotations == {
        f"{ANNOTATION}-internal": "true",
        f"{ANNOTATION}-ipv4": WEB_ADDRESS,
        f"{ANNOTATION}-internal-subnet": "snet-web",
    }
    subnet = ip_network(SUBNETS["snet-web"])
    address = ip_address(annotations[f"{ANNOTATION}-ipv4"])
    assert address in subnet
    assert address not in (*list(subnet.hosts())[:3], subnet.broadcast_address)  # Azure keeps these


def test_awss_service_makes_no_balancer_of_its_own() -> None:
    service = one("aws", "Service", "web")
    assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
    assert "annotations" not in service["metadata"]
