"""Property values as the engine sends them (protobuf Struct with signatures) and as kinds see them (plain JSON)."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf import struct_pb2

from simcloud.kinds import UNKNOWN, Properties

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
UNKNOWNS = {
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and what we send ourselves
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
}
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Plain values: secrets unwrapped, unknowns as UNKNOWN, whole numbers as int, nulls dropped."""
    return {key: _plain(value) for key, value in struct.fields.items() if not value.HasField("null_value")}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
            return _plain(fields["value"])
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWNS else value.string_value
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return value.bool_value if kind == "bool_value" else None


def to_struct(properties: Properties, *like: struct_pb2.Struct) -> struct_pb2.Struct:
    """The other way; UNKNOWN becomes the engine's sentinel, and what is secret in one of `like` stays secret here."""
    struct = struct_pb2.Struct()
    struct.update(cast("dict[str, Any]", _sendable(properties)))
    for known in like:
        for key, value in known.fields.items():
            if key in struct.fields:
                _mark(struct.fields[key], value)
    return struct


def _mark(value: struct_pb2.Value, like: struct_pb2.Value) -> None:
    """Wraps `value` as a secret wherever `like` is one, at whatever depth."""
    if like.HasField("struct_value"):
        fields = like.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
            plain = struct_pb2.Value()
            plain.CopyFrom(value)
            if plain.HasField("struct_value") and SIGNATURE in plain.struct_value.fields:
                return
            value.Clear()
            value.struct_value.fields[SIGNATURE].string_value = SECRET
            value.struct_value.fields["value"].CopyFrom(plain)
        elif value.HasField("struct_value"):
            for key, item in fields.items():
                if key in value.struct_value.fields:
                    _mark(value.struct_value.fields[key], item)
    elif like.HasField("list_value") and value.HasField("list_value"):
        for item, known in zip(value.list_value.values, like.list_value.values, strict=False):
            _mark(item, known)


def _sendable(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_STRING
    if isinstance(value, dict):
        return {str(key): _sendable(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_sendable(item) for item in cast("list[Any]", value)]
    return value


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(item) for item in cast("dict[Any, Any]", value).values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in cast("list[Any]", value))
    return value is UNKNOWN
