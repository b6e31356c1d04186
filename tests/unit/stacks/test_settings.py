"""stacks/settings.py: each wrong value is one line with its key, itself and what is allowed instead."""

from __future__ import annotations

import asyncio
import logging
import re
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pulumi import RunError
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import mocks

from stacks.settings import Settings, SettingsError, Tier, load

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "a1" * 32


class Table:
    """A configuration as Pulumi gives it: strings by key."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def get(self, key: str) -> str | None:
        return self.values.get(key)


def refused(stack: str = "dr", **values: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(stack, Table(**values))
    assert str(caught.value) == "\n".join(caught.value.lines)
    assert all(line and line.isprintable() for line in caught.value.lines)
    return caught.value.lines


WRONG = [
    ("tier", "fulll", ["'pilot-light'", "'emergency'", "'full'", "'warm-standby'"]),
    ("tier", "", ["'pilot-light'", "'emergency'", "'full'", "'warm-standby'"]),
    ("tier", "Full", ["'pilot-light'", "'emergency'", "'full'", "'warm-standby'"]),
    ("project", "Blue", ["2 to 12 lower-case letters and digits"]),
    ("project", "1blue", ["a letter first"]),
    ("project", "b" * 13, ["2 to 12"]),
    ("project", "blue\n", ["2 to 12"]),
    ("storageAccount", "BlobErry01", ["3 to 24 lower-case letters and digits"]),
    ("storageAccount", "ab", ["3 to 24"]),
    ("storageAccount", "blob-erry", ["3 to 24"]),
    ("kubernetesVersion", "1.3", ["1.35"]),
    ("kubernetesVersion", "v1.35", ["1.35"]),
    ("kubernetesVersion", "1.35.2", ["1.35"]),
    ("kubernetesVersion", "1.٣٥", ["1.35"]),
    ("kubernetesApiCidrs", "203.0.113.7/24", ["IPv4 networks"]),
    ("kubernetesApiCidrs", "203.0.113.0/24, 198.51.100.7/32", ["IPv4 networks"]),
    ("kubernetesApiCidrs", "2001:db8::/32", ["IPv4 networks"]),
    ("mysqlVersion", "5.7", ["'8.0'", "'8.4'"]),
    ("databaseHa", "maybe", ["boolean"]),
    ("nodeMin", "two", ["integer"]),
    ("nodeMin", "2.5", ["integer"]),
    ("nodeMin", "0", ["greater than or equal to 1"]),
    ("nodeMax", "21", ["less than or equal to 20"]),
    ("backupInterval", "4", ["greater than or equal to 5"]),
    ("backupInterval", "5m", ["integer"]),
    ("backupRetentionDays", "0", ["greater than or equal to 1"]),
    ("backupRetentionDays", "366", ["less than or equal to 365"]),
    ("agentImage", "planb/agent:latest", ["pinned by digest"]),
    ("agentImage", "planb/agent@sha256:abc", ["pinned by digest"]),
    ("agentImage", "planb agent@" + DIGEST, ["pinned by digest"]),
    ("restoreJob", "drop", ["'none'", "'restore'", "'backup'"]),
    ("restoreBackup", "a b", ["name of a backup"]),
    ("restoreBackup", "백업", ["name of a backup"]),
    ("restoreRun", "run/1", ["letters, digits"]),
    ("protectData", "2", ["boolean"]),
    ("natPerZone", "two", ["boolean"]),
    ("domain", "https://bank.example.com", ["host name"]),
    ("domain", "bank", ["host name"]),
    ("domain", "Bank.example.com", ["lower case"]),
    ("hostedZoneId", "example.com", ["Route 53 hosted zone"]),
    (
        "certificateArn",
        "arn:aws:acm:ap-northeast-2:123456789012:certificate/" + "0" * 36,
        ["us-east-1"],
    ),
    ("albIngress", "open", ["'internet'", "'cloudfront'"]),
    ("waf", "maybe", ["boolean"]),
    ("slackTeamId", "planb", ["Slack workspace"]),
    ("slackChannelId", "#alarms", ["Slack channel"]),
    ("alarmEmail", "oncall", ["e-mail address"]),
    ("alarmWebhook", "http://hooks.example.com/x", ["https://"]),
    ("azureAuth", "key", ["'federated'", "'sas'"]),
    ("siteAccount", "Site", ["3 to 24 lower-case letters and digits"]),
    ("immutableBackups", "maybe", ["boolean"]),
    ("awsIssuer", "https://example.com", ["awsTokenIssuer"]),
    ("awsAccountId", "12345678901", ["12 digits"]),
    ("ownerGroup", "owners", ["object id of an Entra group"]),
    ("aksOperatorGroup", "operators", ["object id of an Entra group"]),
    ("mysqlAdminGroup", "admins", ["object id of an Entra group"]),
    ("backupReaderGroup", "readers", ["object id of an Entra group"]),
    ("backupHostArchitecture", "arm", ["'x86_64'", "'arm64'"]),
]


TOGETHER = [
    ({"domain": "bank.example.com"}, "planb:hostedZoneId"),
    ({"certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/" + "0" * 36}, "planb:domain"),
    ({"slackTeamId": "T0123ABCD"}, "planb:slackChannelId"),
    ({"slackChannelId": "C0123ABCD"}, "planb:slackTeamId"),
    ({"awsAccountId": "123456789012"}, "planb:awsIssuer"),
    ({"siteAccount": "bloberry01"}, "planb:storageAccount"),
]


@pytest.mark.parametrize(("values", "missing"), TOGETHER)
def test_what_belongs_together(values: dict[str, str], missing: str) -> None:
    (line,) = refused("prod", **values)
    assert missing in line


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG)
def test_a_wrong_value_is_one_line(key: str, value: str, allowed: list[str]) -> None:
    (line,) = refused(**{key: value})
    assert line.startswith(f"planb:{key} is {value!r}: allowed ")
    for words in allowed:
        assert words in line


def test_every_key_has_a_wrong_value_here() -> None:
    assert {key for key, _, _ in WRONG} == set(Settings.model_fields) - {"site"}


def test_three_wrong_values_are_three_lines() -> None:
    lines = refused(tier="x", storageAccount="NO", nodeMin="many")
    assert sorted(re.match(r"planb:\w+", line)[0] for line in lines) == [  # type: ignore[index]
        "planb:nodeMin",
        "planb:storageAccount",
        "planb:tier",
    ]


def test_fewer_at_most_than_at_least() -> None:
    (line,) = refused(nodeMin="5", nodeMax="4")
    assert line == "planb:nodeMin is 5: it must not be greater than planb:nodeMax (4)"
    assert load("dr", Table(nodeMin="4", nodeMax="4")).nodeMin == 4


@pytest.mark.parametrize("tier", ["emergency", "full", "warm-standby"])
def test_a_version_that_the_standby_cannot_have(tier: str) -> None:
    (line,) = refused(tier=tier, mysqlVersion="8.4")
    assert line.startswith("planb:mysqlVersion is 8.4: ") and "use 8.0" in line
    assert load("dr", Table(mysqlVersion="8.4")).mysqlVersion == "8.4"  # a pilot light has no database
    assert load("prod", Table(mysqlVersion="8.4", tier=tier)).mysqlVersion == "8.4"


@pytest.mark.parametrize("given", [{}, {"restoreBackup": "b-1"}, {"restoreRun": "7"}])
def test_a_restore_without_what_it_restores(given: dict[str, str]) -> None:
    (line,) = refused(restoreJob="restore", **given)
    assert line.startswith("planb:restoreJob is restore: ")
    assert "planb:restoreBackup" in line and "planb:restoreRun" in line


def test_a_complete_restore() -> None:
    settings = load("dr", Table(restoreJob="restore", restoreBackup="base/2026-11-24", restoreRun="r-7.1"))
    assert (settings.restoreJob, settings.restoreBackup, settings.restoreRun) == (
        "restore",
        "base/2026-11-24",
        "r-7.1",
    )


def test_types_come_from_strings() -> None:
    table = Table(databaseHa="true", nodeMin="1", nodeMax="20", tier="full", protectData="false")
    settings = load("dr", table)
    assert settings.databaseHa is True and settings.protectData is False
    assert (settings.nodeMin, settings.nodeMax, settings.tier) == (1, 20, Tier.FULL)


@pytest.mark.parametrize(
    ("stack", "site"),
    [
        ("dr", "dr"),
        ("drill-7-dr", "dr"),
        ("-dr", "dr"),
        ("prod", "prod"),
        ("drill-7-prod", "prod"),
        ("padr", "prod"),
        ("dr-2", "prod"),
        ("DR", "prod"),
        ("", "prod"),
    ],
)
def test_the_stacks_name_decides_the_site(stack: str, site: str) -> None:
    assert load(stack, Table()).site == site
    assert load(stack, Table(site="prod" if site == "dr" else "dr")).site == site  # no key of that name


@given(st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True))
@example("xdr")
@example("x-dr")
def test_site_by_any_name(name: str) -> None:
    assert load(name, Table()).site == ("dr" if name == "dr" or name.endswith("-dr") else "prod")


@given(st.from_regex(r"[a-z0-9]{3,24}", fullmatch=True))
def test_azures_account_names_are_taken(name: str) -> None:
    assert load("dr", Table(storageAccount=name)).storageAccount == name


LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset("0123456789")


@given(st.text(max_size=30) | st.from_regex(r"[a-zA-Z0-9-]{1,26}", fullmatch=True))
@example("blob\n")
@example("blobérry")
@example("blob٣")
def test_no_other_account_name_is_taken(name: str) -> None:
    assume(not (3 <= len(name) <= 24 and set(name) <= LOWER | DIGITS))
    (line,) = refused(storageAccount=name)
    assert line.startswith(f"planb:storageAccount is {name!r}: allowed is 3 to 24")


@given(st.text(max_size=16) | st.from_regex(r"[a-zA-Z0-9-]{1,14}", fullmatch=True))
@example("b\n")
@example("blue٣")
def test_project_names(name: str) -> None:
    good = 2 <= len(name) <= 12 and set(name) <= LOWER | DIGITS and name[0] in LOWER
    if good:
        assert load("prod", Table(project=name)).project == name
    else:
        (line,) = refused("prod", project=name)
        assert line.startswith(f"planb:project is {name!r}: allowed is 2 to 12")


@given(st.integers(-5, 30), st.integers(-5, 30))
def test_node_counts(least: int, most: int) -> None:
    table = {"nodeMin": str(least), "nodeMax": str(most)}
    if 1 <= least <= most <= 20:
        settings = load("dr", Table(**table))
        assert (settings.nodeMin, settings.nodeMax) == (least, most)
        return
    lines = refused(**table)
    inside = [1 <= value <= 20 for value in (least, most)]
    assert len(lines) == (1 if all(inside) else inside.count(False))
    assert all(line.startswith("planb:node") for line in lines)


def test_tiers_are_ordered() -> None:
    matrix = [[tier.has(other) for other in Tier] for tier in Tier]
    assert matrix == [[column <= row for column in range(4)] for row in range(4)]


def test_pulumi_yaml_says_the_same() -> None:
    """`pulumi config` shows Pulumi.yaml's defaults; the program must not have others."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    by_key = {key.removeprefix("planb:"): entry["default"] for key, entry in declared.items()}
    program = Settings(site="dr").model_dump(mode="json", exclude={"site"})
    assert by_key == program


@pytest.mark.parametrize(("stack", "site"), [("dr", "dr"), ("prod", "prod")])
def test_the_committed_stacks_are_valid(stack: str, site: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {key.removeprefix("planb:"): value for key, value in config.items() if key.startswith("planb:")}
    text = {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()
    }
    settings_ = load(stack, Table(**text))
    assert settings_.site == site
    assert values.keys() <= set(Settings.model_fields)


class Nothing(mocks.Mocks):
    """A cloud that is never reached."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict, list[tuple[str, str]] | None]:
        raise AssertionError(f"the program called {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict]:
        raise AssertionError(f"the program made {args.typ}")


@pytest.mark.parametrize("preview", [True, False])
def test_the_program_ends_with_one_line(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], preview: bool
) -> None:
    logger = logging.getLogger("engine")

    async def program() -> str:
        mocks.set_mocks(Nothing(), project="planb", stack="dr", preview=preview, logger=logger)
        pulumi_config.set_all_config({"planb:tier": "fulll"})
        with pytest.raises(RunError) as ended:  # the language host shows it without a traceback
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        return str(ended.value)

    # A thread of its own: whatever loop or mock another test has here stays out of it.
    with caplog.at_level(logging.ERROR, logger="engine"), ThreadPoolExecutor(1) as thread:
        said = thread.submit(lambda: asyncio.run(program())).result()
    assert said == "planb:tier is 'fulll': allowed are 'pilot-light', 'emergency', 'full' or 'warm-standby'"
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
