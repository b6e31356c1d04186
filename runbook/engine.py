"""The Pulumi engine over the Automation API: a local program, one wrapper that maps its errors and events."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.errors import PlanBError, Refused, UsageError

PROJECT_FILE = "Pulumi.yaml"


@dataclass
class Operation:
    """One resource that an update touched; times are epoch seconds, `finished_at` 0 while it runs."""

    urn: str
    type: str
    op: str
    started_at: float
    finished_at: float = 0.0

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass
class Update:
    """What an update did. `dependencies` are urns by urn, from the state after it."""

    operations: list[Operation] = field(default_factory=list[Operation])
    dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def project_dir() -> Path:
    """PLANB_PROJECT_DIR, else the nearest directory upwards with a Pulumi.yaml."""
    given = os.environ.get("PLANB_PROJECT_DIR")
    here = Path(given) if given else Path.cwd()
    for candidate in (here, *here.parents):
        if (candidate / PROJECT_FILE).exists():
            return candidate
    raise UsageError(
        f"no {PROJECT_FILE} in {here} or above it",
        next_step="run planb in the project, or set PLANB_PROJECT_DIR",
    )


def required(outputs: dict[str, Any], stack: str, name: str) -> Any:
    """An output that a deployed stack has; Refused when this one lacks it."""
    if not outputs.get(name):
        raise Refused(
            f"it has no output {name}",
            resource=f"stack {stack}",
            meaning="nothing was changed",
            next_step=f"deploy it: pulumi up -s {stack}",
        )
    return outputs[name]


class Engine:
    """One project directory and its stacks. Stacks are opened one after the other: the API is not made for more."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._stacks: dict[str, Any] = {}

    def outputs(self, stack: str) -> dict[str, Any]:
        """The stack's outputs, secrets included (they stay in this process)."""
        with self._mapped(stack):
            return {name: value.value for name, value in self._stack(stack).outputs().items()}

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """The resources in the stack's state, secrets encrypted."""
        return list(self.deployment(stack).get("resources") or [])

    def deployment(self, stack: str) -> dict[str, Any]:
        """The stack's state: its resources, what is pending, how its secrets are encrypted."""
        with self._mapped(stack):
            return dict(self._stack(stack).export_stack().deployment or {})

    def backend(self) -> str:
        """Where the state of the stacks is kept, as a URL."""
        from pulumi import automation

        with self._mapped("dr"):
            return str(automation.LocalWorkspace(work_dir=str(self.directory)).who_am_i().url or "")

    def drift(self, stack: str) -> dict[str, int]:
        """What an update would do, by operation, after asking the clouds how things really are. Changes nothing."""
        failures: list[str] = []

        def on_event(event: Any) -> None:
            if event.diagnostic_event and event.diagnostic_event.severity == "error":
                failures.append(_plain(event.diagnostic_event.message))

        with self._mapped(stack, failures):
            found = self._stack(stack).preview(
                on_event=on_event,
                color="never",
                suppress_progress=True,
                on_output=lambda _: None,
                refresh=True,
            )
        summary = {str(getattr(op, "value", op)): count for op, count in found.change_summary.items()}
        return {op: count for op, count in summary.items() if op not in ("same", "read") and count}

    def preview(self, stack: str, *, config_file: Path) -> list[tuple[str, str, dict[str, Any], bool]]:
        """(type, name, inputs, new) of every resource that an update with this configuration would have."""
        found: list[tuple[str, str, dict[str, Any], bool]] = []
        failures: list[str] = []

        def on_event(event: Any) -> None:
            if event.resource_pre_event:
                meta = event.resource_pre_event.metadata
                op = str(getattr(meta.op, "value", meta.op))
                if meta.new and op != "delete":
                    name = str(meta.urn).rsplit("::", 1)[-1]
                    found.append((meta.type, name, dict(meta.new.inputs or {}), op == "create"))
            elif event.diagnostic_event and event.diagnostic_event.severity == "error":
                failures.append(_plain(event.diagnostic_event.message))

        with self._mapped(stack, failures):
            self._stack(stack).preview(
                on_event=on_event,
                color="never",
                suppress_progress=True,
                on_output=lambda _: None,
                config_file=str(config_file),
            )
        return found

    def config(self, stack: str) -> dict[str, str]:
        with self._mapped(stack):
            return {name: value.value for name, value in self._stack(stack).get_all_config().items()}

    def set_config(self, stack: str, **values: str) -> None:
        """Sets keys of the namespace planb:."""
        from pulumi import automation

        wanted = {f"planb:{name}": automation.ConfigValue(value) for name, value in values.items()}
        with self._mapped(stack):
            self._stack(stack).set_all_config(wanted)

    def init(self, stack: str) -> None:
        """Creates the stack unless it is there."""
        from pulumi import automation

        with self._lock, self._mapped(stack):
            self._stacks[stack] = automation.create_or_select_stack(
                stack_name=stack, work_dir=str(self.directory)
            )

    def up(self, stack: str, on_operation: Callable[[Operation], None] | None = None) -> Update:
        """`pulumi up`; reports each resource when it starts and when it is done."""
        return self._operate(stack, "up", on_operation)

    def destroy(self, stack: str, on_operation: Callable[[Operation], None] | None = None) -> Update:
        return self._operate(stack, "destroy", on_operation)

    def cancel(self, stack: str) -> None:
        with self._mapped(stack):
            self._stack(stack).cancel()

    def _operate(self, stack: str, verb: str, on_operation: Callable[[Operation], None] | None) -> Update:
        update = Update()
        begun: dict[str, Operation] = {}
        failures: list[str] = []

        def on_event(event: Any) -> None:
            now = time.time()
            if event.resource_pre_event:
                meta = event.resource_pre_event.metadata
                operation = Operation(meta.urn, meta.type, str(getattr(meta.op, "value", meta.op)), now)
                if operation.op not in ("same", "read") and not _inert(operation.type):
                    begun[meta.urn] = operation
                    update.operations.append(operation)
                    if on_operation:
                        on_operation(operation)
            elif event.res_outputs_event or event.res_op_failed_event:
                meta = (event.res_outputs_event or event.res_op_failed_event).metadata
                operation = begun.get(meta.urn)
                if operation:
                    operation.finished_at = now
                    if on_operation:
                        on_operation(operation)
            elif event.diagnostic_event and event.diagnostic_event.severity == "error":
                failures.append(_plain(event.diagnostic_event.message))

        with self._mapped(stack, failures):
            opened = self._stack(stack)
            if verb == "up":
                opened.up(on_event=on_event, color="never", suppress_progress=True, on_output=lambda _: None)
            else:
                opened.destroy(
                    on_event=on_event, color="never", suppress_progress=True, on_output=lambda _: None
                )
        for resource in self.resources(stack):
            deps = {*(resource.get("dependencies") or [])}
            for more in (resource.get("propertyDependencies") or {}).values():
                deps |= {*(more or [])}
            update.dependencies[str(resource["urn"])] = sorted(deps)
        return update

    def _stack(self, name: str) -> Any:
        from pulumi import automation

        if name not in self._stacks:
            self._stacks[name] = automation.select_stack(stack_name=name, work_dir=str(self.directory))
        return self._stacks[name]

    def _mapped(self, stack: str, failures: list[str] | None = None) -> _Mapped:
        return _Mapped(stack, failures or [] if failures is None else failures)


class _Mapped:
    """Turns the Automation API's errors into ours."""

    def __init__(self, stack: str, failures: list[str]) -> None:
        self._stack, self._failures = stack, failures

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from pulumi.automation import errors

        if error is None or isinstance(error, PlanBError):
            return
        stack = f"stack {self._stack}"
        if isinstance(error, errors.ConcurrentUpdateError):
            raise Refused(
                "another update of it is running, or one died and left its lock",
                resource=stack,
                meaning="nothing was changed by this command",
                next_step=f"wait for it; if its process is gone: pulumi cancel -s {self._stack}",
            ) from None
        if isinstance(error, errors.StackNotFoundError):
            raise Refused(
                "it does not exist",
                resource=stack,
                meaning="nothing was changed",
                next_step=f"deploy it first: pulumi up -s {self._stack} (dr before prod)",
            ) from None
        if isinstance(error, errors.CommandError):
            text = "; ".join(dict.fromkeys(self._failures)) or _last_error(str(error))
            raise PlanBError(
                text,
                resource=stack,
                meaning="what was created before it stays and is found again",
                next_step="mend the cause, then run the same command again",
            ) from None
        if isinstance(error, errors.InvalidVersionError):
            raise UsageError(
                f"pulumi on PATH does not fit: {error}", next_step="make setup, then add .venv/bin to PATH"
            ) from None
        if isinstance(error, FileNotFoundError):
            raise UsageError(
                "pulumi is not on PATH", next_step="make setup, then add .venv/bin to PATH"
            ) from None


def _inert(type_: str) -> bool:
    return type_.startswith(("pulumi:", "planb:", "random:"))


def _plain(text: str) -> str:
    import re

    return re.sub(r"<\{%[^%]*%\}>", "", text).strip()


def _last_error(text: str) -> str:
    """The last line about an error, or the last line at all, of what the API puts together: code, stdout, stderr."""
    stripped = (
        line.strip().removeprefix("stdout:").removeprefix("stderr:").strip() for line in text.splitlines()
    )
    lines = [line for line in stripped if line and not line.startswith("code:")]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["pulumi failed and said nothing"])[-1]
