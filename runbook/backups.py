"""Which backup to restore: the newest that is whole, read to the last byte before anything touches a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runbook.errors import Refused, UsageError
from runbook.failures import translating

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.models import Manifest


@dataclass(frozen=True)
class Choice:
    """`skipped` are newer ones that were found unusable, with the reason and the loss they cost in seconds."""

    name: str
    manifest: Manifest
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    cost_s: float = 0.0


def container(url: str, *, patience_s: float | None = None) -> Container:
    """The backup container; PlanBError when storage refuses or is not there."""
    from restore.blob_retry import Limits
    from restore.blobs import open_container

    limits = Limits(deadline_s=patience_s, connect_s=3.0) if patience_s else None
    try:
        with translating():
            return open_container(url, limits=limits)
    except ValueError as error:  # Azure's client takes no such credential for this URL
        raise UsageError(
            str(error),
            resource=url,
            meaning="storage was not asked",
            next_step='set AZURE_STORAGE_KEY; for the embedded clouds: eval "$(planb sim env)"',
        ) from None


def choose(store: Container, *, at: datetime | None = None) -> Choice:
    """The newest sound backup (not after `at`), every byte of it checked.

    Raises Refused when there is none; nothing has been touched then.
    """
    from restore import catalog, verify
    from restore.errors import CorruptBackup, MissingBackup

    with translating():
        listed = catalog.list_backups(store)
    skipped: list[tuple[str, str]] = []
    newest: datetime | None = None
    for backup in listed:
        taken = backup.server_utc
        if at is not None and (taken is None or taken > at):
            continue
        newest = newest or taken
        reason = backup.reason
        if backup.state == "valid" and backup.manifest is not None:
            with translating():
                try:
                    verify.verify_backup(store, backup)
                except (CorruptBackup, MissingBackup) as error:
                    reason = error.what
                else:
                    cost = (newest - backup.manifest.server_utc).total_seconds() if newest else 0.0
                    return Choice(backup.name, backup.manifest, skipped, cost)
        skipped.append((backup.name, reason))
    found = "; ".join(f"{name}: {why}" for name, why in skipped[:3]) or "there is none at all"
    raise Refused(
        f"no backup can be restored ({found})",
        resource=f"{store}",
        meaning="no database was touched; customers keep seeing the maintenance page while AWS is down",
        next_step="planb backup list, or restore from another copy of the container",
    )


def age_s(manifest: Manifest) -> float:
    """Seconds since the instant that the backup shows."""
    return (datetime.now(UTC) - manifest.server_utc).total_seconds()
