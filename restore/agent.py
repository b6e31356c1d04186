"""`planb-agent`: the program on the backup host and in the restore container.

    verb       where      does                                                          changes
    run        host       one backup as the timer starts it, its age to CloudWatch      storage
    backup     host       one backup (--once)                                           storage
    list       host       backups and their state                                       nothing
    verify     host       reads a whole backup and checks it                            nothing
    digests    host       rows and checksum of every table                              nothing
    bootstrap  admin      database, users, grants, binlog retention                     source
    restore    admin      a backup into the host's database                             target
    fence      admin      locks the application's account, ends its connections         source
    unfence    admin      lets it in again                                              source
    retire     admin      takes its own machine away, unless it is busy                 the host
    job        container  restore | backup | unlock | follow, from PLANB_* variables    target, storage

`host` is the backup host, `admin` the administration host: it alone reads the master's and the application's secrets
(docs/adr/0017). Standard output holds the result as one JSON object, standard error the log. Exit codes: 0 done,
1 failed, 2 usage, 3 refused (a precondition), 4 stopped half-way (run the same again).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restore import (
    aws,
    azure_access,
    busy,
    catalog,
    compare,
    dump,
    jobrun,
    load,
    log,
    service,
    users,
    verify,
)
from restore.blobs import open_container
from restore.errors import DataPlaneError, Refused
from restore.models import DEFAULT_PREFIX
from restore.mysql import Session
from restore.settings import AgentConfig, JobSettings

CONFIG = Path("/etc/planb/agent.json")
GUARDED = frozenset({"restore", "fence", "unfence", "retire"})
"""Verbs for which the administration host must not retire half-way."""
Result = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _parser().parse_args(argv)
    log.configure()
    service.hide_environment()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        result = _job(stop) if arguments.verb == "job" else _on_host(arguments, stop)
    except DataPlaneError as problem:
        log.get().error(f"{arguments.verb} failed", **problem.as_fields())
        return problem.exit_code
    except Exception as problem:  # noqa: BLE001 - the process's edge: a bug becomes a line and an exit code
        log.get().error(f"{arguments.verb} failed", **{"class": type(problem).__name__}, exc_info=True)
        return 1
    if result:
        sys.stdout.write(json.dumps(log.redacted(result), ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()
    return 0


def _job(stop: threading.Event) -> Result:
    settings = JobSettings.from_env()
    container = open_container(settings.container_url)
    return jobrun.run(settings, settings.database(), container, stop).model_dump(mode="json")


def _on_host(arguments: argparse.Namespace, stop: threading.Event) -> Result:
    config = AgentConfig.load(arguments.config)
    credential = azure_access.credential(config.azure, config.region, os.environ) if config.azure else None
    host = service.Host(config, open_container(config.container_url, credential=credential), stop)
    verbs = {
        "bootstrap": lambda: {"bootstrap": "done", "notes": host.bootstrap()},
        "run": lambda: _run(host),
        "backup": lambda: _backup(host, arguments),
        "list": lambda: _list(host, arguments),
        "verify": lambda: _verify(host, arguments),
        "restore": lambda: _restore(host, arguments),
        "digests": lambda: {"tables": _tables(compare.table_digests(host.backup_user()))},
        "fence": lambda: _fence(host, lock=True),
        "unfence": lambda: _fence(host, lock=False),
        "retire": lambda: {"retired": aws.retire(config.group, config.region)},
    }
    if arguments.verb not in GUARDED:
        return verbs[arguments.verb]()
    with busy.held(exclusive=arguments.verb == "retire"):
        return verbs[arguments.verb]()


def _run(host: service.Host) -> Result:
    manifest = host.run()
    if manifest is None:
        return {}
    level = "error" if manifest.quarantine else "info"
    getattr(log.get(), level)(
        "backup quarantined" if manifest.quarantine else "backup done", **dump.describe(manifest)
    )
    return {"backup": manifest.name}


def _backup(host: service.Host, arguments: argparse.Namespace) -> Result:
    manifest = host.backup(arguments.prefix, accept_shrink=arguments.accept_shrink)
    if manifest.quarantine:
        raise Refused(
            f"was put aside: {manifest.quarantine}",
            where=manifest.name,
            meaning="It is stored, but no restore will choose it by itself.",
            next_step="If the loss is intended, take it again with --accept-shrink.",
        )
    return dump.describe(manifest) | {"tables": _tables(manifest.tables)}


def _list(host: service.Host, arguments: argparse.Namespace) -> Result:
    sets = catalog.list_backups(host.container, arguments.prefix)
    return {
        "backups": [
            {"name": one.name, "state": one.state, "reason": one.reason, "server_utc": one.server_utc}
            for one in sets
        ]
    }


def _verify(host: service.Host, arguments: argparse.Namespace) -> Result:
    name = arguments.backup or catalog.newest_valid(host.container).name
    verify.verify_backup(host.container, name, stop=host.stop)
    return {"backup": name, "verified": True}


def _restore(host: service.Host, arguments: argparse.Namespace) -> Result:
    db = host.admin()
    app = host.app()
    if arguments.database:
        db = db.named(arguments.database)
    done = load.restore(
        db,
        host.container,
        arguments.backup,
        replace=arguments.replace,
        app=None if arguments.database else app,
        wait_s=arguments.wait,
        stop=host.stop,
    )
    return {
        "backup": done.manifest.name,
        "database": db.name,
        "tables": _tables(done.tables),
        "already_restored": done.already,
        "seconds": done.seconds,
        "notes": done.notes,
    }


def _fence(host: service.Host, *, lock: bool) -> Result:
    user = host.app().user
    with Session(host.admin(), schema=False) as session:
        if lock:
            return {"fenced": user, "connections_ended": users.fence(session, user)}
        users.unfence(session, user)
        return {"unfenced": user}


def _tables(tables: dict[str, compare.TableDigest]) -> dict[str, dict[str, Any]]:
    return {name: asdict(digest) for name, digest in tables.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="planb-agent", description="PlanB's backup and restore agent.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    host = argparse.ArgumentParser(add_help=False)
    host.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}")

    def verb(
        name: str, help_: str, *, parents: Sequence[argparse.ArgumentParser] = (host,)
    ) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=help_, description=help_, parents=list(parents))

    verb("bootstrap", "create database, users and grants on the source; safe to repeat")
    verb("run", "take one backup as the timer does, and publish its age")
    backup = verb("backup", "take one backup now")
    backup.add_argument("--once", action="store_true", required=True, help="take one and end")
    backup.add_argument("--prefix", default=DEFAULT_PREFIX, help="folder in the container, e.g. diverged/7/")
    backup.add_argument(
        "--accept-shrink", action="store_true", help="publish although much smaller than the last"
    )
    listing = verb("list", "list backups, newest first")
    listing.add_argument("--prefix", default=DEFAULT_PREFIX)
    check = verb("verify", "read a whole backup and check it against its manifest")
    check.add_argument("--backup", default="", metavar="NAME", help="default: the newest valid one")
    restore = verb("restore", "restore a backup into the configured database")
    restore.add_argument("--backup", required=True, metavar="NAME")
    restore.add_argument("--replace", action="store_true", help="drop what the database holds")
    restore.add_argument(
        "--database", default="", metavar="NAME", help="restore under another name; no user is made"
    )
    restore.add_argument(
        "--wait", type=float, default=60.0, metavar="S", help="for the server to answer (60)"
    )
    verb("digests", "rows and checksum of every table")
    verb("fence", "lock the application's account and end its connections")
    verb("unfence", "let the application in again")
    verb("retire", "take this machine away, unless another verb runs on it")
    verb("job", "run the container's job from PLANB_* variables", parents=())
    return parser


if __name__ == "__main__":
    sys.exit(main())
