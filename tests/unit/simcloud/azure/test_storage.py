"""Storage accounts, containers, service properties and lifecycle rules."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import NET, RG, Azure

ACCOUNT, CONTAINER = "storage:StorageAccount", "storage:BlobContainer"
POLICY, SERVICE = "storage:ManagementPolicy", "storage:BlobServiceProperties"


def account(name: str = "bloberry01", **more: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "accountName": name,
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "allowSharedKeyAccess": False,
        **more,
    }


def container(name: str = "mysql-backups", **more: Any) -> dict[str, Any]:
    return {"resourceGroupName": RG, "accountName": "bloberry01", "containerName": name, **more}


def test_an_account_is_an_azurite(site: Azure) -> None:
    made = site.make(ACCOUNT, account())
    assert site.called("storage.create") == [
        (("bloberry01",), {"region": "koreacentral", "shared_key": False})
    ]
    assert made.outputs["primaryEndpoints"]["blob"] == "https://bloberry01.blob.core.windows.net/"
    assert made.outputs["primaryEndpoints"]["web"] == "https://bloberry01.z12.web.core.windows.net/"
    site.delete(made)
    assert site.called("storage.delete") == [(("bloberry01",), {})]


def test_names_of_accounts(site: Azure) -> None:
    text = "Bloberry01 is not a valid storage account name. Storage account name must be between 3 and 24 characters"
    site.refuses("AccountNameInvalid", text, ACCOUNT, account("Bloberry01"))
    site.make(ACCOUNT, account())
    site.make("resources:ResourceGroup", {"resourceGroupName": "rg-2", "location": "koreacentral"}, "rg2")
    taken = account() | {"resourceGroupName": "rg-2"}
    site.refuses(
        "StorageAccountAlreadyTaken",
        "The storage account named bloberry01 is already taken.",
        ACCOUNT,
        taken,
        "b",
    )
    site.make(ACCOUNT, account("bloberry02"), "b")


def test_network_rules_need_a_service_endpoint(site: Azure) -> None:
    subnet = site.subnet("s", "172.16.1.0/24")
    rules = {"defaultAction": "Deny", "virtualNetworkRules": [{"virtualNetworkResourceId": subnet.id}]}
    text = "Subnets s of virtual network vnet do not have ServiceEndpoints for Microsoft.Storage"
    site.refuses("NetworkAclsValidationFailure", text, ACCOUNT, account(networkRuleSet=rules))
    site.change(subnet, serviceEndpoints=[{"service": "Microsoft.Storage"}])
    site.make(ACCOUNT, account(networkRuleSet=rules))


def test_a_container_is_private_unless_the_account_allows(site: Azure) -> None:
    site.make(ACCOUNT, account(), "a")
    public = container(publicAccess="Blob")
    site.refuses(
        "PublicAccessNotPermitted",
        "Public access is not permitted on this storage account.",
        CONTAINER,
        public,
    )
    made = site.make(CONTAINER, container())
    assert made.outputs["publicAccess"] == "None"
    assert site.called("storage.create_container") == [(("bloberry01", "mysql-backups"), {"public": False})]
    site.make(ACCOUNT, account("open1", allowBlobPublicAccess=True), "o")
    site.make(CONTAINER, public | {"accountName": "open1"}, "p")


@pytest.mark.parametrize(
    ("name", "code"),
    [("Backups", "InvalidResourceName"), ("a--b", "InvalidResourceName"), ("-abc", "InvalidResourceName")],
)
def test_names_of_containers(site: Azure, name: str, code: str) -> None:
    site.make(ACCOUNT, account(), "a")
    site.refuses(code, "The specified resource name contains invalid characters.", CONTAINER, container(name))
    site.make(CONTAINER, container("a-b1"))


def test_a_container_needs_its_account(site: Azure) -> None:
    site.refuses("ParentResourceNotFound", "'bloberry01' not found", CONTAINER, container())


def lifecycle(**changes: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "name": "backups30d",
        "type": "Lifecycle",
        "enabled": True,
        "definition": {
            "filters": {"blobTypes": ["blockBlob"], "prefixMatch": ["mysql-backups/backups/"]},
            "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}},
        },
    }
    return {
        "resourceGroupName": RG,
        "accountName": "bloberry01",
        "managementPolicyName": "default",
        "policy": {"rules": [rule | changes]},
    }


def definition(
    filters: dict[str, Any] | None = None, actions: dict[str, Any] | None = None
) -> dict[str, Any]:
    base: dict[str, Any] = lifecycle()["policy"]["rules"][0]["definition"]
    return {
        "definition": {
            "filters": filters or base["filters"],
            "actions": base["actions"] if actions is None else actions,
        }
    }


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ({"name": "30 days"}, "30 days"),
        (definition(filters={"blobTypes": ["pageBlob"]}), "blobTypes"),
        (
            definition(filters={"blobTypes": ["blockBlob"], "prefixMatch": [str(n) for n in range(11)]}),
            "10 prefixes",
        ),
        (definition(actions={}), "no action"),
        (
            definition(actions={"baseBlob": {"delete": {"daysAfterModificationGreaterThan": -1}}}),
            "whole number of days",
        ),
    ],
)
def test_a_lifecycle_rule_has_a_shape(site: Azure, bad: dict[str, Any], text: str) -> None:
    site.make(ACCOUNT, account(), "a")
    site.refuses("InvalidRequestPropertyValue", text, POLICY, lifecycle(**bad))
    made = site.make(POLICY, lifecycle())
    assert made.id.endswith("/storageAccounts/bloberry01/managementPolicies/default")


def test_there_is_one_policy_and_one_service(site: Azure) -> None:
    site.make(ACCOUNT, account(), "a")
    site.refuses(
        "HttpResourceNotFound", "is not found", POLICY, lifecycle() | {"managementPolicyName": "mine"}
    )
    site.refuses(
        "InvalidRequestPropertyValue", "1 to 100 rules", POLICY, lifecycle() | {"policy": {"rules": []}}
    )
    service = {"resourceGroupName": RG, "accountName": "bloberry01", "blobServicesName": "default"}
    soft = {"deleteRetentionPolicy": {"enabled": True, "days": 400}}
    site.refuses("InvalidRequestPropertyValue", "deleteRetentionPolicy.days", SERVICE, service | soft)
    restore = {"restorePolicy": {"enabled": True, "days": 6}, "isVersioningEnabled": True}
    site.refuses("InvalidRequestPropertyValue", "restorePolicy needs", SERVICE, service | restore)
    made = site.make(
        SERVICE,
        service | {"deleteRetentionPolicy": {"enabled": True, "days": 30}, "isVersioningEnabled": True},
    )
    assert made.outputs["name"] == "default"


def test_the_kind_stays(site: Azure) -> None:
    made = site.make(ACCOUNT, account())
    site.refuses_change("InvalidRequestPropertyValue", "'kind'", made, kind="BlobStorage")
    site.change(made, tags={"a": "b"})


def test_an_unknown_identity(site: Azure) -> None:
    missing = f"{NET.replace('Network', 'ManagedIdentity')}/userAssignedIdentities/none"
    given = account(identity={"type": "UserAssigned", "userAssignedIdentities": [missing]})
    site.refuses("FailedIdentityOperation", f"Resource '{missing}' was not found.", ACCOUNT, given)
    mine = site.identity()
    made = site.make(ACCOUNT, account(identity={"type": "UserAssigned", "userAssignedIdentities": [mine.id]}))
    shown = made.outputs["identity"]["userAssignedIdentities"]
    assert shown == {
        mine.id: {"clientId": mine.outputs["clientId"], "principalId": mine.outputs["principalId"]}
    }


def test_how_long_a_token_may_live_has_a_shape(site: Azure) -> None:
    policy = {"expirationAction": "Block", "sasExpirationPeriod": "P1D"}
    site.refuses("InvalidValuesForRequestParameters", "sasPolicy", ACCOUNT, account(sasPolicy=policy))
    site.make(ACCOUNT, account(sasPolicy=policy | {"sasExpirationPeriod": "01.00:00:00"}))
