"""The verbs of `planb` on clouds in memory: what they print, what they leave alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from restore.errors import Unreachable
from runbook import cli, edge_switch, engine
from runbook.edge_switch import EdgeState
from runbook.reachability.aws_state import INGRESS
from tests.unit.runbook.fakes import GATEWAY, Clouds, Planb
from tests.unit.runbook.reachability import sites as reachable

ROOT = Path(__file__).parents[3]


@pytest.fixture
def planb(clouds: Clouds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Planb:
    monkeypatch.setenv("PLANB_PROJECT_DIR", str(ROOT))
    monkeypatch.setattr(engine, "Engine", lambda directory: clouds.engine)
    monkeypatch.setattr(edge_switch, "EdgeSwitch", lambda arn: clouds.edge)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    return Planb(monkeypatch, capsys)


def verbs() -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        for name, one in getattr(command, "commands", {}).items():
            walk(one, (*path, name))
        if not hasattr(command, "commands"):
            found[path] = command

    walk(typer.main.get_command(cli.app), ())
    return found


READS = {
    "status",
    "preflight",
    "maintenance show",
    "cost",
    "reachability",
    "edge show",
    "backup list",
    "backup verify",
    "sim status",
}
WRITES = {
    "failover",
    "failback",
    "restore",
    "edge set",
    "backup run",
    "watch",
    "maintenance start",
    "maintenance end",
}
LOCAL = {"drill", "sim start", "sim stop", "sim env", "sim load", "sim fail", "sim heal"}
"""They touch this machine only: nothing to be asked before; `sim env` is read by a shell."""


def test_every_verb_is_a_read_a_write_or_local() -> None:
    known = {" ".join(path): {o for p in verb.params for o in p.opts} for path, verb in verbs().items()}
    assert set(known) == READS | WRITES | LOCAL
    assert [" ".join(path) for path, verb in verbs().items() if not verb.help] == []
    assert [name for name in READS if "--json" not in known[name]] == []
    assert [name for name in WRITES if not {"--yes", "--dry-run"} <= known[name]] == []


@pytest.mark.parametrize("path", sorted(verbs()))
def test_every_verb_has_help(planb: Planb, path: tuple[str, ...]) -> None:
    code, out, err = planb(*path, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: planb {' '.join(path)} [OPTIONS]")
    assert "--no-" not in out
    assert len(out.splitlines()[2].strip()) > 10, "it says what it does"


@pytest.mark.parametrize("group", [(), ("sim",), ("edge",), ("backup",), ("maintenance",)])
def test_a_bare_group_shows_its_help(planb: Planb, group: tuple[str, ...]) -> None:
    code, out, err = planb(*group)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: planb") and "planb:" not in err


WRITING = [
    ("failover",),
    ("failback",),
    ("restore",),
    ("edge", "set", "maintenance"),
    ("backup", "run"),
]


@pytest.mark.parametrize("arguments", WRITING)
def test_a_write_with_nobody_there_to_ask_does_nothing(
    planb: Planb, clouds: Clouds, arguments: tuple[str, ...]
) -> None:
    code, out, err = planb(*arguments)
    assert (code, out) == (2, "")
    assert err.count("planb:") == 1 and "next: add --yes" in err
    assert clouds.edge.writes == [] and clouds.jobs == [] and clouds.agent_calls == []


@pytest.mark.parametrize("arguments", WRITING)
def test_a_dry_run_tells_and_does_nothing(planb: Planb, clouds: Clouds, arguments: tuple[str, ...]) -> None:
    before = dict(clouds.store.blobs)
    code, out, err = planb(*arguments, "--dry-run")
    assert (code, err) == (0, "")
    assert all(line.startswith("would ") for line in out.splitlines())
    assert clouds.edge.writes == [] and clouds.jobs == [] and clouds.agent_calls == []
    assert clouds.store.blobs == before


def test_a_no_is_a_no(planb: Planb, clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(typer.Abort()))
    code, _, err = planb("edge", "set", "maintenance")
    assert code == 4 and "nothing was changed" in err
    assert clouds.edge.writes == []


def test_failover_and_failback_from_the_command_line(planb: Planb, clouds: Clouds) -> None:
    code, out, _ = planb("failover", "--yes", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and events[-1]["kind"] == "done"
    assert clouds.edge.state.mode == "azure"
    code, out, err = planb("failover", "--yes")
    assert (code, out) == (3, "") and "planb: edge: Azure serves already" in err
    clouds.aws_serves = True
    code, _, err = planb("failback", "--yes")
    assert code == 0 and "the service runs on AWS" in err
    assert clouds.edge.state.mode == "aws"


def test_aws_serves_still_is_exit_code_3(planb: Planb, clouds: Clouds) -> None:
    clouds.aws_serves = True
    code, _, err = planb("failover", "--yes")
    assert code == 3 and "--accept-loss" in err
    assert planb("failover", "--yes", "--accept-loss")[0] == 0


def test_restore_from_the_command_line(planb: Planb, clouds: Clouds) -> None:
    code, _, err = planb("restore", "--yes", "--at", "2026-11-24T03:06:00")
    assert code == 0 and "the standby's database is there" in err
    assert clouds.settings["restoreBackup"] == "backups/backup-20261124-030500"
    assert clouds.edge.writes == []


def test_edge(planb: Planb, clouds: Clouds) -> None:
    clouds.edge.state = EdgeState("aws", GATEWAY, 4, "e4")
    assert planb("edge", "show") == (0, f"aws (epoch 4, gateway {GATEWAY})\n", "")
    assert json.loads(planb("edge", "show", "--json")[1])["epoch"] == 4
    dry = planb("edge", "set", "azure", "--dry-run")
    assert dry == (0, "would switch aws → azure (epoch 4 → 5)\n", "")
    assert planb("edge", "set", "azure", "--yes") == (0, "azure (epoch 5)\n", "")
    assert clouds.edge.writes == [("azure", GATEWAY, 5, "e4")]


def test_backups(planb: Planb, clouds: Clouds) -> None:
    clouds.store.publish(15, corrupt=True)
    code, out, _ = planb("backup", "list")
    assert code == 0 and [line.split()[0][-6:] for line in out.splitlines()] == [
        "031500",
        "031000",
        "030500",
        "030000",
    ]
    rows = json.loads(planb("backup", "list", "--json")[1])
    assert rows[0]["state"] == "valid" and rows[0]["rows"] == 107
    assert planb("backup", "verify")[1] == "backups/backup-20261124-031000: whole (107 rows)\n"
    found = json.loads(planb("backup", "verify", "backup-20261124-030500", "--json")[1])
    assert found == {"name": "backup-20261124-030500", "whole": True, "rows": 107}
    code, out, err = planb("backup", "verify", "backup-20261124-031500")
    assert (code, out) == (3, "") and err.count("planb:") == 1
    code, _, err = planb("backup", "verify", "nonsense")
    assert code == 3 and "there is no such backup" in err
    clouds.store.blobs.clear()
    assert planb("backup", "list")[1] == "there is none\n"


def test_backup_run_names_the_host_and_prints_its_result(planb: Planb, clouds: Clouds) -> None:
    dry = planb("backup", "run", "--dry-run")
    assert dry == (0, "would run planb-agent backup --once on planb-backup\n", "")
    code, out, _ = planb("backup", "run", "--yes")
    assert code == 0 and json.loads(out) == {"backup": "diverged/x"}
    assert clouds.agent_calls == [["backup", "--once"]]


@pytest.mark.parametrize("arguments", [("backup", "list"), ("backup", "verify"), ("failover", "--yes")])
def test_storage_that_does_not_answer(planb: Planb, clouds: Clouds, arguments: tuple[str, ...]) -> None:
    clouds.store.problem = Unreachable("does not answer", where="memory", next_step="Look at the network.")
    code, out, err = planb(*arguments)
    assert (code, out) == (1, "")
    assert err == "planb: memory: does not answer\n  next: Look at the network.\n"


@pytest.mark.parametrize(
    "arguments", [("edge", "show"), ("backup", "list"), ("backup", "run", "--dry-run"), ("status",)]
)
def test_stacks_that_are_not_deployed(
    planb: Planb, clouds: Clouds, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(clouds.engine, "outputs", lambda stack: {})
    code, _, err = planb(*arguments)
    assert code == 3 and err.count("planb:") == 1 and "pulumi up -s" in err


def test_status(planb: Planb) -> None:
    code, out, _ = planb("status")
    assert code == 0 and "Newest backup" in out
    assert json.loads(planb("status", "--json")[1])["edge"]["mode"] == "aws"


class TestReachability:
    @pytest.fixture
    def deployed(self, clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """What the engine answers: a stack's state and its configuration."""
        answers: dict[str, Any] = {"resources": reachable.site(), "config": {}}
        monkeypatch.setattr(clouds.engine, "resources", lambda stack: answers["resources"])
        monkeypatch.setattr(clouds.engine, "config", lambda stack: answers["config"], raising=False)
        return answers

    def test_equal(self, planb: Planb, deployed: dict[str, Any]) -> None:
        code, out, err = planb("reachability")
        assert (code, err) == (0, "") and "Equal: every decided pair is open, and nothing else." in out
        facts = json.loads(planb("reachability", "--json")[1])
        flow = next(f for f in facts["flows"] if (f["source"], f["target"]) == ("was", "rds"))
        assert facts["equal"] is True and flow["ports"] == flow["everywhere"] == ["tcp 3306"]
        assert flow["decided"] == [{"ports": ["tcp 3306"], "why": "PetClinic to its database", "seed": True}]

    def test_a_difference_fails_and_names_its_resource(self, planb: Planb, deployed: dict[str, Any]) -> None:
        more = reachable.rule(INGRESS, reachable.group("rds"), "opened", 22, cidrIpv4="10.0.0.0/8")
        deployed["resources"] = [*reachable.site(), more]
        code, out, err = planb("reachability")
        assert (code, err) == (1, "")
        assert "unexpected: nodes → rds: tcp 22" in out and more["urn"] in out and "!22" in out
        code, out, _ = planb("reachability", "--json")
        one = next(d for d in json.loads(out)["differences"] if d["source"] == "nodes")
        assert code == 1 and one["ports"] == ["tcp 22"]
        assert more["urn"] in {cause["urn"] for cause in one["causes"]}

    def test_a_closed_pair_is_shown_where_it_should_be_open(
        self, planb: Planb, deployed: dict[str, Any]
    ) -> None:
        gone = reachable.named(reachable.site(), "rds-from-was")["urn"]
        deployed["resources"] = reachable.without(reachable.site(), gone)
        code, out, _ = planb("reachability")
        assert code == 1 and "missing: was → rds: tcp 3306" in out and "-3306" in out

    def test_the_decision_follows_the_settings(self, planb: Planb, deployed: dict[str, Any]) -> None:
        deployed["resources"] = reachable.site(ingress="cloudfront")
        assert planb("reachability")[0] == 1
        deployed["config"] = {"planb:albIngress": "cloudfront", "planb:domain": "bank.example.com"}
        code, out, _ = planb("reachability")
        assert code == 0 and "customers, by CloudFront only" in out
        deployed["config"] = {"planb:albIngress": "cloudfront"}  # without a certificate it would be 80
        assert planb("reachability")[0] == 1

    def test_nothing_deployed(self, planb: Planb, deployed: dict[str, Any]) -> None:
        deployed["resources"] = []
        code, _, err = planb("reachability", "-s", "other")
        assert code == 3 and "stack other" in err and "pulumi up -s other" in err

    def test_what_is_not_understood(self, planb: Planb, deployed: dict[str, Any]) -> None:
        stranger = reachable.res("aws:ec2/networkAcl:NetworkAcl", "own-acl")
        deployed["resources"] = [*reachable.site(), stranger]
        code, out, err = planb("reachability")
        assert (code, out) == (3, "") and err.startswith("planb: own-acl: ") and "would be a guess" in err


def test_drill_into_a_file(planb: Planb, tmp_path: Path) -> None:
    (taken := tmp_path / "report").touch()
    code, out, err = planb("drill", "--report", str(taken))
    assert (code, out) == (2, "") and err == f"planb: --report is {taken}: it is a file; give a directory\n"


def test_sim_status_when_its_process_does_not_answer(planb: Planb, tmp_path: Path) -> None:
    """The process lives, its control API does not."""
    import os

    facts = {"pid": os.getpid(), "control": "http://127.0.0.1:9", "speed": 1, "latency": "typical", "env": {}}
    (tmp_path / "sim.json").write_text(json.dumps(facts))
    code, _, err = planb("sim", "status", "--dir", str(tmp_path))
    assert code == 1 and err.startswith("planb: no answer to a request (ConnectionError")
    assert planb("sim", "env", "--dir", str(tmp_path))[1].startswith("export PATH=")


def test_sim_stop_and_purge(planb: Planb, tmp_path: Path) -> None:
    (state := tmp_path / "sim").mkdir()
    assert planb("sim", "stop", "--dir", str(state)) == (0, "none was running\n", "")
    assert state.exists()
    planb("sim", "stop", "--dir", str(state), "--purge")
    assert not state.exists()


def test_a_reader_that_left_is_no_error_of_ours(tmp_path: Path) -> None:
    code = (
        "from runbook import cli\ncli.app = lambda **_: [print('x' * 9000) for _ in range(100)]\ncli.main()"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -c "$0" | head -c 1', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("x", "")
