"""The program with the real engine, by hand as in the README: up, preview, tiers, refusals, destroy."""

from __future__ import annotations

import json
import re

import pytest

from tests.engine.conftest import Site

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def deployed(site: Site, stack: str) -> set[tuple[str, str]]:
    """(type, name) of everything in the stack's state."""
    state = json.loads(site.must("pulumi", "stack", "export", "-s", stack))
    return {(r["type"], r["urn"].rsplit("::", 1)[-1]) for r in state["deployment"]["resources"]}


def test_both_stacks_by_hand(site: Site) -> None:
    site.must("pulumi", "config", "set", "planb:tier", "fulll", "-s", "dr")
    wrong = site.run("pulumi", "preview", "-s", "dr")
    assert wrong.returncode != 0
    assert "planb:tier is 'fulll': allowed are" in wrong.stdout
    assert not re.search("traceback", wrong.stdout + wrong.stderr, re.IGNORECASE), wrong.stdout
    site.must("pulumi", "config", "set", "planb:tier", "pilot-light", "-s", "dr")

    site.must("pulumi", "up", "-s", "dr", "--yes", "--skip-preview")
    light = deployed(site, "dr")
    site.must("pulumi", "up", "-s", "prod", "--yes", "--skip-preview")
    for stack in ("dr", "prod"):
        site.must("pulumi", "preview", "-s", stack, "--diff", "--expect-no-changes")

    site.must("pulumi", "config", "set", "planb:tier", "full", "-s", "dr")
    site.must("pulumi", "up", "-s", "dr", "--yes", "--skip-preview")
    full = deployed(site, "dr")
    assert full > light
    kinds = {kind for kind, _ in full - light}
    assert {
        "azure-native:dbformysql:Server",
        "azure-native:containerservice:ManagedCluster",
        "azure-native:network:ApplicationGateway",
    } <= kinds
    site.must("pulumi", "config", "set", "planb:tier", "pilot-light", "-s", "dr")
    site.must("pulumi", "up", "-s", "dr", "--yes", "--skip-preview")
    assert deployed(site, "dr") == light

    site.must("pulumi", "refresh", "-s", "prod", "--yes", "--skip-preview")
    site.must("pulumi", "preview", "-s", "prod", "--expect-no-changes")
    state = site.must("pulumi", "stack", "export", "-s", "prod")
    secret = json.loads(site.must("pulumi", "stack", "output", "-s", "prod", "--show-secrets", "--json"))[
        "originKey"
    ]
    assert len(secret) >= 16 and secret not in state, "the origin's key stands in the state in plain text"

    for stack in ("prod", "dr"):
        site.must("pulumi", "destroy", "-s", stack, "--yes", "--skip-preview")
    assert site.found.call("GET", "/status")["resources"] == 0


def test_a_cloud_refuses_in_its_own_words(site: Site) -> None:
    """A quota that has run out comes through the engine as the cloud says it, and nothing is left behind."""
    text = (
        "Operation could not be completed as it results in exceeding approved standardBSFamily Cores quota."
    )
    kind = "azure-native:storage:StorageAccount"
    fault = site.found.call("POST", "/faults", {"kind": "quota", "type": kind, "message": text})["id"]
    failed = site.run("pulumi", "up", "-s", "dr", "--yes", "--skip-preview")
    site.found.call("DELETE", f"/faults/{fault}")
    assert failed.returncode != 0 and text in failed.stdout
    site.must("pulumi", "destroy", "-s", "dr", "--yes", "--skip-preview")
    assert site.found.call("GET", "/status")["resources"] == 0
