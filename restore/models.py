"""The records that outlive a process: a table's digest, a backup's manifest.

They are plain values: no I/O, no clock. A manifest is the truth about a backup; it is written last and carries a
hash of itself, so that a damaged manifest is told apart from a valid one.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restore.errors import CorruptBackup

FORMAT = 1
DATA_SUFFIX = ".sql.zst"
MANIFEST_SUFFIX = ".manifest.json"
DEFAULT_PREFIX = "backups/"
NAME = re.compile(r"backup-(\d{8})-(\d{6})$")


@dataclass(frozen=True, slots=True)
class TableDigest:
    """Content of one table: number of rows and an order-independent checksum (64 hex digits)."""

    rows: int
    checksum: str


class BinlogPosition(BaseModel):
    """Where the source's binary log stood at the snapshot; the stream to replay begins here."""

    model_config = ConfigDict(frozen=True)

    file: str
    position: int = Field(ge=4)
    gtid_executed: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """(file number, position): comparable between positions of one server."""
        digits = self.file.rpartition(".")[2]
        return (int(digits) if digits.isdigit() else 0, self.position)


class SourceInfo(BaseModel):
    """The server that the backup came from, as it said of itself."""

    model_config = ConfigDict(frozen=True)

    server_uuid: str
    version: str
    database: str
    character_set: str
    collation: str
    lower_case_table_names: int
    sql_mode: str
    gtid_mode: str = "OFF"


class StoredData(BaseModel):
    """The compressed dump in the container."""

    model_config = ConfigDict(frozen=True)

    blob: str
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    plain_bytes: int = Field(ge=1)
    plain_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    longest_line: int = 0
    """Bytes of the dump's longest line: the target's max_allowed_packet must be larger."""
    compression: Literal["zstd"] = "zstd"


class Manifest(BaseModel):
    """One base backup. Times are UTC; `server_utc` is the source server's clock at the snapshot."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    name: str
    source: SourceInfo
    server_utc: datetime
    consistency: Literal["locked", "quiet", "approximate"]
    """locked: snapshots opened under LOCK TABLES … READ · quiet: no lock to be had, but the binary log did not move
    while they were opened · approximate: neither; `tables` may differ from the data by the writes of that moment."""
    binlog: BinlogPosition | None
    """None when the source writes no binary log. With `approximate` it lies at or before the data's instant."""
    lock_ms: float = 0.0
    """How long writers waited for us, in milliseconds."""
    tables: dict[str, TableDigest]
    objects: dict[str, int] = {}
    """Number of views, triggers, routines and events."""
    data: StoredData
    started_at: datetime
    finished_at: datetime
    tools: dict[str, str] = {}
    notes: list[str] = []
    quarantine: str | None = None
    """Why this backup must not be chosen by itself (it shrank, it is empty); None for a good one."""

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def to_bytes(self) -> bytes:
        """Canonical JSON with `manifest_sha256` over everything else."""
        body = self.model_dump(mode="json")
        body["manifest_sha256"] = _self_hash(body)
        return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, raw: bytes, where: str) -> Manifest:
        """Parse and check a stored manifest.

        Raises:
            CorruptBackup: not JSON, not a manifest, or its own hash does not match.
        """
        try:
            parsed: object = json.loads(raw)
        except ValueError:
            raise _corrupt(where, "the manifest is not JSON") from None
        if not isinstance(parsed, dict):
            raise _corrupt(where, "the manifest is not a JSON object")
        body = cast("dict[str, Any]", parsed)
        stated = body.pop("manifest_sha256", None)
        if stated != _self_hash(body):
            raise _corrupt(where, "the manifest's own hash does not match its content")
        if body.get("format") != FORMAT:
            raise _corrupt(
                where, f"the manifest has format {body.get('format')!r}; this program reads {FORMAT}"
            )
        try:
            return cls.model_validate(body)
        except ValidationError as problem:
            fields = ", ".join(".".join(map(str, error["loc"])) for error in problem.errors())
            raise _corrupt(where, f"the manifest lacks or garbles: {fields}") from None


def _self_hash(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _corrupt(where: str, what: str) -> CorruptBackup:
    return CorruptBackup(
        what,
        where=where,
        meaning="This backup cannot be trusted; nothing was restored from it.",
        next_step="Use the backup before it (planb backup list).",
    )
