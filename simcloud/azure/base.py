"""What every Azure kind shares: ids, names, places, common outputs, and the order in which ARM checks a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from simcloud.azure import ids, names
from simcloud.azure.errors import (
    REGIONS,
    already_exists,
    location_changed,
    location_not_available,
    parent_not_found,
    resource_group_not_found,
)
from simcloud.kinds import Context, Kind, Properties, Resource

GROUP = "azure-native:resources:ResourceGroup"
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"
OPERATOR_OBJECT_ID = "00000000-0000-4000-8000-00000000b10b"
"""Object id of the identity that runs Pulumi. It is Owner and Storage Blob Data Owner of the subscription."""
OPERATOR_CLIENT_ID = "00000000-0000-4000-8000-00000000c11e"


def subscription(ctx: Context) -> str:
    return str(ctx.provider_config.get("subscriptionId") or ctx.subscription)


def normal_location(value: object) -> str:
    """ARM's spelling of a location: "Korea Central" and "koreacentral" are one."""
    return str(value or "").replace(" ", "").lower()


def records(value: object) -> list[dict[str, Any]]:
    """The objects of a list input; empty when it is absent or not known yet."""
    if not isinstance(value, list | tuple):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[object]", value) if isinstance(item, dict)]


def record(value: object) -> dict[str, Any]:
    """An object input; empty when it is absent or not known yet."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def ref(value: object) -> str | None:
    """The id in a sub-resource reference such as `{"id": "/subscriptions/…"}`."""
    text = record(value).get("id")
    return text if isinstance(text, str) and text else None


def find_id(ctx: Context, token: str, arm_id: object) -> Resource | None:
    """The resource with this id, compared as ARM does."""
    if not isinstance(arm_id, str):
        return None
    exact = ctx.by_id(token, arm_id)
    if exact:
        return exact
    return next((r for r in ctx.find(token) if ids.same(r.id, arm_id)), None)


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()


class ArmKind(Kind):
    """A resource behind Azure Resource Manager."""

    arm_type: ClassVar[str] = ""
    """ "Microsoft.Network/virtualNetworks/subnets"."""
    api_version: ClassVar[str] = ""
    """The version that azure-native 3.29 speaks for this type (its docstrings say so)."""
    path: ClassVar[tuple[str, ...]] = ()
    """Inputs that name the resource below its group, outermost first; the last is its own name."""
    naming: ClassVar[names.Naming] = "random"
    parent: ClassVar[str | None] = None
    """Token of the enclosing type."""
    grouped: ClassVar[bool] = True
    """Belongs to a resource group; else it hangs on another resource or scope."""
    located: ClassVar[bool] = True
    """Has a location of its own."""
    available: ClassVar[tuple[str, ...]] = REGIONS
    moves: ClassVar[bool] = True
    """A change of location replaces the resource (x-ms-mutability or azure-native's forceNewMap); else ARM refuses."""
    forces_new: ClassVar[frozenset[str]] = frozenset()
    """Further inputs whose change replaces (azure-native `provider/pkg/gen/replacement.go` and x-ms-mutability)."""
    shows: ClassVar[frozenset[str]] = frozenset()
    """Which of provisioningState, etag, resourceGuid, systemData this type's answer has."""
    opaque: ClassVar[frozenset[str]] = frozenset({"identity"})
    delete_before_replace: ClassVar[bool] = True
    """azure-native deletes first unless it made up the name itself."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = {"location"} if cls.located and cls.moves else set[str]()
        group = {"resourceGroupName"} if cls.grouped else set[str]()
        cls.replace_on = frozenset({*group, *cls.path, *own, *cls.forces_new})

    # -- before the engine's Check: what azure-native fills in --

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        """The inputs with azure-native's defaults: a name and a location where the program gives none.

        `name` is the Pulumi name, `old` the previous inputs. To be called by Check (`applyDefaults` in provider.go):
        the old value wins, then the provider's configured location, then the resource group's.
        """
        filled = dict(inputs)
        key = self.path[-1] if self.path else None
        if key and filled.get(key) is None:
            filled[key] = (old or {}).get(key) or names.automatic(self.naming, name)
        if self.located and filled.get("location") is None:
            place = (old or {}).get("location") or ctx.provider_config.get("location")
            group = self.group(ctx, inputs) if not place else None
            place = place or (group.get("location") if group else None)
            if place:
                filled["location"] = place
        return filled

    # -- identity --

    def own_name(self, inputs: Properties, name: str) -> str:
        given = inputs.get(self.path[-1])
        return str(given) if given else names.automatic(self.naming, name)

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        outer = tuple(str(inputs[key]) for key in self.path[:-1])
        group = str(inputs["resourceGroupName"])
        return str(ids.make(subscription(ctx), group, self.arm_type, (*outer, self.own_name(inputs, name))))

    def group(self, ctx: Context, inputs: Properties) -> Resource | None:
        return find_id(ctx, GROUP, ids.group_id(subscription(ctx), str(inputs.get("resourceGroupName"))))

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        """Where the resource lives (and goes dark): its location, else its parent's or its group's."""
        own = normal_location(inputs.get("location")) if self.located else ""
        if own and own != "global":
            return own
        upper = self.parent_of(ctx, inputs) or self.group(ctx, inputs)
        return normal_location(upper.get("location")) if upper else ctx.region

    def parent_of(self, ctx: Context, inputs: Properties) -> Resource | None:
        if not self.parent:
            return None
        outer = tuple(str(inputs.get(key)) for key in self.path[:-1])
        arm_type = "/".join(self.arm_type.split("/")[: len(outer) + 1])
        arm_id = ids.make(subscription(ctx), str(inputs.get("resourceGroupName")), arm_type, outer)
        return find_id(ctx, self.parent, str(arm_id))

    # -- what ARM checks, in its order --

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        arm_id = old.id if old else self.identify(ctx, inputs, ctx.urn.rsplit("::", 1)[-1])
        if not old:
            self.place(ctx, inputs, arm_id)
        if self.located:
            self.check_location(inputs, arm_id, old)
        names.check(self.arm_type, arm_id.rsplit("/", 1)[-1])
        self.rules(ctx, inputs, arm_id, old)

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        """The group and the parent must be there, and nothing of this id."""
        if not self.group(ctx, inputs):
            raise resource_group_not_found(str(inputs["resourceGroupName"]))
        if self.parent and not self.parent_of(ctx, inputs):
            raise parent_not_found(str(inputs[self.path[-2]]))
        there = find_id(ctx, self.type, arm_id)
        if there and (there.urn != ctx.urn or there.status == "ready"):
            raise already_exists(arm_id)

    def check_location(self, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        location = normal_location(inputs.get("location"))
        if location not in self.available:
            raise location_not_available(str(inputs.get("location") or ""), self.arm_type, self.available)
        was = normal_location(old.inputs.get("location")) if old else location
        if was and was != location:
            parsed = ids.parse(arm_id)
            raise location_changed(arm_id.rsplit("/", 1)[-1], parsed.group if parsed else "", was, location)

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        """What the resource provider itself refuses."""

    # -- answers --

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        stamp = json.dumps(res.inputs, sort_keys=True, default=str)
        created = timestamp(res.created_at)
        common: Properties = {
            "provisioningState": "Succeeded",
            "etag": f'W/"{ids.guid(res.id, stamp)}"',
            "resourceGuid": ids.guid(res.id, res.created_at),
            "systemData": {
                "createdAt": created,
                "createdBy": OPERATOR_CLIENT_ID,
                "createdByType": "Application",
                "lastModifiedAt": created,
                "lastModifiedBy": OPERATOR_CLIENT_ID,
                "lastModifiedByType": "Application",
            },
        }
        out: Properties = {
            "azureApiVersion": self.api_version,
            "name": res.id.rsplit("/", 1)[-1],
            "type": self.arm_type,
            **{key: common[key] for key in sorted(self.shows)},
        }
        if self.located:
            out["location"] = normal_location(res.inputs.get("location"))
        if res.inputs.get("identity"):
            out["identity"] = identity_shown(ctx, res)
        return out | self.shown(ctx, res)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        """Outputs of this type beyond the common ones."""
        return {}


def with_ids(owner: str, kind: str, items: object, arm_type: str | None = None) -> list[dict[str, Any]]:
    """A list of sub-resources as ARM answers it: each with its id, etag and state."""
    return [
        {
            **item,
            "id": f"{owner}/{kind}/{item.get('name')}",
            "etag": f'W/"{ids.guid(owner, kind, item)}"',
            "provisioningState": "Succeeded",
            **({"type": arm_type} if arm_type else {}),
        }
        for item in records(items)
    ]


def user_assigned(identity: object) -> Iterator[str]:
    """Ids of the user-assigned identities in an `identity` input (azure-native takes a list of ids)."""
    value: object = record(identity).get("userAssignedIdentities")
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value))
    for item in cast("list[object]", value) if isinstance(value, list) else []:
        if isinstance(item, str):
            yield item


def principal_of(identity: Resource) -> str:
    """Object id of a user-assigned identity; a recreated identity is another principal."""
    return ids.guid(identity.id, identity.created_at, "principal")


def client_of(identity: Resource) -> str:
    return ids.guid(identity.id, identity.created_at, "client")


def system_principal(res: Resource) -> str:
    """Object id of a resource's system-assigned identity."""
    return ids.guid(res.id, "principal")


def identity_shown(ctx: Context, res: Resource) -> Properties:
    """A resource's identities as ARM answers them: the list of user-assigned ids becomes a map."""
    identity = record(res.inputs.get("identity"))
    shown: Properties = {"type": identity.get("type")}
    if "SystemAssigned" in str(identity.get("type")):
        shown |= {"principalId": system_principal(res), "tenantId": ctx.tenant}
    found = {each: find_id(ctx, IDENTITY, each) for each in user_assigned(identity)}
    mine = {key: {"clientId": client_of(r), "principalId": principal_of(r)} for key, r in found.items() if r}
    return shown | ({"userAssignedIdentities": mine} if mine else {})
