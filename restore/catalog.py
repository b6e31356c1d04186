"""Which backups a container holds, which of them are good, and which is the newest.

Order comes from the source: its binary log's coordinates and its own clock in the manifests. The time at which a
blob was stored, the order of a listing and this machine's clock decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from restore.errors import CorruptBackup, MissingBackup, NoBackup
from restore.models import DATA_SUFFIX, DEFAULT_PREFIX, MANIFEST_SUFFIX, NAME, Manifest

if TYPE_CHECKING:
    from restore.blobs import BlobInfo, Container

State = Literal["valid", "incomplete", "suspect"]


@dataclass(frozen=True, slots=True)
class BackupSet:
    """One backup as listed. `name` is its blob's path without suffix: `backups/backup-20261124-031500`.

    `valid` means: manifest sound and the data blob there with the right size. The data itself is read by
    `restore.verify.verify_backup` only.
    """

    name: str
    state: State
    reason: str
    """Why it is not valid; empty if it is."""
    manifest: Manifest | None
    data: BlobInfo | None

    @property
    def server_utc(self) -> datetime | None:
        """The instant of the data by the source's clock; from the name when there is no manifest."""
        if self.manifest is not None:
            return self.manifest.server_utc
        match = NAME.search(self.name)
        if match is None:
            return None
        try:
            return datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None


def list_backups(container: Container, prefix: str = DEFAULT_PREFIX) -> list[BackupSet]:
    """Every backup below `prefix`, newest first, good or not. No data is read, only names, sizes and manifests."""
    blobs = {blob.name: blob for blob in container.list(prefix)}
    names = {
        n.removesuffix(suffix)
        for n in blobs
        for suffix in (DATA_SUFFIX, MANIFEST_SUFFIX)
        if n.endswith(suffix)
    }
    sets = [
        _describe(container, name, blobs.get(name + DATA_SUFFIX), name + MANIFEST_SUFFIX in blobs)
        for name in names
    ]
    return list(reversed(_ordered(sets)))


def newest_valid(container: Container, prefix: str = DEFAULT_PREFIX) -> BackupSet:
    """The newest backup that may be restored.

    Raises:
        NoBackup: there is none; says what is there instead.
    """
    sets = list_backups(container, prefix)
    for backup in sets:
        if backup.state == "valid":
            return backup
    others = "; ".join(f"{backup.name}: {backup.reason}" for backup in sets[:3])
    raise NoBackup(
        f"no valid backup among {len(sets)}" + (f" ({others})" if others else ""),
        where=f"{container}/{prefix}",
        meaning="There is nothing to restore from.",
        next_step="Check the backup host's log; look in another container or prefix.",
    )


def find(container: Container, name: str, prefix: str = DEFAULT_PREFIX) -> BackupSet:
    """The backup called `name`: with or without prefix, with or without suffix.

    Raises:
        MissingBackup: neither its data nor its manifest is there.
    """
    stem = name.removesuffix(MANIFEST_SUFFIX).removesuffix(DATA_SUFFIX)
    if "/" not in stem:
        stem = prefix + stem
    data = container.stat(stem + DATA_SUFFIX)
    has_manifest = container.stat(stem + MANIFEST_SUFFIX) is not None
    if data is None and not has_manifest:
        raise MissingBackup(
            "there is no such backup",
            where=f"{container}/{stem}",
            next_step="See `planb backup list`.",
        )
    return _describe(container, stem, data, has_manifest)


def _describe(container: Container, name: str, data: BlobInfo | None, has_manifest: bool) -> BackupSet:
    raw = container.read(name + MANIFEST_SUFFIX) if has_manifest else None
    if raw is None:
        return BackupSet(name, "incomplete", "no manifest: it was never finished", None, data)
    try:
        manifest = Manifest.from_bytes(raw, f"{container}/{name}{MANIFEST_SUFFIX}")
    except CorruptBackup as problem:
        return BackupSet(name, "suspect", problem.what, None, data)
    if data is None:
        return BackupSet(name, "incomplete", "the manifest is there but its data is missing", manifest, None)
    if manifest.name != name or manifest.data.blob != data.name:
        return BackupSet(name, "suspect", f"the manifest belongs to {manifest.name}", manifest, data)
    if data.size != manifest.data.bytes:
        reason = f"the data has {data.size} bytes, the manifest says {manifest.data.bytes}"
        return BackupSet(name, "suspect", reason, manifest, data)
    if manifest.quarantine:
        return BackupSet(name, "suspect", manifest.quarantine, manifest, data)
    return BackupSet(name, "valid", "", manifest, data)


def _ordered(sets: list[BackupSet]) -> list[BackupSet]:
    """Oldest first: by the sources' clocks, then each server's own backups by its log's coordinates.

    Coordinates of different servers cannot be compared, those of one server are surer than its clock. So each server
    keeps the places that the clocks gave it, and fills them in the order of its log.
    """
    epoch = datetime.min.replace(tzinfo=UTC)
    by_clock = sorted(sets, key=lambda backup: (backup.server_utc or epoch, backup.name))
    places: dict[str, list[int]] = {}
    for place, backup in enumerate(by_clock):
        if backup.manifest is not None and backup.manifest.binlog is not None:
            places.setdefault(backup.manifest.source.server_uuid, []).append(place)
    ordered = list(by_clock)
    for own in places.values():
        by_log = sorted((by_clock[place] for place in own), key=_log_order)
        for place, backup in zip(own, by_log, strict=True):
            ordered[place] = backup
    return ordered


def _log_order(backup: BackupSet) -> tuple[tuple[int, int], datetime, str]:
    manifest = backup.manifest
    assert manifest is not None and manifest.binlog is not None
    return (manifest.binlog.order, manifest.server_utc, backup.name)
