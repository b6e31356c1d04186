"""Where the state is, whether its secrets can be read, what an update left behind, what would be built."""

from __future__ import annotations

from typing import Any

import pytest

from runbook import journal
from runbook.errors import PlanBError
from runbook.preflight import images, state
from runbook.preflight.asking import parse_image
from runbook.preflight.look import Planned, images_of
from runbook.preflight.model import NotAsked
from tests.unit.runbook.preflight.looks import FakeLook, found, severities


@pytest.mark.parametrize(
    ("url", "severity"),
    [
        ("azblob://state?storage_account=bank", "ok"),
        ("https://api.pulumi.com/bank", "ok"),
        ("s3://state?region=ap-northeast-2", "blocker"),
        ("file:///home/me/.pulumi", "warning"),
    ],
)
def test_where_the_state_is(url: str, severity: str) -> None:
    assert severities(state.backend, FakeLook(url=url)) == [severity]


def key(url: str) -> dict[str, Any]:
    return {"secrets_providers": {"type": "cloud", "state": {"url": url}}}


def test_secrets_that_can_be_read_without_aws() -> None:
    vault = key("azurekeyvault://bank.vault.azure.net/keys/pulumi")
    look = FakeLook(dr_deployment=vault, prod_deployment={"secrets_providers": {"type": "passphrase"}})
    assert severities(state.secrets, look) == ["ok", "ok"]


def test_a_key_on_aws_is_gone_with_aws() -> None:
    look = FakeLook(dr_deployment=key("awskms:///alias/pulumi?region=ap-northeast-2"))
    assert severities(state.secrets, look) == ["blocker", "ok"]


def test_a_wrong_passphrase() -> None:
    wrong = PlanBError("incorrect passphrase")
    assert severities(state.secrets, FakeLook(problem={"dr": wrong})) == ["blocker", "ok"]
    assert severities(state.secrets, FakeLook(problem={"prod": wrong})) == ["ok", "warning"]


def test_what_an_update_left_behind() -> None:
    assert severities(state.pending, FakeLook()) == ["ok"]
    left = {"resource": {"urn": "urn:pulumi:dr::planb::azure-native:dbformysql:Server::database-mysql"}}
    ((severity, what),) = found(state.pending, FakeLook(dr_deployment={"pending_operations": [left]}))
    assert severity == "warning" and "database-mysql" in what


def test_the_program() -> None:
    assert found(state.program, FakeLook()) == [("ok", "a failover would build 5 resources, 1 are there")]
    broken = FakeLook(problem={"plan": PlanBError("planb:tier is 'fulll'")})
    assert severities(state.program, broken) == ["blocker"]


def test_runs_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    look = FakeLook()
    assert severities(state.unfinished, look) == ["ok"]
    with journal.JournalLock(look.container, "planb failover") as lease:  # type: ignore[arg-type]
        journal.Journal(look.container, "failover", 2, lease).begin("fence")  # type: ignore[arg-type]
    ((severity, what),) = found(state.unfinished, look)
    assert severity == "warning" and what.startswith("failover 2 was interrupted at 20")


DIGEST = "docker.io/planb/agent@sha256:" + "a" * 64


def running(*names: str) -> FakeLook:
    pod = {"spec": {"template": {"spec": {"containers": [{"image": name} for name in names]}}}}
    return FakeLook(prod_deployment={"resources": [{"type": "kubernetes:apps/v1:Deployment", "inputs": pod}]})


@pytest.mark.parametrize(
    ("name", "there", "severity"),
    [
        (DIGEST, True, "ok"),
        (DIGEST, False, "blocker"),
        ("nginx:1.25-alpine", True, "warning"),
        (DIGEST, None, "unasked"),
    ],
)
def test_images(monkeypatch: pytest.MonkeyPatch, name: str, there: bool | None, severity: str) -> None:
    def answer(image: object) -> bool:
        if there is None:
            raise NotAsked("registry docker.io answered 429")
        return there

    monkeypatch.setattr(images, "pullable", answer)
    assert severities(images.images, running(name)) == [severity]


def test_no_image_at_all_is_not_fine() -> None:
    assert severities(images.images, FakeLook()) == ["unasked"]


def test_images_of_containers_and_of_pods() -> None:
    pods = {
        "spec": {"template": {"spec": {"containers": [{"image": "a"}], "initContainers": [{"image": "b"}]}}}
    }
    assert images_of("kubernetes:batch/v1:Job", pods) == {"a", "b"}
    assert images_of("azure-native:containerinstance:ContainerGroup", {"containers": [{"image": "c"}]}) == {
        "c"
    }
    assert images_of("kubernetes:core/v1:ConfigMap", {"spec": "text"}) == set()
    assert FakeLook(
        resources=[Planned("x:ContainerGroup", "r", {"containers": [{"image": "c"}]}, True)]
    ).images() == {"c"}


@pytest.mark.parametrize(
    ("text", "registry", "repository", "reference"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.25-alpine", "docker.io", "library/nginx", "1.25-alpine"),
        ("docker.io/planb/agent@sha256:ab", "docker.io", "planb/agent", "sha256:ab"),
        ("planb/agent:1", "docker.io", "planb/agent", "1"),
        ("localhost:5000/a/b:2@sha256:cd", "localhost:5000", "a/b", "sha256:cd"),
        ("bank.azurecr.io/petclinic:3", "bank.azurecr.io", "petclinic", "3"),
    ],
)
def test_names_of_images(text: str, registry: str, repository: str, reference: str) -> None:
    image = parse_image(text)
    assert (image.registry, image.repository, image.reference) == (registry, repository, reference)
    assert image.by_digest == reference.startswith("sha256:")
