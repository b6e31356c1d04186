"""`planb watch` and `planb maintenance`: who notices, and when nobody should."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runbook.cli_common import AsJson, DryRun, Yes, confirm, engine, group, interruptible
from runbook.errors import UsageError

if TYPE_CHECKING:
    from restore.blobs import Container

app = group("Maintenance windows: meanwhile no watcher pages or fails over.")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


def watch(
    auto: Annotated[
        bool, typer.Option("--auto", help="Fail over by itself; without it a person is paged.")
    ] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 30.0,
    rounds: Annotated[int | None, typer.Option(help="Stop after so many looks.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of this vantage point; default: the host's.")] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """See that the bank is down, from several places, and page a person (or, with --auto, fail over)."""
    from runbook import chat as chats
    from runbook import failover as runbook
    from runbook.screen import view
    from runbook.sites import PROD, Sites
    from runbook.watch.core import Rules
    from runbook.watch.looking import Looker
    from runbook.watch.watcher import Watcher

    if not 1 <= every <= 300:
        raise UsageError(f"--every is {every:g}: allowed is 1 to 300 seconds")
    where = (
        name or re.sub(r"[^a-z0-9-]", "-", socket.gethostname().split(".")[0].lower()).strip("-") or "watcher"
    )
    if not NAME.fullmatch(where):
        raise UsageError(f"--name is {where!r}: allowed are lower-case letters, digits and dashes")
    if auto and not dry_run:
        confirm("Fail over without asking anybody when AWS is down?", yes)
    program = engine()
    site = Sites(program, patience_s=8.0)
    past_edge = program.config(PROD).get("planb:albIngress") != "cloudfront"
    # The timeline is 30 s a look; another rhythm keeps its rounds and stretches or shortens its seconds with them.
    share = every / 30.0
    rules = Rules(every, 90.0 * share, act_after_s=120.0 * share, auto=auto and not dry_run)
    chat = chats.from_environment()

    def fail_over() -> None:
        with view("failover", budget_s=runbook.RTO_BUDGET_S, as_json=as_json) as seen:
            runbook.run(program, runbook.Options(), seen.sinks)

    def tell(kind: str, text: str, **facts: Any) -> None:
        if as_json:
            line: dict[str, Any] = {"at": time.time(), "kind": kind, "text": text, **facts}
            typer.echo(json.dumps(line, ensure_ascii=False))
        else:
            bell = "\a" if kind == "paging" and sys.stdout.isatty() else ""
            typer.echo(f"{time.strftime('%H:%M:%S')}  {kind:<9} {text}{bell}")
        sys.stdout.flush()

    if chat is None:
        tell("note", f"nobody can be paged but by this screen: set {chats.VARIABLE}")
    looker = Looker(site, where, every, past_edge=past_edge)
    watcher = Watcher(site, looker, rules, tell, chat, fail_over)

    def work(stop: threading.Event) -> None:
        watcher.run(stop, rounds)

    interruptible(work)
    if chat:
        chat.flush()


@app.command("start")
def start(
    minutes: Annotated[int, typer.Option("--for", help="Minutes from now.")],
    why: Annotated[str, typer.Option(help="What is being done.")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Open a window: until then no watcher pages or fails over."""
    import getpass
    from datetime import UTC, datetime, timedelta

    from runbook.watch import windows

    if not 1 <= minutes <= 7 * 24 * 60:
        raise UsageError(f"--for is {minutes}: allowed is 1 minute to a week ({7 * 24 * 60})")
    now = datetime.now(UTC)
    window = windows.Window(
        since=now,
        until=now + timedelta(minutes=minutes),
        why=why,
        who=f"{getpass.getuser()}@{socket.gethostname()}",
    )
    if dry_run:
        typer.echo(f"would open a window {window}")
        return
    confirm(f"Watch nothing for {minutes} minutes?", yes)
    windows.start(_store(), window)
    typer.echo(f"maintenance {window}")


@app.command("end")
def end(yes: Yes = False, dry_run: DryRun = False) -> None:
    """Close the window that is open."""
    from runbook.watch import windows

    store = _store()
    open_now = windows.current(store)
    if dry_run:
        typer.echo(f"would close the window {open_now}" if open_now else "no window is open")
        return
    confirm("Watch again?", yes)
    windows.end(store)
    typer.echo("closed" if open_now else "no window was open")


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """The window that is open, if there is one."""
    from runbook.watch import windows

    window = windows.current(_store())
    if as_json:
        typer.echo(json.dumps({"window": window.model_dump(mode="json") if window else None}))
    else:
        typer.echo(f"maintenance {window}" if window else "no window is open")


def _store() -> Container:
    from runbook import backups
    from runbook.engine import required

    return backups.container(str(required(engine().outputs("dr"), "dr", "backupContainerUrl")))
