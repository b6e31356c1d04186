"""A stack's exported state as pricing wants it: deployed properties, regions, resources by type and id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

STACK = "pulumi:pulumi:Stack"
SECRET = "4dabf18193072939515e22adb298388d"
"""The key by which the engine marks a secret in a state."""
GENERIC = "azure-native:resources:Resource"
GENERIC_KINDS = {"microsoft.dbformysql/flexibleservers": "azure-native:dbformysql:Server"}
"""Resources made through the generic type, for an API version that the typed one lacks."""


@dataclass(frozen=True)
class Resource:
    """One entry of the state. A secret property counts as absent."""

    entry: Mapping[str, Any]

    @cached_property
    def kind(self) -> str:
        """The type token without an API version: azure-native:dbformysql/v20241230:Server is the same type."""
        token = str(self.entry.get("type", ""))
        if token == GENERIC:
            inputs = self.entry.get("inputs") or {}
            full = f"{inputs.get('resourceProviderNamespace')}/{inputs.get('resourceType')}".lower()
            return GENERIC_KINDS.get(full, token)
        return re.sub(r"/v\d{8}\w*:", ":", token) if token.startswith("azure-native:") else token

    @property
    def name(self) -> str:
        return str(self.entry["urn"]).rsplit("::", 1)[-1]

    @property
    def id(self) -> str:
        return str(self.entry.get("id") or "")

    def get(self, name: str, default: Any = None) -> Any:
        """The property as deployed: the output, else the input; `a.b` looks inside."""
        for part in ("outputs", "inputs"):
            value = self._inside(self.entry.get(part) or {}, name)
            if value is not None:
                return value
        return default

    def _inside(self, value: Any, path: str) -> Any:
        if (
            self.entry.get("type") == GENERIC
            and isinstance(value, dict)
            and isinstance(value.get("properties"), dict)
        ):
            value = {**value, **value["properties"]}
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return None if isinstance(value, dict) and SECRET in value else value

    def number(self, name: str, default: float = 0.0) -> float:
        """A property that must be a number; absent is the default."""
        value = self.get(name)
        return default if value in (None, "") else float(value)

    def items(self, name: str) -> list[Any]:
        """A property that is a list; absent is empty, one alone is a list of it."""
        value = self.get(name)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]


class Stack:
    """The resources of one stack that somebody could be billed for."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        everything = [Resource(entry) for entry in entries]
        # Components have no bill of their own, and what is only read belongs to somebody else.
        self.resources = [
            r
            for r in everything
            if r.entry.get("custom", True) and not r.entry.get("external") and ":" in r.kind
        ]
        self.resources = [r for r in self.resources if r.kind != STACK]
        self.outputs: dict[str, Any] = {}
        self._providers: dict[str, Resource] = {}
        for resource in everything:
            if resource.kind == STACK:
                self.outputs = dict(resource.entry.get("outputs") or {})
            elif resource.kind.startswith("pulumi:providers:"):
                self._providers[f"{resource.entry['urn']}::{resource.id}"] = resource

    def of(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.kind == kind]

    def by_id(self, kind: str, id_: str) -> Resource | None:
        return next((resource for resource in self.of(kind) if resource.id == id_), None)

    def region_of(self, resource: Resource) -> str:
        """Where it is billed: its own region or location, its ARN's, its provider's, else its neighbours'."""
        if resource.kind.startswith("azure-native:"):
            found = resource.get("location") or self._location()
            return str(found).lower().replace(" ", "")
        arn = str(resource.get("arn") or "").split(":")
        provider = self._providers.get(str(resource.entry.get("provider")))
        found = (
            resource.get("region")
            or (arn[3] if len(arn) > 3 else "")
            or (provider and provider.get("region"))
        )
        return str(found or "global")

    def _location(self) -> str:
        located = (r.get("location") for r in self.resources if r.kind.startswith("azure-native:"))
        return next((str(found) for found in located if found and found != "global"), "global")
