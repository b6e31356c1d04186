"""What the verbs of `planb` share: their options, the question before a change, Ctrl-C, the engine."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runbook.errors import UsageError

if TYPE_CHECKING:
    from runbook.engine import Engine

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps, change nothing.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="State directory of the embedded clouds.")]
Speed = Annotated[float, typer.Option(help="How many times faster than the clouds.")]
Latency = Annotated[str, typer.Option(help="typical or slow provisioning times.")]


def group(text: str) -> typer.Typer:
    """A group of verbs; bare, it shows its help."""
    return typer.Typer(help=text, no_args_is_help=True)


def engine() -> Engine:
    """The engine on the project around us; UsageError when there is none."""
    from runbook.engine import Engine, project_dir

    return Engine(project_dir())


def confirm(question: str, yes: bool) -> None:
    """Asks unless told not to; typer.Abort for a no, UsageError when nobody is there to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this changes something and nobody is here to ask", next_step="add --yes")
    typer.confirm(question, abort=True, err=True)


def interruptible(work: Callable[[threading.Event], Any], explain: Callable[[], str] | None = None) -> Any:
    """The first Ctrl-C lets running steps end and starts no more; the second one ends the process.

    `explain` says what that means for this run.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        text = explain() if explain else "Stopping: what runs ends first. Ctrl-C again leaves at once."
        sys.stderr.write(f"\n{text}\n")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        return work(stop)
    finally:
        signal.signal(signal.SIGINT, before)


def moment(text: str | None) -> datetime | None:
    """`--at` as a time; without an offset it is UTC."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at is {text!r}: allowed is a time such as 2026-11-24T03:15:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
