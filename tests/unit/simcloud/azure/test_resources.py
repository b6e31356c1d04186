"""Deleting a resource group takes everything in it along."""

from __future__ import annotations

from .conftest import RG, Azure
from .test_containerinstance import TOKEN, group
from .test_security import NSG
from .test_security import group as nsg
from .test_storage import ACCOUNT, CONTAINER, account, container


def test_everything_goes_whatever_depends_on_what(site: Azure) -> None:
    guard = site.make(NSG, nsg(), "n")
    site.subnet(
        "snet-restore",
        "172.16.41.0/24",
        delegation="Microsoft.ContainerInstance/containerGroups",
        networkSecurityGroup={"id": guard.id},
    )
    site.make(TOKEN, group(), "g")
    site.make(ACCOUNT, account(), "a")
    site.make(CONTAINER, container(), "c")
    site.make(
        "resources:ResourceGroup", {"resourceGroupName": f"{RG}-other", "location": "koreacentral"}, "other"
    )
    site.delete(site.state.find("azure-native:resources:ResourceGroup", name=RG)[0])
    assert [r.outputs["name"] for r in site.state.all()] == [f"{RG}-other"]
    assert site.called("compute.stop") and site.called("storage.delete")


def test_what_another_group_still_uses_blocks_it(site: Azure) -> None:
    site.make("resources:ResourceGroup", {"resourceGroupName": "rg-jobs", "location": "koreacentral"}, "jobs")
    site.subnet("snet-restore", "172.16.41.0/24", delegation="Microsoft.ContainerInstance/containerGroups")
    site.make(TOKEN, group() | {"resourceGroupName": "rg-jobs"}, "g")
    mine = site.state.find("azure-native:resources:ResourceGroup", name=RG)[0]
    text = f"Deletion of resource group '{RG}' failed as resources with identifiers 'Microsoft.Network/virtualNetworks"
    site.refuses_delete("ResourceGroupDeletionBlocked", text, mine)
