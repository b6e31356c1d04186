"""pulumi_eks.Cluster as simcloud makes it: the children that the real component makes, and nothing taken silently."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from simcloud import eks
from simcloud.aws.eksaddons import default_version
from tests.unit.components.conftest import Recorded, Run, run

assert run  # the fixture

NAME = "cluster-eks"  # the one that the recording engine knows
INPUTS: dict[str, Any] = {
    "name": "blue-eks",
    "version": "1.35",
    "privateSubnetIds": ["subnet-a", "subnet-c"],
    "authenticationMode": "API",
    "skipDefaultNodeGroup": True,
}


@pytest.fixture
def built(run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    # The recording engine cannot read back the resources that stand in a component's outputs.
    monkeypatch.setattr(pulumi.ComponentResource, "register_outputs", lambda *_: None)

    def build(**more: Any) -> Recorded:
        def program() -> None:
            eks.cluster(NAME, {**INPUTS, **more}, pulumi.ResourceOptions())

        return run(program, stack="prod")

    return build


def test_what_the_real_component_makes(built: Any) -> None:
    made: Recorded = built(createOidcProvider=True)
    assert {(item.type.split(":")[-1], item.name) for item in made.made} == {
        ("Cluster", NAME),
        ("Role", f"{NAME}-eksRole-role"),
        ("Cluster", f"{NAME}-eksCluster"),
        ("OpenIdConnectProvider", f"{NAME}-oidcProvider"),
        ("Addon", f"{NAME}-kube-proxy"),
        ("VpcCniAddon", f"{NAME}-vpc-cni"),
        ("Addon", f"{NAME}-vpc-cni"),
    }
    cluster = made.one("aws:eks/cluster:Cluster")
    # Its maker is its administrator; old clusters are not replaced for that.
    assert cluster["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] is True
    assert set(cluster.ignored) == {
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
        "bootstrapSelfManagedAddons",
    }


def test_add_ons_are_the_newest_unless_told(built: Any) -> None:
    made: Recorded = built()
    for name in ("kube-proxy", "vpc-cni"):
        addon = made.one("Addon", f"{NAME}-{name}")
        assert addon["addonVersion"] == default_version(name, "1.35")
        assert addon["resolveConflictsOnCreate"] == "OVERWRITE" and addon["preserve"] is True
    told: Recorded = built(
        kubeProxyAddonOptions={"version": "v1"},
        vpcCniOptions={"addonVersion": "v2", "enableNetworkPolicy": True, "resolveConflictsOnCreate": "NONE"},
    )
    assert told.one("Addon", f"{NAME}-kube-proxy")["addonVersion"] == "v1"
    cni = told.one("Addon", f"{NAME}-vpc-cni")
    assert (cni["addonVersion"], cni["resolveConflictsOnCreate"]) == ("v2", "NONE")
    assert cni["configurationValues"] == '{"enableNetworkPolicy": "true"}'  # a string, as the schema wants


def test_none_where_there_shall_be_none(built: Any) -> None:
    made: Recorded = built(useDefaultVpcCni=True, kubeProxyAddonOptions={"enabled": False})
    assert made.all("Addon") == []


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"fargate": True}, "fargate"),
        ({"vpcCniOptions": {"logLevel": "INFO"}}, "vpcCniOptions.logLevel"),
        ({"corednsAddonOptions": {"enabled": True}}, "corednsAddonOptions.enabled"),
    ],
)
def test_what_is_not_modelled_is_refused(built: Any, more: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"simcloud does not model {text} of eks:index:Cluster"):
        built(**more)
