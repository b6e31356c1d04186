"""What the clouds remember."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simcloud.kinds import Resource
from simcloud.state import Operation, State

VPC = "aws:ec2/vpc:Vpc"


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    yield state
    state.close()


def vpc(id_: str = "vpc-1", urn: str = "urn:1", created_at: float = 1.0) -> Resource:
    inputs = {"cidrBlock": "10.0.0.0/16", "tags": {"이름": "망"}}
    return Resource(urn, VPC, id_, "aws", "ap-northeast-2", inputs, {"arn": "a"}, "ready", created_at)


def test_everything_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    operation = Operation("urn:1", VPC, "create", "ap-northeast-2", 1.0, 2.5, 60.0, "InvalidVpc.Range: no")
    first = State(path)
    first.put(vpc())
    first.kv_put("scope", "key", {"value": [1, None, "한"]})
    first.record(operation)
    first.close()
    again = State(path)
    assert again.all() == [vpc()]
    assert again.kv_get("scope", "key") == {"value": [1, None, "한"]}
    assert again.operations() == [operation]
    again.close()


def test_a_resource_is_one_by_type_and_id(state: State) -> None:
    state.put(vpc())
    changed = vpc()
    changed.status = "deleting"
    state.put(changed)
    other = Resource("urn:2", "aws:ec2/subnet:Subnet", "vpc-1", "aws", "x", {}, created_at=2.0)
    state.put(other)
    assert state.all() == [changed, other]
    state.remove(VPC, "vpc-1")
    assert state.all() == [other]
    assert state.by_id(VPC, "vpc-1") is None
    state.remove(VPC, "vpc-1")


def test_two_stand_for_one_urn_while_it_is_replaced(state: State) -> None:
    state.put(vpc("vpc-2", created_at=2.0))
    state.put(vpc("vpc-1", created_at=1.0))
    state.put(vpc("vpc-3", urn="urn:3"))
    assert [resource.id for resource in state.by_urn("urn:1")] == ["vpc-1", "vpc-2"]


def test_find_looks_at_outputs_before_inputs(state: State) -> None:
    res = vpc()
    res.outputs["cidrBlock"] = "10.1.0.0/16"
    state.put(res)
    assert state.find(VPC, cidrBlock="10.1.0.0/16") == [res]
    assert state.find(VPC, cidrBlock="10.0.0.0/16") == []
    assert state.find(VPC, arn="a", region="ap-northeast-2", status="ready") == [res]
    assert state.find(VPC, region="us-east-1") == state.find(VPC, id="vpc-2") == []
    assert state.find("aws:ec2/subnet:Subnet") == []


def test_an_output_that_is_null_hides_nothing() -> None:
    res = vpc()
    res.outputs["name"] = None
    assert res.get("name", "none") == "none"
    assert res.get("arn") == "a"
    assert res.get("missing") is None


def test_small_values_have_their_scope(state: State) -> None:
    state.kv_put("a", "2", 2)
    state.kv_put("a", "1", False)
    state.kv_put("b", "1", "other")
    assert state.kv_items("a") == {"1": False, "2": 2}
    assert list(state.kv_items("a")) == ["1", "2"]
    state.kv_delete("a", "1")
    assert (state.kv_get("a", "1"), state.kv_get("b", "1")) == (None, "other")
    assert state.kv_items("c") == {}


def test_operations_since(state: State) -> None:
    done = [Operation("u", VPC, "create", "r", 0.0, end, 1.0) for end in (3.0, 1.0, 2.0)]
    for operation in done:
        state.record(operation)
    assert state.operations() == done
    assert state.operations(since=2.0) == [done[0], done[2]]


def test_exclusive_makes_check_then_act_one_step(state: State) -> None:
    def add() -> None:
        for _ in range(50):
            with state.exclusive():
                state.kv_put("n", "n", (state.kv_get("n", "n") or 0) + 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.kv_get("n", "n") == 200
