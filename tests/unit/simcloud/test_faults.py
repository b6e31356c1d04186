"""Faults and the clock."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from simcloud.faults import BadFault, Clock, Faults
from simcloud.kinds import CloudError

VPC = "aws:ec2/vpc:Vpc"


@pytest.mark.parametrize(
    ("kind", "details", "text"),
    [
        ("flood", {}, "unknown fault 'flood'; allowed: create_fails_halfway, credentials_expired, quota"),
        ("quota", {"type": VPC}, "fault 'quota' takes message, type; got type"),
        ("throttle", {"type": VPC, "count": 1, "more": 2}, "takes count, type; got count, more, type"),
        ("throttle", {"type": VPC, "count": 0}, "count is 0; it takes at least 1"),
        ("create_fails_halfway", {"type": VPC, "count": "two"}, "invalid literal"),
    ],
)
def test_a_fault_must_be_one(kind: str, details: dict[str, Any], text: str) -> None:
    faults = Faults()
    with pytest.raises((BadFault, ValueError), match=text):
        faults.add(kind, details)
    assert faults.active() == []


def test_a_fault_meets_its_own_type_only() -> None:
    faults = Faults()
    fault = faults.add("quota", {"type": VPC, "message": "enough"})
    faults.before_call("aws", "aws:ec2/subnet:Subnet", "create")
    for op in ("update", "delete", "read"):
        faults.before_call("aws", VPC, op)
    with pytest.raises(CloudError) as caught:
        faults.before_call("aws", VPC, "create")
    assert (str(caught.value), caught.value.retryable) == ("QuotaExceeded: enough", False)
    assert faults.remove(fault.id) == fault
    assert faults.remove(fault.id) is None
    faults.before_call("aws", VPC, "create")


@pytest.mark.parametrize(
    ("cloud", "text"),
    [
        ("aws", "Throttling: Rate exceeded"),
        ("azure-native", "TooManyRequests: The request is being throttled. Retry after 1 seconds."),
    ],
)
def test_throttling_counts_down_in_each_clouds_words(cloud: str, text: str) -> None:
    faults = Faults()
    faults.add("throttle", {"type": VPC, "count": 2})
    for _ in range(2):
        with pytest.raises(CloudError) as caught:
            faults.before_call(cloud, VPC, "delete")
        assert (str(caught.value), caught.value.retryable) == (text, True)
    faults.before_call(cloud, VPC, "delete")
    assert faults.active() == []


@pytest.mark.parametrize(
    ("cloud", "text"), [("aws", "ExpiredToken"), ("azure-native", "AADSTS700082"), ("other", "Unauthorized")]
)
def test_credentials_expire_until_they_are_renewed(cloud: str, text: str) -> None:
    faults = Faults()
    fault = faults.add("credentials_expired", {"cloud": cloud})
    for _ in range(2):
        with pytest.raises(CloudError, match=text):
            faults.before_call(cloud, VPC, "read")
    faults.before_call("kubernetes", VPC, "read")
    faults.remove(fault.id)
    faults.before_call(cloud, VPC, "read")


def test_halfway_is_its_own_count() -> None:
    faults = Faults()
    faults.add("create_fails_halfway", {"type": VPC, "count": 1})
    faults.before_call("aws", VPC, "create")
    assert not faults.fails_halfway("aws:ec2/subnet:Subnet")
    assert [faults.fails_halfway(VPC) for _ in range(2)] == [True, False]


def test_a_count_holds_under_many_callers() -> None:
    faults, hits = Faults(), list[bool]()
    faults.add("create_fails_halfway", {"type": VPC, "count": 25})
    threads = [
        threading.Thread(target=lambda: hits.extend(faults.fails_halfway(VPC) for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(hits), sum(hits)) == (80, 25)


def test_the_clock() -> None:
    clock = Clock(100.0, "typical")
    assert clock.modelled(None) == 1
    assert clock.modelled("instant") == 0
    slow = Clock(100.0, "slow").modelled("app_gateway")
    assert slow > clock.modelled("app_gateway") > 60
    with pytest.raises(KeyError):
        clock.modelled("no such row")
    started = time.monotonic()
    clock.sleep(5)
    assert 0.05 <= time.monotonic() - started < 1
