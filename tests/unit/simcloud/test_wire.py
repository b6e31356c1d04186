"""Property values on the wire: secrets, unknowns, numbers."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from simcloud.kinds import UNKNOWN
from simcloud.wire import SECRET, SIGNATURE, UNKNOWN_STRING, UNKNOWNS, from_struct, has_unknown, to_struct

Json = Any


def struct(**values: Any) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def values() -> st.SearchStrategy[Json]:
    leaves = st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | maps(inner), max_leaves=8)


def maps(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Json]]:
    return st.dictionaries(st.text(max_size=8), inner, max_size=3)


@given(maps(values()))
def test_there_and_back(properties: dict[str, Json]) -> None:
    there = to_struct(properties)
    assert from_struct(there) == properties
    assert to_struct(from_struct(there)) == there


@given(maps(values()))
def test_what_was_secret_stays_secret_as_a_whole(properties: dict[str, Json]) -> None:
    like = struct(**{key: secret(value) for key, value in properties.items()})
    marked = to_struct(properties, like)
    assert marked == like
    assert from_struct(marked) == properties


def test_numbers() -> None:
    found = from_struct(struct(whole=3.0, part=1.5, yes=True))
    assert found == {"whole": 3, "part": 1.5, "yes": True}
    assert (type(found["whole"]), type(found["part"]), type(found["yes"])) == (int, float, bool)


def test_nulls_are_absent() -> None:
    assert from_struct(struct(a=None, b={"c": None, "d": 1}, e=[None])) == {"b": {"d": 1}, "e": [None]}


@pytest.mark.parametrize("sentinel", sorted(UNKNOWNS))
def test_every_unknown_is_unknown(sentinel: str) -> None:
    found = from_struct(struct(a=sentinel, b=[{"c": sentinel}], d=secret(sentinel)))
    assert found["a"] is found["b"][0]["c"] is found["d"] is UNKNOWN
    assert not found["a"]
    sent = to_struct(found)
    assert sent.fields["a"].string_value == UNKNOWN_STRING


def test_has_unknown() -> None:
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert has_unknown(UNKNOWN)
    assert not has_unknown({"a": [{"b": False}, None, ""], "c": 0})


def test_a_secret_may_be_deep_and_the_value_new() -> None:
    like = struct(tags={"key": secret("old")}, rules=[{"token": "open"}, {"token": secret("t")}])
    sent = to_struct({"tags": {"key": "new"}, "rules": [{"token": "a"}, {"token": "b"}]}, like)
    plain = struct(tags={"key": secret("new")}, rules=[{"token": "a"}, {"token": secret("b")}])
    assert sent == plain


def test_a_secret_is_wrapped_once_by_several_likes() -> None:
    like = struct(password=secret("p"), gone=secret("g"))
    sent = to_struct({"password": "p", "open": "o"}, like, like)
    assert sent == struct(password=secret("p"), open="o")


def test_lists_of_other_lengths() -> None:
    like = struct(keys=[secret("a"), secret("b")])
    assert to_struct({"keys": ["x"]}, like) == struct(keys=[secret("x")])
    assert to_struct({"keys": "x"}, like) == struct(keys="x")
    whole = struct(keys=secret(["a"]))
    assert to_struct({"keys": ["x", "y"]}, whole) == struct(keys=secret(["x", "y"]))
