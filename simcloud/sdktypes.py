"""The installed provider SDKs' own types, read at run time: what a resource accepts, requires and returns.

This is the only module that knows the SDKs' internals (`pulumi._types`, the generated `_utilities.register`). Every
name is the wire name (camelCase). Nothing about a property is written down twice: the SDK says it.
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import importlib
import inspect
import types
import typing
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import _types as sdk  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import rpc

from simcloud.kinds import UNKNOWN

PACKAGES = {
    "aws": "pulumi_aws",
    "azure-native": "pulumi_azure_native",
    "kubernetes": "pulumi_kubernetes",
    "eks": "pulumi_eks",
    "random": "pulumi_random",
}


@dataclass(frozen=True)
class Violation:
    """One property that the SDK's types refuse; `path` is dotted, with [n] for list items."""

    path: str
    reason: str


@dataclass(frozen=True)
class Shape:
    """A resource type as its SDK declares it."""

    token: str
    inputs: dict[str, Any]
    required: frozenset[str]
    outputs: frozenset[str]
    args: type


@functools.cache
def shape(token: str) -> Shape | None:
    """The declared shape, or None when the SDK has no such resource."""
    package, module, _ = token.split(":")
    importlib.import_module(PACKAGES[package])
    for entry in rpc._RESOURCE_MODULES.get(f"{package}:{module}", []):  # pyright: ignore[reportPrivateUsage]
        info: dict[str, Any] = entry.mod_info  # type: ignore[attr-defined]
        if token in info["classes"]:
            home = importlib.import_module(info["fqn"])
            resource = getattr(home, info["classes"][token])
            args = _args_class(resource)
            renamed = sdk.input_type_py_to_pulumi_names(args)
            return Shape(
                token=token,
                inputs=sdk.input_type_types(args),
                required=frozenset(renamed.get(p, p) for p in _required(args)),
                outputs=frozenset(sdk.resource_types(resource)),
                args=args,
            )
    return None


def _args_class(resource: type) -> type:
    home = importlib.import_module(resource.__module__)
    # InitArgs first: where it exists, a nested type has taken the plain name (azure-native Subnet, PublicIPAddress).
    for name in (f"{resource.__name__}InitArgs", f"{resource.__name__}Args"):
        if hasattr(home, name):
            return getattr(home, name)
    raise LookupError(f"{resource.__qualname__} has no Args class")


def _required(args: type) -> list[str]:
    signature = inspect.signature(args.__init__)
    return [
        name
        for name, parameter in signature.parameters.items()
        if name not in ("self", "__self__") and parameter.default is inspect.Parameter.empty
    ]


def violations(shape_: Shape, inputs: dict[str, Any]) -> list[Violation]:
    """Everything in `inputs` that the SDK's types do not allow."""
    found: list[Violation] = []
    for name, value in inputs.items():
        if name not in shape_.inputs:
            found.append(Violation(name, _unknown_property(name, shape_.inputs)))
        else:
            found += _value(name, value, shape_.inputs[name])
    for name in sorted(shape_.required):
        if inputs.get(name) is None:
            found.append(Violation(name, "Missing required argument"))
    return found


def _unknown_property(name: str, known: typing.Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return "Unsupported argument" + (f"; did you mean {near[0]!r}?" if near else "")


def _value(path: str, value: Any, declared: Any) -> list[Violation]:
    if value is None or value is UNKNOWN:
        return []
    options = _options(declared)
    if not options or Any in options:
        return []
    problems: list[list[Violation]] = []
    for option in options:
        found = _against(path, value, option)
        if not found:
            return []
        problems.append(found)
    # The deepest complaint is the most telling: a nested property, not "expected one of two".
    return max(problems, key=lambda found: max(len(v.path) for v in found))


def _against(path: str, value: Any, option: Any) -> list[Violation]:
    origin = typing.get_origin(option)
    arguments = typing.get_args(option)
    if origin in (list, collections.abc.Sequence):
        if not isinstance(value, list):
            return [Violation(path, f"expected a list, got {_name(value)}")]
        return [v for n, item in enumerate(value) for v in _value(f"{path}[{n}]", item, arguments[0])]
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(value, dict):
            return [Violation(path, f"expected a map, got {_name(value)}")]
        return [v for key, item in value.items() for v in _value(f"{path}.{key}", item, arguments[1])]
    if inspect.isclass(option) and sdk.is_input_type(option):
        if not isinstance(value, dict):
            return [Violation(path, f"expected an object ({option.__name__}), got {_name(value)}")]
        return _object(path, value, option)
    if inspect.isclass(option) and issubclass(option, enum.Enum):
        allowed = [member.value for member in option]
        return [] if value in allowed else [Violation(path, f"expected one of {allowed}, got {value!r}")]
    if option is bool:
        good = isinstance(value, bool)
    elif option is int:
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    elif option is float:
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif option is str:
        good = isinstance(value, str)
    elif inspect.isclass(option) and issubclass(option, (pulumi.Asset, pulumi.Archive)):
        good = isinstance(value, dict)
    else:
        good = True
    return (
        []
        if good
        else [Violation(path, f"expected {getattr(option, '__name__', option)}, got {_name(value)}")]
    )


def _object(path: str, value: dict[str, Any], option: type) -> list[Violation]:
    known = sdk.input_type_types(option)
    renamed = sdk.input_type_py_to_pulumi_names(option)
    found: list[Violation] = []
    for name, item in value.items():
        if name not in known:
            found.append(Violation(f"{path}.{name}", _unknown_property(name, known)))
        else:
            found += _value(f"{path}.{name}", item, known[name])
    for python_name in _required(option):
        name = renamed.get(python_name, python_name)
        if value.get(name) is None:
            found.append(Violation(f"{path}.{name}", "Missing required argument"))
    return found


def _options(declared: Any) -> list[Any]:
    """Alternatives of a declared input type, without Input's wrappers (Awaitable, Output, None)."""
    origin = typing.get_origin(declared)
    if origin in (typing.Union, types.UnionType):
        return [option for part in typing.get_args(declared) for option in _options(part)]
    if declared is type(None) or origin in (collections.abc.Awaitable, pulumi.Output):
        return []
    if inspect.isclass(declared) and issubclass(declared, pulumi.Output):
        return []
    if isinstance(declared, (typing.ForwardRef, str)):
        return [Any]
    if isinstance(declared, type) and typing.is_typeddict(declared):
        return []  # the dictionary twin of an Args class, which stands beside it in the union
    return [declared]


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: f"{value!r}", bool: f"{value}"}
    return names.get(type(value), f"{value!r}")
