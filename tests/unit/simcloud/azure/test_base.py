"""Ids, names, places and common outputs of every Azure kind."""

from __future__ import annotations

import re

import pytest

from simcloud import sdktypes
from simcloud.azure import ids, names
from simcloud.azure.errors import ArmError
from simcloud.kinds import KINDS
from simcloud.latency import TABLE

from .conftest import NET, RG, TOP, Azure

MINE = sorted(token for token in KINDS if token.startswith("azure-native:"))

EXPECTED = [
    "resources:ResourceGroup",
    "network:VirtualNetwork",
    "network:Subnet",
    "network:NetworkSecurityGroup",
    "network:PublicIPAddress",
    "network:ApplicationGateway",
    "network:NatGateway",
    "privatedns:PrivateZone",
    "privatedns:VirtualNetworkLink",
    "storage:StorageAccount",
    "storage:BlobContainer",
    "storage:BlobContainerImmutabilityPolicy",
    "storage:BlobServiceProperties",
    "storage:ManagementPolicy",
    "storage:StorageAccountStaticWebsite",
    "storage:Blob",
    "dbformysql:Server",
    "dbformysql:Database",
    "dbformysql:Configuration",
    "containerservice:ManagedCluster",
    "containerservice:AgentPool",
    "containerinstance:ContainerGroup",
    "managedidentity:UserAssignedIdentity",
    "managedidentity:FederatedIdentityCredential",
    "monitor:ActionGroup",
    "monitor:DiagnosticSetting",
    "monitor:ScheduledQueryRule",
    "operationalinsights:Workspace",
    "authorization:RoleAssignment",
    "authorization:RoleDefinition",
]


def test_every_type_of_the_program_is_modelled() -> None:
    assert [f"azure-native:{t}" for t in sorted(EXPECTED)] == MINE


@pytest.mark.parametrize("token", MINE)
def test_declared_names_exist_in_the_sdk(token: str) -> None:
    kind, shape = KINDS[token], sdktypes.shape(token)
    assert shape
    tops = {name.split(".")[0] for name in kind.replace_on}
    assert tops <= set(shape.inputs), tops - set(shape.inputs)
    rows = [kind.latency, getattr(kind, "delete_latency", None), getattr(kind, "update_latency", None)]
    assert all(row is None or row in TABLE for row in rows), rows


def test_an_id_survives_the_round_trip() -> None:
    text = f"{NET}/virtualNetworks/v/subnets/s"
    parsed = ids.parse(text)
    assert parsed and str(parsed) == text
    assert (parsed.arm_type, parsed.name) == ("Microsoft.Network/virtualNetworks/subnets", "s")
    assert str(parsed.parent) == f"{NET}/virtualNetworks/v"
    assert ids.parse("/subscriptions/x/resourceGroups/y") is None
    assert ids.parse(None) is None
    assert ids.same(text, text.upper()) and not ids.same(text, f"{text}x")


def test_an_error_reads_as_azure_native_prints_it() -> None:
    assert str(ArmError("X", "y z", status=409)) == 'Status=409 Code="X" Message="y z"'


def test_a_resource_group_answers_with_its_normalised_location(azure: Azure) -> None:
    group = azure.group()
    assert group.id == TOP
    assert group.outputs["location"] == "koreacentral"
    assert group.outputs["type"] == "Microsoft.Resources/resourceGroups"


def test_a_wrong_region_is_refused(azure: Azure) -> None:
    given = {"resourceGroupName": RG, "location": "korea-central"}
    azure.refuses("LocationNotAvailableForResourceGroup", "'korea-central'", "resources:ResourceGroup", given)
    azure.group()
    vnet = {"resourceGroupName": RG, "location": "mars", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    azure.refuses("LocationNotAvailableForResourceType", "'mars'", "network:VirtualNetwork", vnet)


def test_the_group_must_exist(azure: Azure) -> None:
    given = {"resourceGroupName": RG, "resourceName": "id-x", "location": "koreacentral"}
    token = "managedidentity:UserAssignedIdentity"
    azure.refuses("ResourceGroupNotFound", f"Resource group '{RG}' could not be found.", token, given)
    azure.group()
    assert azure.make(token, given).outputs["tenantId"] == azure.ctx().tenant


def test_the_parent_must_exist(azure: Azure) -> None:
    azure.group()
    given = {
        "resourceGroupName": RG,
        "virtualNetworkName": "vnet",
        "subnetName": "s",
        "addressPrefix": "172.16.1.0/24",
    }
    azure.refuses("ParentResourceNotFound", "Parent resource 'vnet' not found.", "network:Subnet", given)


def test_what_exists_is_not_created_again(site: Azure) -> None:
    site.refuses(
        "",
        f"cannot create already existing resource '{NET}/virtualNetworks/VNET'",
        "network:VirtualNetwork",
        {
            "resourceGroupName": RG,
            "virtualNetworkName": "VNET",
            "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
        },
        "other",
    )


def test_names_and_locations_that_the_program_leaves_out(azure: Azure) -> None:
    azure.group()
    identity = azure.make("managedidentity:UserAssignedIdentity", {"resourceGroupName": RG}, "restore")
    assert re.fullmatch(r"restore[0-9a-f]{8}", identity.outputs["name"])
    assert identity.inputs["location"] == "koreacentral"  # the group's
    kind = KINDS[identity.type]
    again = kind.autoname(azure.ctx(), {"resourceGroupName": RG}, "restore", identity.inputs)
    assert again["resourceName"] == identity.inputs["resourceName"]
    placed = kind.autoname(azure.ctx(location="koreasouth"), {"resourceGroupName": RG}, "restore")
    assert placed["location"] == "koreasouth"


def test_nested_resources_keep_the_programs_name(site: Azure) -> None:
    subnet = site.make(
        "network:Subnet",
        {"resourceGroupName": RG, "virtualNetworkName": "vnet", "addressPrefix": "172.16.9.0/24"},
        "snet-own",
    )
    assert subnet.id == f"{NET}/virtualNetworks/vnet/subnets/snet-own"


def test_a_region_cannot_change_where_arm_does_not_move(site: Azure) -> None:
    nsg = site.make(
        "network:NetworkSecurityGroup", {"resourceGroupName": RG, "networkSecurityGroupName": "n"}
    )
    site.refuses_change(
        "InvalidResourceLocation", "already exists in location 'koreacentral'", nsg, location="japaneast"
    )
    assert "location" in KINDS["azure-native:network:VirtualNetwork"].replace_on


@pytest.mark.parametrize(
    ("arm_type", "good", "bad"),
    [
        ("Microsoft.Storage/storageAccounts", "bloberry01", "Bloberry01"),
        ("Microsoft.Storage/storageAccounts", "abc", "ab"),
        ("Microsoft.Storage/storageAccounts", "a" * 24, "a" * 25),
        ("Microsoft.DBforMySQL/flexibleServers", "blue-mysql", "-blue"),
        ("Microsoft.DBforMySQL/flexibleServers", "abc", "Blue"),
        ("Microsoft.ContainerService/managedClusters/agentPools", "web", "Web"),
        ("Microsoft.ContainerService/managedClusters/agentPools", "a23456789012", "a234567890123"),
        ("Microsoft.ContainerInstance/containerGroups", "restore-1", "restore_1"),
        ("Microsoft.ManagedIdentity/userAssignedIdentities", "id-restore", "ab"),
        ("Microsoft.Network/virtualNetworks", "vnet-blue", "vnet-"),
        ("Microsoft.Resources/resourceGroups", "rg-(1).x", "rg/x"),
        ("Microsoft.DBforMySQL/flexibleServers/databases", "petclinic", "mysql"),
    ],
)
def test_name_rules(arm_type: str, good: str, bad: str) -> None:
    names.check(arm_type, good)
    with pytest.raises(ArmError):
        names.check(arm_type, bad)
