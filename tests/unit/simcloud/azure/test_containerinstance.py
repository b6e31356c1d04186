"""Container groups."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from simcloud.kinds import KINDS

from .conftest import NET, RG, Azure

TOKEN = "containerinstance:ContainerGroup"
DELEGATION = "Microsoft.ContainerInstance/containerGroups"
SUBNET = f"{NET}/virtualNetworks/vnet/subnets/snet-restore"


def container(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "agent",
        "image": "docker.io/blue/planb-agent@sha256:00",
        "command": ["planb-agent", "job"],
        "resources": {"requests": {"cpu": 1, "memoryInGB": 2}},
        "environmentVariables": [
            {"name": "PLANB_JOB", "value": "restore"},
            {"name": "PLANB_DB_PASSWORD", "secureValue": "canary"},
        ],
    }
    return {k: v for k, v in (copy.deepcopy(given) | changes).items() if v is not None}


def group(*containers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "resourceGroupName": RG,
        "containerGroupName": "restore",
        "osType": "Linux",
        "restartPolicy": "Never",
        "subnetIds": [{"id": SUBNET}],
        "containers": list(containers) or [container()],
    }
    return given | changes


@pytest.fixture
def ready(site: Azure) -> Azure:
    site.subnet("snet-restore", "172.16.41.0/24", delegation=DELEGATION)
    return site


def test_a_group_runs_with_its_secrets_and_does_not_show_them(ready: Azure) -> None:
    identity = ready.identity()
    given = group(identity={"type": "UserAssigned", "userAssignedIdentities": [identity.id]})
    made = ready.make(TOKEN, given)
    (call,) = ready.called("compute.start_container_group")
    name, containers = call[0]
    assert name == "aci-rg-blue-restore"
    assert containers == [
        {
            "name": "agent",
            "image": "docker.io/blue/planb-agent@sha256:00",
            "command": ["planb-agent", "job"],
            "env": {"PLANB_JOB": "restore", "PLANB_DB_PASSWORD": "canary"},
        }
    ]
    assert call[1] == {"region": "koreacentral", "restart_policy": "Never"}
    assert "canary" not in str(made.outputs)
    assert made.outputs["ipAddress"]["ip"] == "172.16.41.4"
    assert (
        made.outputs["identity"]["userAssignedIdentities"][identity.id]["clientId"]
        == identity.outputs["clientId"]
    )
    assert made.outputs["instanceView"]["state"] == "Running"


def test_refresh_shows_how_it_ended(ready: Azure) -> None:
    made = ready.make(TOKEN, group())
    ready.status = {"state": "Failed", "exit_code": 3}
    seen = KINDS[made.type].read(ready.ctx(), made)
    assert seen and seen["instanceView"]["state"] == "Failed"
    assert seen["instanceView"]["events"][0]["message"] == "exit code 3"
    assert seen["containers"] == made.outputs["containers"]
    assert "canary" not in str(seen)


def test_a_changed_job_restarts_a_changed_tag_does_not(ready: Azure) -> None:
    made = ready.make(TOKEN, group())
    tagged = ready.change(made, tags={"a": "b"})
    assert len(ready.called("compute.start_container_group")) == 1
    backup = container(environmentVariables=[{"name": "PLANB_JOB", "value": "backup"}])
    changed = ready.change(tagged, containers=[backup])
    assert ready.called("compute.stop") == [(("aci-rg-blue-restore",), {})]
    assert ready.called("compute.start_container_group")[1][0][1][0]["env"] == {"PLANB_JOB": "backup"}
    ready.delete(changed)
    assert len(ready.called("compute.stop")) == 2


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        (
            container(image=None),
            "ContainerImageNotSpecified",
            "container 'agent' of container group 'restore'",
        ),
        (
            container(resources={"requests": {"cpu": 1, "memoryInGB": 0}}),
            "ResourceSomeRequestsNotSpecified",
            "The 'MemoryInGB' request is not specified in container 'agent'",
        ),
        (container(resources=None), "ResourceSomeRequestsNotSpecified", "'MemoryInGB'"),
        (
            container(resources={"requests": {"cpu": 8, "memoryInGB": 32}}),
            "ServiceUnavailable",
            "Resource requested: '8' CPU '32' GB memory",
        ),
        (
            container(resources={"requests": {"cpu": 1, "memoryInGB": 2}, "limits": {"cpu": 2}}),
            "ContainerLimitGreaterThanContainerGroupTotalRequest",
            "The 'Cpu' limit '2' in container 'agent' is greater than the total request '1'",
        ),
        (
            container(environmentVariables=[{"name": "A", "value": "1", "secureValue": "2"}]),
            "InvalidEnvironmentVariable",
            "'A'",
        ),
    ],
)
def test_a_container_that_azure_refuses(ready: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    ready.refuses(code, text, TOKEN, group(bad))
    ready.make(TOKEN, group())


def test_the_subnet_must_be_delegated(site: Azure) -> None:
    site.refuses("InvalidResourceReference", SUBNET, TOKEN, group())
    subnet = site.subnet("snet-restore", "172.16.41.0/24")
    text = "Subnet missing required delegation 'Microsoft.ContainerInstance' for container group 'restore'."
    site.refuses("SubnetMissingRequiredDelegation", text, TOKEN, group())
    site.change(subnet, delegations=[{"name": "d", "serviceName": DELEGATION}])
    public = group(ipAddress={"type": "Public", "ports": [{"port": 80}]})
    site.refuses("PublicIPAddressNotSupported", "cannot have a public IP address", TOKEN, public)
    site.make(TOKEN, group())


def test_what_a_group_cannot_change(ready: Azure) -> None:
    made = ready.make(TOKEN, group())
    text = "The updates on container group 'restore' are invalid."
    ready.refuses_change("InvalidContainerGroupUpdate", text, made, restartPolicy="Always")
    bigger = container(resources={"requests": {"cpu": 2, "memoryInGB": 2}})
    ready.refuses_change("InvalidContainerGroupUpdate", text, made, containers=[bigger])
    ready.change(made, containers=[container(image="docker.io/blue/planb-agent@sha256:01")])


def test_a_group_has_containers_and_a_name(ready: Azure) -> None:
    ready.refuses("InvalidContainerGroup", "between 1 and 60", TOKEN, group() | {"containers": []})
    ready.refuses("InvalidContainerGroupName", "'Restore'", TOKEN, group(containerGroupName="Restore"))
