"""Names and tags that every component uses, so that a resource is found by what it is."""

from __future__ import annotations

import pulumi


def child(parent: pulumi.Resource, **more: object) -> pulumi.ResourceOptions:
    """Options of a child resource; further options are merged."""
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=parent), pulumi.ResourceOptions(**more))  # type: ignore[arg-type]


def tags(name: str, **more: str) -> dict[str, str]:
    """The Name tag and what is particular; project, stack and owner come from the provider's default tags."""
    return {"Name": name, **more}


def stack_tags(project: str) -> dict[str, str]:
    """What every AWS resource carries by the provider's default tags; by hand where the provider does not reach."""
    return {"Project": project, "Stack": pulumi.get_stack(), "ManagedBy": "pulumi"}
