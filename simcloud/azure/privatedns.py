"""azure-native:privatedns: private zones and their links to virtual networks."""

from __future__ import annotations

from simcloud.azure import ids
from simcloud.azure.base import ArmKind, ref
from simcloud.azure.errors import ArmError, resource_not_found
from simcloud.azure.topology import find_vnet
from simcloud.kinds import Context, Properties, Resource, kind

ZONE = "azure-native:privatedns:PrivateZone"
LINK = "azure-native:privatedns:VirtualNetworkLink"


def links_of(ctx: Context, zone_id: str) -> list[Resource]:
    prefix = f"{zone_id.lower()}/virtualnetworklinks/"
    return [link for link in ctx.find(LINK) if link.id.lower().startswith(prefix)]


@kind
class PrivateZone(ArmKind):
    type = ZONE
    arm_type = "Microsoft.Network/privateDnsZones"
    api_version = "2024-06-01"
    path = ("privateZoneName",)
    naming = "random"
    moves = False
    available = ("global",)
    latency = "private_dns_zone"
    shows = frozenset({"provisioningState", "etag", "systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if "." not in name.strip("."):
            # Azure/azure-quickstart-templates#12423
            raise ArmError(
                "BadRequest",
                f"The zone name '{name}' does not have enough labels. Zone names must have two or more labels.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        links = links_of(ctx, res.id)
        registering = [link for link in links if link.inputs.get("registrationEnabled")]
        return {
            "maxNumberOfRecordSets": 25000,
            "maxNumberOfVirtualNetworkLinks": 1000,
            "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
            "numberOfRecordSets": 1,
            "numberOfVirtualNetworkLinks": len(links),
            "numberOfVirtualNetworkLinksWithRegistration": len(registering),
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        links = links_of(ctx, res.id)
        if links:
            # learntocloud/networking-lab#8
            name = res.id.rsplit("/", 1)[-1]
            nested = f"Microsoft.Network/privateDnsZones/{name}/virtualNetworkLinks/{links[0].id.rsplit('/', 1)[-1]}"
            raise ArmError(
                "CannotDeleteResource",
                "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
                f"'{nested}'. Please delete all nested resources before deleting this resource.",
                status=409,
            )


@kind
class VirtualNetworkLink(ArmKind):
    type = LINK
    arm_type = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
    api_version = "2024-06-01"
    path = ("privateZoneName", "virtualNetworkLinkName")
    naming = "copy"
    parent = ZONE
    moves = False
    available = ("global",)
    latency = "private_dns_link"
    shows = frozenset({"provisioningState", "etag", "systemData"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        vnet_id = ref(inputs.get("virtualNetwork"))
        if not vnet_id or not find_vnet(ctx, vnet_id):
            parsed = ids.parse(vnet_id)
            raise resource_not_found(
                "Microsoft.Network/virtualNetworks",
                parsed.name if parsed else str(vnet_id),
                parsed.group if parsed else "",
            )
        if old and not ids.same(ref(old.inputs.get("virtualNetwork")), vnet_id):
            # [closest] https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links: fixed for a link's life
            raise ArmError("BadRequest", f"The virtual network of link '{arm_id}' cannot be changed.")
        zone = str(inputs.get("privateZoneName"))
        for link in ctx.find(LINK):
            if ids.same(link.id, arm_id) or not ids.same(ref(link.inputs.get("virtualNetwork")), vnet_id):
                continue
            other = str(link.inputs.get("privateZoneName"))
            if other.lower() == zone.lower():
                # [recalled]
                raise ArmError(
                    "BadRequest",
                    "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to "
                    f"link virtual network with '{zone}' and '{other}' zones.",
                )
            if link.inputs.get("registrationEnabled") and inputs.get("registrationEnabled"):
                # https://learn.microsoft.com/azure/dns/private-dns-virtual-network-links#restrictions [closest]
                raise ArmError(
                    "BadRequest",
                    "A virtual network can only be linked to 1 Private DNS zone(s) with auto-registration enabled; "
                    f"it is linked to '{other}'.",
                    status=409,
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"virtualNetworkLinkState": "Completed"}

    def delete(self, ctx: Context, res: Resource) -> None:
        """Allowed while servers use the zone: only name resolution ends."""
