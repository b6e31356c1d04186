"""catalog.py: the order comes from the source, whatever names, listings and clocks say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from restore import catalog
from restore.blobs import BlobInfo, Container
from restore.catalog import BackupSet
from restore.errors import NoBackup
from restore.models import BinlogPosition, Manifest
from tests.unit.restore.test_models import WHEN, manifest


class Shelf:
    """A container in memory: just what the catalogue asks for."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def __str__(self) -> str:
        return "shelf"

    def list(self, prefix: str) -> list[BlobInfo]:
        return [self._info(name) for name in sorted(self.blobs) if name.startswith(prefix)]

    def stat(self, name: str) -> BlobInfo | None:
        return self._info(name) if name in self.blobs else None

    def read(self, name: str) -> bytes | None:
        return self.blobs.get(name)

    def _info(self, name: str) -> BlobInfo:
        return BlobInfo(name, len(self.blobs[name]), "e", datetime(2000, 1, 1, tzinfo=UTC))

    def add(self, made: Manifest) -> None:
        self.blobs[made.data.blob] = b"x" * made.data.bytes
        self.blobs[made.name + ".manifest.json"] = made.to_bytes()


def _made(minute: int, position: int, *, server: str = "u1", skew_s: int = 0) -> Manifest:
    at = WHEN + timedelta(minutes=minute, seconds=skew_s)
    base = manifest(f"backups/backup-{at:%Y%m%d-%H%M%S}")
    source = base.source.model_copy(update={"server_uuid": server})
    return base.model_copy(
        update={
            "server_utc": at,
            "binlog": BinlogPosition(file="b.000001", position=position),
            "source": source,
        }
    )


def _names(shelf: Shelf) -> list[str]:
    return [one.name for one in catalog.list_backups(cast(Container, shelf))]


def test_newest_first() -> None:
    shelf = Shelf()
    made = [_made(minute, 100 + minute) for minute in (0, 5, 10)]
    for one in (made[1], made[2], made[0]):
        shelf.add(one)
    assert _names(shelf) == [one.name for one in reversed(made)]


def test_f07_clock_skew_of_the_source_does_not_change_the_order() -> None:
    """The source's clock was set back an hour between two backups: its log knows better."""
    shelf = Shelf()
    older, newer = _made(10, 1000), _made(15, 2000, skew_s=-3600)
    shelf.add(older)
    shelf.add(newer)
    assert newer.server_utc < older.server_utc
    assert _names(shelf) == [newer.name, older.name]


def test_two_servers_are_ordered_by_time() -> None:
    shelf = Shelf()
    aws = [_made(0, 900_000), _made(5, 950_000)]
    azure = [_made(60, 500, server="u2")]
    back = [_made(120, 990_000)]
    for one in (*azure, *back, *aws):
        shelf.add(one)
    assert _names(shelf) == [one.name for one in (*back, *azure, *reversed(aws))]


def test_what_is_wrong_with_each() -> None:
    shelf = Shelf()
    good, no_data, no_sheet, short, empty = (_made(minute, 100 + minute) for minute in range(5))
    for one in (good, no_data, no_sheet, short, empty.model_copy(update={"quarantine": "only 1 row"})):
        shelf.add(one)
    del shelf.blobs[no_data.data.blob]
    del shelf.blobs[no_sheet.name + ".manifest.json"]
    shelf.blobs[short.data.blob] = b"x"
    states = {one.name: (one.state, one.reason) for one in catalog.list_backups(cast(Container, shelf))}
    assert states[good.name] == ("valid", "")
    assert states[no_data.name][0] == states[no_sheet.name][0] == "incomplete"
    assert states[short.name] == ("suspect", "the data has 1 bytes, the manifest says 10")
    assert states[empty.name] == ("suspect", "only 1 row")
    assert catalog.newest_valid(cast(Container, shelf)).name == good.name


def test_none_valid_says_what_there_is() -> None:
    shelf = Shelf()
    shelf.blobs["backups/backup-20261124-031500.sql.zst"] = b"x"
    with pytest.raises(NoBackup, match="never finished"):
        catalog.newest_valid(cast(Container, shelf))


def test_time_from_a_name_without_manifest() -> None:
    def at(name: str) -> datetime | None:
        return BackupSet(name, "incomplete", "", None, None).server_utc

    assert at("backups/backup-20261124-031500") == datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
    assert at("backups/backup-20261399-031500") is None
    assert at("backups/other") is None


@pytest.mark.parametrize("name", ["backup-20261124-031500", "backups/backup-20261124-031500.sql.zst"])
def test_a_backup_has_one_name_however_it_is_written(name: str) -> None:
    shelf = Shelf()
    made = manifest()
    shelf.add(made)
    assert catalog.find(cast(Container, shelf), name).name == made.name
