"""What a rule sees and what it is: plain data, so that a test needs no engine.

During a preview some properties are not known yet. They are UNKNOWN here, and no rule may hold that against a
resource: the next preview, and `pulumi up` itself, see the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class _Unknown:
    """Not known during this preview. Neither true nor false: a rule that asks has forgotten to look."""

    def __bool__(self) -> bool:
        raise TypeError("a value that is not known yet was taken for true or false")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


class Severity(StrEnum):
    """By the names that Pulumi has for it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as the engine shows it: inputs to a resource rule, outputs to a stack rule."""

    type: str
    props: Mapping[str, Any]
    name: str = "it"
    urn: str = ""
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    provider: Mapping[str, Any] | None = None
    """The inputs of its provider."""

    def get(self, path: str) -> Any:
        """The value at `a.b.c`: None where it is absent, UNKNOWN where it or what holds it is not known yet."""
        return at(self.props, path)

    def each(self, path: str) -> Iterator[Any]:
        """The members of the list at `path` that are known."""
        yield from known_list(self.get(path))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Why a rule is broken; `urn` says by which resource, where it is not the one at hand."""

    text: str
    urn: str = ""


ResourceCheck = Callable[[Resource], Iterable[str]]
StackCheck = Callable[[list[Resource]], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An invariant. Exactly one of the two checks is there."""

    name: str
    says: str
    """What holds, in one sentence."""
    remedy: str
    """What to do about it."""
    severity: Severity
    mandatory: bool = True
    resource: ResourceCheck | None = None
    stack: StackCheck | None = None
    source: str = field(default="")

    def broken_by(self, resources: Iterable[Resource]) -> list[Finding]:
        """Everything that breaks it, whichever kind of rule it is."""
        normal = [normalised(one) for one in resources]
        if self.stack:
            return list(self.stack(normal))
        assert self.resource
        return [Finding(text=text, urn=one.urn) for one in normal for text in self.resource(one)]


def on_resource(
    name: str, *, says: str, remedy: str, severity: Severity, mandatory: bool = True, source: str = ""
) -> Callable[[ResourceCheck], Rule]:
    """Makes a rule of a function that yields what is wrong with one resource."""

    def make(check: ResourceCheck) -> Rule:
        return Rule(
            name=name,
            says=says,
            remedy=remedy,
            severity=severity,
            mandatory=mandatory,
            resource=check,
            source=source,
        )

    return make


def on_stack(
    name: str, *, says: str, remedy: str, severity: Severity, mandatory: bool = True, source: str = ""
) -> Callable[[StackCheck], Rule]:
    """Makes a rule of a function that looks at all resources together."""

    def make(check: StackCheck) -> Rule:
        return Rule(
            name=name,
            says=says,
            remedy=remedy,
            severity=severity,
            mandatory=mandatory,
            stack=check,
            source=source,
        )

    return make


def at(value: Any, path: str) -> Any:
    """`a.b.c` in nested mappings; a list on the way stands for its only member."""
    for key in path.split("."):
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def known_list(value: Any) -> list[Any]:
    """The known members of a list; nothing where there is no list or none known yet."""
    if isinstance(value, list | tuple):
        return [one for one in value if one is not UNKNOWN and one is not None]
    return []


def truth(value: Any) -> bool:
    """Whether a known value means yes: some providers write booleans as text."""
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def known(value: Any) -> bool:
    return value is not UNKNOWN


def is_on(value: Any) -> bool:
    """Known and true."""
    return known(value) and truth(value)


def is_off(value: Any) -> bool:
    """Known, and false or absent."""
    return known(value) and not truth(value)


def is_missing(value: Any) -> bool:
    """Known to be absent or empty."""
    return known(value) and value in (None, "", [], {})


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every known text in a value with the path to it; JSON within a text is looked into by nobody here."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from texts(inner, f"{path}[{index}]")


def document(value: Any) -> dict[str, Any] | None:
    """A JSON document that may be text already; None where it is unknown, absent or no object."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, Mapping) else None


# What Azure's SDK cannot say with a type of its own goes through a generic resource; rules see the type it stands for.
GENERIC = {("microsoft.dbformysql", "flexibleservers"): "azure-native:dbformysql:Server"}


def normalised(resource: Resource) -> Resource:
    """One type a thing: without an API version (azure-native:dbformysql/v20241230:Server) and not generic."""
    kind = re.sub(r"/v\d{8}(preview)?:", ":", resource.type)
    props = resource.props
    if kind == "azure-native:resources:Resource":
        key = (str(props.get("resourceProviderNamespace")).lower(), str(props.get("resourceType")).lower())
        kind = GENERIC.get(key, kind)
        inner = props.get("properties")
        if key in GENERIC and isinstance(inner, Mapping):
            props = {**props, **inner}
    if kind == resource.type:
        return resource
    return Resource(
        type=kind,
        props=props,
        name=resource.name,
        urn=resource.urn,
        protect=resource.protect,
        ignore_changes=resource.ignore_changes,
        provider=resource.provider,
    )
