"""engine.py: what the Automation API raises and reports, in the runbook's words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import errors as api
from pulumi.automation._cmd import CommandResult

from runbook.engine import Engine, Operation, project_dir
from runbook.errors import ExitCode, PlanBError, UsageError

LOCKED = "error: the stack is currently locked by 1 lock(s)"


class Stack:
    """A stack of the Automation API: plays events, then fails or not."""

    def __init__(self, *events: Any, problem: Exception | None = None) -> None:
        self.events, self.problem = events, problem

    def up(self, *, on_event: Any, **options: Any) -> None:
        for event in self.events:
            on_event(event)
        if self.problem:
            raise self.problem

    destroy = up

    def outputs(self) -> dict[str, Any]:
        if self.problem:
            raise self.problem
        return {"a": SimpleNamespace(value=1, secret=False), "b": SimpleNamespace(value="s", secret=True)}

    def export_stack(self) -> Any:
        resources = [
            {"urn": "urn::x"},
            {
                "urn": "urn::y",
                "dependencies": ["urn::x"],
                "propertyDependencies": {"p": ["urn::z"], "q": None},
            },
        ]
        return SimpleNamespace(deployment={"resources": resources})


def event(**kinds: Any) -> Any:
    empty = dict.fromkeys(
        ("resource_pre_event", "res_outputs_event", "res_op_failed_event", "diagnostic_event")
    )
    return SimpleNamespace(**{**empty, **kinds})


def of(urn: str, op: str = "create", kind: str = "azure-native:network:Subnet") -> Any:
    return SimpleNamespace(metadata=SimpleNamespace(urn=urn, type=kind, op=SimpleNamespace(value=op)))


def engine(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine(Path("/nowhere"))
    monkeypatch.setattr(made, "_stack", lambda name: stack)
    return made


def command_error(stderr: str) -> Exception:
    return api.create_command_error(CommandResult(stdout="", stderr=stderr, code=255))


@pytest.mark.parametrize(
    ("problem", "code", "says"),
    [
        (command_error(LOCKED), ExitCode.REFUSED, "stack dr: another update.*pulumi cancel -s dr"),
        (
            command_error("error: no stack named 'dr' found"),
            ExitCode.REFUSED,
            "does not exist.*pulumi up -s dr",
        ),
        (
            command_error("hint\nerror: quota of vCPUs exceeded\n"),
            ExitCode.FAILED,
            "dr: error: quota of vCPUs",
        ),
        (command_error("error: first line"), ExitCode.FAILED, "stack dr: error: first line"),
        (command_error(""), ExitCode.FAILED, "stack dr: pulumi failed and said nothing"),
        (FileNotFoundError(2, "No such file", "pulumi"), ExitCode.USAGE, "pulumi is not on PATH.*make setup"),
        (
            api.InvalidVersionError("Minimum version is 3.250"),
            ExitCode.USAGE,
            "does not fit: Minimum version",
        ),
    ],
)
def test_errors_are_mapped(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, code: ExitCode, says: str
) -> None:
    with pytest.raises(PlanBError, match=says) as caught:
        engine(Stack(problem=problem), monkeypatch).outputs("dr")
    assert caught.value.exit_code == code
    assert caught.value.__cause__ is None


def test_our_own_errors_and_bugs_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = PlanBError("ours")
    with pytest.raises(PlanBError) as caught:
        engine(Stack(problem=ours), monkeypatch).outputs("dr")
    assert caught.value is ours
    with pytest.raises(ZeroDivisionError):
        engine(Stack(problem=ZeroDivisionError()), monkeypatch).outputs("dr")


def test_an_update_that_fails_tells_what_the_clouds_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = event(
        diagnostic_event=SimpleNamespace(severity="error", message="<{%reset%}>no quota<{%reset%}>\n")
    )
    info = event(diagnostic_event=SimpleNamespace(severity="info", message="fine"))
    stack = Stack(said, info, said, problem=command_error("error: update failed"))
    with pytest.raises(PlanBError) as caught:
        engine(stack, monkeypatch).up("dr")
    assert caught.value.what == "no quota"


def test_operations_are_reported_and_dependencies_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []

    def note(operation: Operation) -> None:
        seen.append((operation.name, operation.finished_at > 0))

    stack = Stack(
        event(resource_pre_event=of("urn::a")),
        event(resource_pre_event=of("urn::same", "same")),
        event(resource_pre_event=of("urn::inert", kind="pulumi:providers:azure-native")),
        event(resource_pre_event=of("urn::b", "delete")),
        event(res_op_failed_event=of("urn::b")),
        event(res_outputs_event=of("urn::a")),
        event(res_outputs_event=of("urn::same")),
    )
    update = engine(stack, monkeypatch).up("dr", note)
    assert seen == [("a", False), ("b", False), ("b", True), ("a", True)]
    assert [(o.name, o.op) for o in update.operations] == [("a", "create"), ("b", "delete")]
    assert update.dependencies == {"urn::x": [], "urn::y": ["urn::x", "urn::z"]}


def test_outputs_are_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine(Stack(), monkeypatch).outputs("dr") == {"a": 1, "b": "s"}


def test_the_project_is_found_upwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").touch()
    (deep := tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.delenv("PLANB_PROJECT_DIR", raising=False)
    monkeypatch.chdir(deep)
    assert project_dir() == tmp_path
    monkeypatch.setenv("PLANB_PROJECT_DIR", str(tmp_path))
    monkeypatch.chdir("/")
    assert project_dir() == tmp_path
    monkeypatch.setenv("PLANB_PROJECT_DIR", "/proc")
    with pytest.raises(UsageError, match=r"no Pulumi\.yaml in /proc"):
        project_dir()
