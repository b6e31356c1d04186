"""Private zones and their links."""

from __future__ import annotations

from typing import Any

from .conftest import NET, RG, Azure

ZONE, LINK = "privatedns:PrivateZone", "privatedns:VirtualNetworkLink"
NAME = "blue.mysql.database.azure.com"


def zone(name: str = NAME, location: str = "Global") -> dict[str, Any]:
    return {"resourceGroupName": RG, "privateZoneName": name, "location": location}


def link(vnet: str = "vnet", zone_name: str = NAME, **more: Any) -> dict[str, Any]:
    return {
        "resourceGroupName": RG,
        "privateZoneName": zone_name,
        "virtualNetworkLinkName": f"link-{vnet}",
        "location": "global",
        "registrationEnabled": False,
        "virtualNetwork": {"id": f"{NET}/virtualNetworks/{vnet}"},
        **more,
    }


def test_a_zone_is_global_and_has_two_labels(site: Azure) -> None:
    text = "List of available regions for the resource type is 'global'."
    site.refuses("LocationNotAvailableForResourceType", text, ZONE, zone(location="koreacentral"))
    site.refuses("BadRequest", "Zone names must have two or more labels.", ZONE, zone("blue"))
    made = site.make(ZONE, zone())
    assert made.outputs["location"] == "global"
    assert made.region == "koreacentral"  # where its group lives


def test_a_link_needs_its_network_and_holds_its_zone(site: Azure) -> None:
    made = site.make(ZONE, zone(), "z")
    site.refuses(
        "ResourceNotFound", "The Resource 'Microsoft.Network/virtualNetworks/none'", LINK, link("none")
    )
    linked = site.make(LINK, link(), "l")
    assert linked.outputs["virtualNetworkLinkState"] == "Completed"
    nested = f"Microsoft.Network/privateDnsZones/{NAME}/virtualNetworkLinks/link-vnet"
    site.refuses_delete("CannotDeleteResource", f"nested resource IDs include: '{nested}'.", made)
    site.refuses_change(
        "BadRequest", "cannot be changed", linked, virtualNetwork={"id": site.vnet(name="v2").id}
    )
    site.delete(linked)
    site.delete(made)


def test_one_zone_of_a_name_a_network(site: Azure) -> None:
    site.make("resources:ResourceGroup", {"resourceGroupName": "rg-2", "location": "koreacentral"}, "rg2")
    site.make(ZONE, zone(), "z")
    site.make(ZONE, zone() | {"resourceGroupName": "rg-2"}, "z2")
    site.make(LINK, link(), "l")
    text = "A virtual network cannot be linked to multiple zones with overlapping namespaces."
    site.refuses("BadRequest", text, LINK, link() | {"resourceGroupName": "rg-2"}, "l2")
    site.vnet(name="v2", space="10.0.0.0/16")
    site.make(LINK, link("v2") | {"resourceGroupName": "rg-2"}, "l2")


def test_one_registering_zone_a_network(site: Azure) -> None:
    for name in ("a.internal", "b.internal"):
        site.make(ZONE, zone(name), name)
    site.make(LINK, link(zone_name="a.internal", registrationEnabled=True), "a")
    second = link(zone_name="b.internal", registrationEnabled=True)
    site.refuses("BadRequest", "with auto-registration enabled", LINK, second, "b")
    site.make(LINK, second | {"registrationEnabled": False}, "b")
