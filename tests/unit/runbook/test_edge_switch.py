"""edge_switch.py: three keys in one write, on the version that was read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from runbook import edge_switch, probes
from runbook.edge_switch import GATEWAY, EdgeState, EdgeSwitch
from runbook.errors import PlanBError, Refused, UsageError


class KeyValueStore:
    """The data plane of a CloudFront key-value store."""

    def __init__(self) -> None:
        self.keys = {"mode": "aws", "azureHost": "none", "epoch": "3"}
        self.etag = "E1"
        self.problem: Exception | None = None
        self.puts: list[dict[str, Any]] = []

    def describe_key_value_store(self, KvsARN: str) -> dict[str, Any]:
        if self.problem:
            raise self.problem
        return {"ETag": self.etag}

    def list_keys(self, KvsARN: str) -> dict[str, Any]:
        return {"Items": [{"Key": key, "Value": value} for key, value in self.keys.items()]}

    def update_keys(self, KvsARN: str, IfMatch: str, Puts: list[dict[str, str]]) -> dict[str, Any]:
        if self.problem:
            raise self.problem
        if IfMatch != self.etag:
            raise ClientError({"Error": {"Code": "ConflictException", "Message": "stale"}}, "UpdateKeys")
        self.puts.append({"etag": IfMatch, **{put["Key"]: put["Value"] for put in Puts}})
        self.keys |= {put["Key"]: put["Value"] for put in Puts}
        self.etag = f"E{len(self.puts) + 1}"
        return {"ETag": self.etag}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> KeyValueStore:
    made = KeyValueStore()

    def client(service: str, *, region_name: str, config: Any) -> KeyValueStore:
        assert (service, region_name) == ("cloudfront-keyvaluestore", "us-east-1"), (
            "no region that may be dark"
        )
        assert config.connect_timeout <= 5
        return made

    monkeypatch.setattr(boto3, "client", client)
    return made


def test_what_is_stored_is_read(store: KeyValueStore) -> None:
    assert EdgeSwitch("arn").read() == EdgeState("aws", "none", 3, "E1")
    store.keys.clear()
    assert EdgeSwitch("arn").read() == EdgeState("aws", "none", 1, "E1"), "an empty store means AWS"


def test_all_three_keys_go_in_one_write_on_the_version_read(store: KeyValueStore) -> None:
    switch = EdgeSwitch("arn")
    after = switch.write(switch.read(), mode="azure", epoch=4, azure_host="gw.example")
    assert store.puts == [{"etag": "E1", "mode": "azure", "azureHost": "gw.example", "epoch": "4"}]
    assert after == switch.read() == EdgeState("azure", "gw.example", 4, "E2")


def test_without_a_host_the_known_one_stays(store: KeyValueStore) -> None:
    switch = EdgeSwitch("arn")
    store.keys["azureHost"] = "gw"
    assert switch.write(switch.read(), mode="maintenance", epoch=4).azure_host == "gw"


def test_somebody_was_faster(store: KeyValueStore) -> None:
    switch = EdgeSwitch("arn")
    before = switch.read()
    switch.write(before, mode="maintenance", epoch=4)
    with pytest.raises(Refused, match="somebody else switched the edge at this moment") as caught:
        switch.write(before, mode="aws", epoch=4)
    assert caught.value.next_step.startswith("planb status")
    assert store.keys["mode"] == "maintenance"


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"mode": "gcp", "epoch": 4}, UsageError, "unknown mode 'gcp'"),
        ({"mode": "aws", "epoch": 2}, Refused, "epoch 2 is older than 3"),
        ({"mode": "azure", "epoch": 4}, Refused, "no gateway is known"),
        ({"mode": "azure", "epoch": 4, "azure_host": "gw"}, Refused, "'gw' is no host name of a gateway"),
        ({"mode": "azure", "epoch": 4, "azure_host": "http://gw.example"}, Refused, "is no host name"),
    ],
)
def test_wrong_writes_never_reach_the_store(
    store: KeyValueStore, change: dict[str, Any], kind: type[PlanBError], says: str
) -> None:
    switch = EdgeSwitch("arn")
    with pytest.raises(kind, match=says):
        switch.write(switch.read(), **change)
    assert store.puts == []


def test_a_gateway_with_a_certificate(store: KeyValueStore) -> None:
    switch = EdgeSwitch("arn")
    switch.write(switch.read(), mode="azure", epoch=4, azure_host="https://gw.example")
    assert store.keys["azureHost"] == "https://gw.example"
    assert probes.gateway_url("https://gw.example") == "https://gw.example"
    assert probes.gateway_url("gw.example") == "http://gw.example"


def test_the_router_takes_the_same_names() -> None:
    router = (Path(__file__).parents[3] / "edge" / "router.js").read_text(encoding="utf-8")
    (found,) = re.findall(r"^var GATEWAY = /\^(.*)\$/;$", router, re.M)
    assert found.replace(r"\/", "/") == GATEWAY.pattern


@pytest.mark.parametrize(
    "problem",
    [
        EndpointConnectionError(endpoint_url="https://kvs"),
        NoCredentialsError(),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateKeys"),
    ],
)
def test_a_store_that_does_not_answer(store: KeyValueStore, problem: Any) -> None:
    switch = EdgeSwitch("arn")
    before = switch.read()
    store.problem = problem
    for act in (switch.read, lambda: switch.write(before, mode="maintenance", epoch=4)):
        with pytest.raises(PlanBError, match="edge: the key-value store does not answer") as caught:
            act()
        assert caught.value.exit_code == 1


def test_an_epoch_written_by_hand(store: KeyValueStore) -> None:
    store.keys["epoch"] = "four"
    with pytest.raises(PlanBError, match="its key epoch is 'four', which is no number"):
        EdgeSwitch("arn").read()


def test_the_right_to_write_is_asked_without_writing(store: KeyValueStore) -> None:
    before = dict(store.keys)
    assert EdgeSwitch("arn").may_write() == "", "told of the conflict: it may"
    store.problem = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateKeys")
    assert EdgeSwitch("arn").may_write() == "AccessDeniedException"
    store.problem = EndpointConnectionError(endpoint_url="x")
    with pytest.raises(PlanBError, match="does not answer"):
        EdgeSwitch("arn").may_write()
    assert (store.keys, store.puts) == (before, [])


def test_a_store_that_takes_any_etag_is_no_guard(
    store: KeyValueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "etag", edge_switch.NEVER)
    with pytest.raises(PlanBError, match="took a write on a state that it never had"):
        EdgeSwitch("arn").may_write()
