"""ARM resource ids: /subscriptions/S/resourceGroups/G/providers/Microsoft.X/type/name/childType/childName."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


@dataclass(frozen=True)
class ArmId:
    """A resource's id in its parts; `types` and `names` run from the outermost to the innermost."""

    subscription: str
    group: str
    provider: str  # "Microsoft.Network"
    types: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        path = "/".join(f"{t}/{n}" for t, n in zip(self.types, self.names, strict=True))
        return f"{group_id(self.subscription, self.group)}/providers/{self.provider}/{path}"

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def arm_type(self) -> str:
        return "/".join((self.provider, *self.types))

    @property
    def parent(self) -> ArmId | None:
        """The enclosing resource; None for a top-level one."""
        if len(self.names) == 1:
            return None
        return ArmId(self.subscription, self.group, self.provider, self.types[:-1], self.names[:-1])

    def child(self, kind: str, name: str) -> ArmId:
        return ArmId(self.subscription, self.group, self.provider, (*self.types, kind), (*self.names, name))


def make(subscription: str, group: str, arm_type: str, names: tuple[str, ...]) -> ArmId:
    """The id of a resource of `arm_type` ("Microsoft.Network/virtualNetworks/subnets") with these names."""
    provider, *types = arm_type.split("/")
    return ArmId(subscription, group, provider, tuple(types), names)


def parse(text: object) -> ArmId | None:
    """The parts of a resource id, or None when the text is not one."""
    if not isinstance(text, str):
        return None
    parts = text.strip("/").split("/")
    if (
        len(parts) < 8
        or len(parts) % 2
        or [p.lower() for p in parts[0:5:2]]
        != [
            "subscriptions",
            "resourcegroups",
            "providers",
        ]
    ):
        return None
    return ArmId(parts[1], parts[3], parts[5], tuple(parts[6::2]), tuple(parts[7::2]))


def group_id(subscription: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{name}"


def group_of(text: str) -> str | None:
    """The resource group's name in any id below one."""
    parts = text.strip("/").split("/")
    return parts[3] if len(parts) >= 4 and parts[2].lower() == "resourcegroups" else None


def same(a: object, b: object) -> bool:
    """Whether two ids mean the same resource: ARM ids are case-insensitive."""
    return isinstance(a, str) and isinstance(b, str) and a.lower() == b.lower()


def guid(*parts: object) -> str:
    """A GUID that is always the same for the same parts (principal ids, etags, resource GUIDs)."""
    return str(uuid.uuid5(_NAMESPACE, "|".join(str(p).lower() for p in parts)))


def is_guid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
