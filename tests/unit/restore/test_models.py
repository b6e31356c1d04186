"""models.py: a manifest is read back as written, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.errors import CorruptBackup
from restore.models import BinlogPosition, Manifest, SourceInfo, StoredData, TableDigest

WHEN = datetime(2026, 11, 24, 3, 15, 0, 123456, tzinfo=UTC)


def manifest(name: str = "backups/backup-20261124-031500", **changes: object) -> Manifest:
    base = Manifest(
        name=name,
        source=SourceInfo(
            server_uuid="u1",
            version="8.4.5",
            database="petclinic",
            character_set="utf8mb4",
            collation="utf8mb4_0900_ai_ci",
            lower_case_table_names=0,
            sql_mode="",
        ),
        server_utc=WHEN,
        consistency="locked",
        binlog=BinlogPosition(file="binlog.000042", position=1234),
        tables={"owners": TableDigest(100, "a" * 64), "소유자": TableDigest(1, "b" * 64)},
        data=StoredData(
            blob=name + ".sql.zst", bytes=10, sha256="c" * 64, plain_bytes=100, plain_sha256="d" * 64
        ),
        started_at=WHEN,
        finished_at=WHEN,
    )
    return base.model_copy(update=changes)


RAW = manifest().to_bytes()


def test_what_was_written_is_read() -> None:
    assert Manifest.from_bytes(RAW, "here") == manifest()
    assert manifest().rows == 101


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(position: int, flip: int) -> None:
    changed = bytearray(RAW)
    changed[position] ^= flip
    try:
        read = Manifest.from_bytes(bytes(changed), "here")
    except CorruptBackup:
        return
    assert read == manifest(), "only whitespace may change"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"null", RAW[:-40]])
def test_rubbish_is_corrupt(raw: bytes) -> None:
    with pytest.raises(CorruptBackup, match="here"):
        Manifest.from_bytes(raw, "here")


def test_a_later_format_is_not_guessed_at() -> None:
    with pytest.raises(CorruptBackup, match="format 2"):
        Manifest.from_bytes(manifest(format=2).to_bytes(), "here")


def test_the_json_is_stable() -> None:
    assert list(json.loads(RAW)) == sorted(json.loads(RAW))
    assert manifest().to_bytes() == RAW


def test_coordinates_of_one_server_compare() -> None:
    early = BinlogPosition(file="binlog.000009", position=99999)
    late = BinlogPosition(file="binlog.000010", position=4)
    assert early.order < late.order
