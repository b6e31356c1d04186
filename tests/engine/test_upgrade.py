"""A site that an earlier release deployed becomes this one: nothing that holds data or state is replaced or deleted.

tests/data/states/ holds what `pulumi stack export` gave at the first release (commit dbf9cc0), gzipped.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Site, simulated

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
STATES = Path(__file__).parents[1] / "data" / "states"
KEPT = {
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:rds/instance:Instance",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:cloudfront/distribution:Distribution",
    "aws:cloudfront/keyValueStore:KeyValueStore",
    "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey",
    "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
    "kubernetes:helm.sh/v3:Release",
    "random:index/randomPassword:RandomPassword",
    "azure-native:resources:ResourceGroup",
    "azure-native:network:VirtualNetwork",
    "azure-native:network:Subnet",
    "azure-native:storage:StorageAccount",
    "azure-native:storage:BlobContainer",
    "azure-native:dbformysql:Server",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:network:ApplicationGateway",
    "azure-native:network:PublicIPAddress",
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with simulated(tmp_path_factory.mktemp("upgrade")) as one:
        yield one


def take_over(site: Site, stack: str) -> list[dict[str, Any]]:
    """The old resources, after the stack has taken the old state over."""
    text = gzip.decompress((STATES / f"first-loop-{stack}.json.gz").read_bytes()).decode()
    (site.directory / f"{stack}.json").write_text(text, encoding="utf-8")
    site.must("pulumi", "stack", "import", "-s", stack, "--file", f"{stack}.json")
    return json.loads(text)["deployment"]["resources"]


def test_the_standby_is_not_rebuilt(empty: Site) -> None:
    unchanged(empty, "dr")


def test_production_is_not_rebuilt(empty: Site) -> None:
    take_over(empty, "dr")  # whose outputs it reads
    unchanged(empty, "prod")


def unchanged(site: Site, stack: str) -> None:
    before = {r["urn"]: r["type"] for r in take_over(site, stack)}
    plan = json.loads(site.must("pulumi", "preview", "-s", stack, "--json"))
    lost = sorted(
        f"{step['op']} {before[step['urn']]} {step['urn']}"
        for step in plan["steps"]
        if before.get(step["urn"]) in KEPT
        and (step["op"] in ("delete", "discard") or "replace" in step["op"])
    )
    assert lost == []
    # The engine compared the old site with the program: what it kept is at least what holds data.
    kept = sum(kind in KEPT for kind in before.values())
    summary = plan["changeSummary"]
    assert 8 < kept <= summary.get("same", 0) + summary.get("update", 0)
