"""Immutability of containers: versions first, at creation only, and a locked policy stays."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.kinds import Resource

from .conftest import RG, Azure

ACCOUNT, CONTAINER = "storage:StorageAccount", "storage:BlobContainer"
SERVICE, POLICY = "storage:BlobServiceProperties", "storage:BlobContainerImmutabilityPolicy"
MINE = {"resourceGroupName": RG, "accountName": "bloberry01"}
WORM = {"immutableStorageWithVersioning": {"enabled": True}}


def container(**more: Any) -> dict[str, Any]:
    return {**MINE, "containerName": "mysql-backups", **more}


def policy(**changes: Any) -> dict[str, Any]:
    return {
        **MINE,
        "containerName": "mysql-backups",
        "immutabilityPolicyName": "default",
        "immutabilityPeriodSinceCreationInDays": 30,
        "allowProtectedAppendWrites": True,
        **changes,
    }


@pytest.fixture
def account(site: Azure) -> Azure:
    site.make(ACCOUNT, {**MINE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}, "a")
    return site


@pytest.fixture
def versioned(account: Azure) -> Azure:
    account.make(SERVICE, {**MINE, "blobServicesName": "default", "isVersioningEnabled": True}, "s")
    return account


def test_versions_come_first(account: Azure) -> None:
    account.refuses(
        "FeatureDependencyNotEnabled", "Blob versioning must be enabled", CONTAINER, container(**WORM)
    )
    service = account.make(SERVICE, {**MINE, "blobServicesName": "default"}, "s")
    account.refuses("FeatureDependencyNotEnabled", "mysql-backups", CONTAINER, container(**WORM))
    account.change(service, isVersioningEnabled=True)
    assert account.make(CONTAINER, container(**WORM)).outputs["hasImmutabilityPolicy"]


@pytest.mark.parametrize(("before", "after"), [({}, WORM), (WORM, {"immutableStorageWithVersioning": None})])
def test_a_container_is_born_with_it(versioned: Azure, before: dict[str, Any], after: dict[str, Any]) -> None:
    made = versioned.make(CONTAINER, container(**before))
    versioned.refuses_change("InvalidRequestPropertyValue", "must be migrated", made, **after)
    versioned.change(made, metadata={"a": "b"})


def test_it_goes_only_when_it_is_empty(versioned: Azure) -> None:
    plain = versioned.make(CONTAINER, container() | {"containerName": "plain"}, "p")
    made = versioned.make(CONTAINER, container(**WORM))
    versioned.world.storage._answers["holds_blobs"] = True
    versioned.refuses_delete("ContainerProtectedFromDeletion", "bloberry01 container mysql-backups", made)
    versioned.delete(plain)
    versioned.world.storage._answers["holds_blobs"] = False
    versioned.delete(made)


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"immutabilityPolicyName": "mine"}, "HttpResourceNotFound", "immutabilityPolicies/mine"),
        ({"immutabilityPeriodSinceCreationInDays": 0}, "InvalidRequestPropertyValue", "'0'"),
        ({"immutabilityPeriodSinceCreationInDays": 146_001}, "InvalidRequestPropertyValue", "'146001'"),
        ({"allowProtectedAppendWritesAll": True}, "InvalidRequestPropertyValue", "mutually exclusive"),
    ],
)
def test_a_policy_that_azure_refuses(versioned: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    versioned.refuses("ParentResourceNotFound", "'mysql-backups' not found", POLICY, policy())
    versioned.make(CONTAINER, container(**WORM), "c")
    versioned.refuses(code, text, POLICY, policy(**bad))
    made = versioned.make(POLICY, policy())
    assert made.id.endswith("/containers/mysql-backups/immutabilityPolicies/default")
    assert made.outputs["state"] == "Unlocked"


def test_a_locked_policy_stays_as_it_is(versioned: Azure) -> None:
    versioned.make(CONTAINER, container(**WORM), "c")
    made = versioned.make(POLICY, policy())
    made = versioned.change(made, immutabilityPeriodSinceCreationInDays=10)
    lock(versioned, made)
    text = "Operation not allowed on immutability policy with current state"
    for change in (5, 60):
        versioned.refuses_change(
            "ImmutabilityPolicyOperationNotAllowed", text, made, immutabilityPeriodSinceCreationInDays=change
        )
    versioned.refuses_delete("ImmutabilityPolicyOperationNotAllowed", text, made)


def lock(azure: Azure, made: Resource) -> None:
    """As `az storage container immutability-policy lock` does."""
    made.outputs["state"] = "Locked"
    azure.state.put(made)
