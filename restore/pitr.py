"""Restore to the newest point, or to any moment or position: base and segments chosen by coordinates, then replayed.

The base is the newest valid one at or before the target whose position a chain covers; the chain is read as far as it
is unbroken. What cannot be reached is said before anything is touched.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from restore import catalog, load
from restore.binlog import chain as chains
from restore.binlog.chain import Chain
from restore.binlog.replay import Replayed, replay
from restore.errors import NoBackup, Refused
from restore.models import Manifest
from restore.mysql import Session
from restore.users import ensure_app

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.load import Report, Restored
    from restore.settings import Database
    from restore.users import Account


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do. `chain` is None where only the base itself can be had."""

    base: Manifest
    chain: Chain | None
    until: datetime | None
    newest_commit: datetime
    """The newest restorable commit by the source's clock: the base's instant if nothing was shipped after it."""
    notes: tuple[str, ...] = ()

    @property
    def tail_bytes(self) -> int:
        """Compressed bytes to replay."""
        return sum(one.info.size for one in self.chain.places) if self.chain else 0


def plan(
    container: Container,
    *,
    until: datetime | None = None,
    base: str = "",
    prefix: str = catalog.DEFAULT_PREFIX,
) -> Plan:
    """Choose base and segments; nothing is changed anywhere.

    Args:
        until: the last commit time wanted, UTC; None is the newest there is.
        base: begin at this backup instead of the newest that fits.

    Raises:
        NoBackup: nothing reaches that moment.
        Refused: the moment lies before the chosen base, or after what was shipped.
    """
    found = chains.chains(container)
    notes: list[str] = []
    for one in catalog.list_backups(container, prefix):
        manifest = one.manifest
        if one.state != "valid" or manifest is None or (base and not one.name.endswith(base)):
            continue
        if until is not None and manifest.server_utc > until:
            if base:
                raise Refused(
                    f"was taken at {manifest.server_utc:%Y-%m-%d %H:%M:%S} UTC, after the moment that is wanted",
                    where=one.name, next_step="Choose an older backup, or leave --backup out.",
                )  # fmt: skip
            continue
        covering = _covering(container, found, manifest)
        if covering is None:
            if manifest.binlog is not None:
                notes.append(f"{one.name}: no shipped log covers its position")
            newest = manifest.server_utc
        else:
            newest = _newest_commit(container, covering, manifest)
            if covering.missing:
                notes.append(f"{covering.name}: {covering.missing}")
        if until is not None and newest < until:
            notes.append(f"restorable up to {newest:%Y-%m-%d %H:%M:%S.%f} UTC only")
        return Plan(manifest, covering, until, newest, tuple(notes))
    raise NoBackup(
        "no backup reaches that moment" if until else "no valid backup",
        where=f"{container}/{prefix}",
        meaning="There is nothing to restore from.",
        next_step="See `planb backup list`.",
    )


def _covering(container: Container, found: list[Chain], manifest: Manifest) -> Chain | None:
    """The longest chain of the backup's own server through its position."""
    if manifest.binlog is None:
        return None
    fits = [one for one in found if one.covers(manifest.binlog)]
    for one in sorted(fits, key=lambda chain: chain.end, reverse=True):
        header, _ = chains.last(container, one)
        if header.server_uuid == manifest.source.server_uuid:
            return one.since(manifest.binlog)
    return None


def _newest_commit(container: Container, chain: Chain, manifest: Manifest) -> datetime:
    whole = chain
    while whole.places:
        header, _ = chains.last(container, whole)
        if header.last_commit is not None:
            return max(header.last_commit, manifest.server_utc)
        whole = Chain(chain.name, whole.places[:-1], chain.missing)
    return manifest.server_utc


def restore_to(
    db: Database,
    container: Container,
    chosen: Plan,
    *,
    replace: bool = False,
    app: Account | None = None,
    wait_s: float = 0.0,
    report: Report | None = None,
    progress: Callable[[Replayed], None] | None = None,
    stop: threading.Event | None = None,
) -> tuple[Restored, Replayed | None]:
    """The base, proven, then the log up to the planned moment; the application is let in at the very end.

    Raises:
        DataPlaneError: as `load.restore` and `replay` do; repeating the call goes on or does it again.
    """
    position = chosen.base.binlog
    replays = chosen.chain is not None and position is not None
    done = load.restore(
        db, container, chosen.base.name, replace=replace, app=None if replays else app,
        wait_s=wait_s, report=report, stop=stop,
    )  # fmt: skip
    if not replays:
        return done, None
    assert chosen.chain is not None and position is not None
    if report is not None:
        report("replaying", 0, chosen.tail_bytes)
    result = replay(
        db,
        chosen.base.source.database,
        position,
        chains.read(container, chosen.chain),
        until=chosen.until,
        progress=progress,
        stop=stop,
    )
    if app is not None:
        with Session(db, schema=False) as session:
            ensure_app(session, db.name, app, unlock=True)
    return done, result
