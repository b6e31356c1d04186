"""azure-native:resources: resource groups, whose deletion takes everything in them along."""

from __future__ import annotations

from simcloud.azure import ids
from simcloud.azure.base import GROUP, ArmKind, find_id, normal_location, subscription
from simcloud.azure.errors import REGIONS, ArmError, already_exists, location_not_available_for_group
from simcloud.kinds import KINDS, CloudError, Context, Properties, Resource, kind


@kind
class ResourceGroup(ArmKind):
    type = GROUP
    arm_type = "Microsoft.Resources/resourceGroups"
    api_version = "2024-03-01"
    path = ("resourceGroupName",)
    delete_latency = "resource_group_delete"

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return ids.group_id(subscription(ctx), self.own_name(inputs, name))

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        return normal_location(inputs.get("location"))

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        there = find_id(ctx, self.type, arm_id)
        if there and (there.urn != ctx.urn or there.status == "ready"):
            raise already_exists(arm_id)

    def check_location(self, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        location = normal_location(inputs.get("location"))
        if location not in REGIONS:
            raise location_not_available_for_group(str(inputs.get("location") or ""))

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"properties": {"provisioningState": "Succeeded"}}

    def delete(self, ctx: Context, res: Resource) -> None:
        """Deletes the contents too, in whatever order their dependencies allow, as ARM does."""
        while inside := _contents(ctx, res.id):
            blocked: list[Resource] = []
            for item in inside:
                try:
                    KINDS[item.type].delete(ctx, item)
                except CloudError:
                    blocked.append(item)
                else:
                    ctx.state.remove(item.type, item.id)
            if len(blocked) == len(inside):
                # MicrosoftDocs/azure-docs#52282
                what = ",".join(item.id.split("/providers/", 1)[-1] for item in blocked)
                raise ArmError(
                    "ResourceGroupDeletionBlocked",
                    f"Deletion of resource group '{_name(res)}' failed as resources with identifiers '{what}' could "
                    "not be deleted. The provisioning state of the resource group will be rolled back. Please check "
                    "audit logs for more details.",
                    status=409,
                )


def _name(res: Resource) -> str:
    return res.id.rsplit("/", 1)[-1]


def _contents(ctx: Context, group: str) -> list[Resource]:
    """Everything in the group, innermost first so that children go before parents."""
    prefix = f"{group.lower()}/"
    inside = [r for r in ctx.state.all() if r.cloud == "azure-native" and r.id.lower().startswith(prefix)]
    return sorted(inside, key=lambda r: -r.id.count("/"))
