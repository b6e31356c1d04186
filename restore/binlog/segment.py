"""One shipped piece of the binary log: whole transactions of one file, compressed, with its place in the chain.

A segment is one blob, written once: a zstd skippable frame with the header as JSON, then one zstd frame with the
events. One write a segment keeps the bill low, and header and data cannot part. The header names the segment before it
by the hash of its bytes, so a chain cannot be cut, reordered or mended unseen. `zstd -d` gives the bare events.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restore.errors import CorruptBackup

if TYPE_CHECKING:
    from restore.blobs import BlobInfo

PREFIX = "binlog/"
SUFFIX = ".zst"
NAME = re.compile(r"binlog/(?P<chain>[^/]+)/(?P<file>[^/]+)\.(?P<start>\d{10,})-(?P<end>\d{10,})\.zst$")
SKIPPABLE = 0x184D2A50.to_bytes(4, "little")
LEVEL = 3
FORMAT = 1


class Header(BaseModel):
    """What a segment says of itself. Positions are bytes in the source's file; times are the source's clock, UTC."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    chain: str
    number: int = Field(ge=1)
    """1 for the first of its chain, then one more each."""
    server_uuid: str
    file: str
    start: int = Field(ge=4)
    end: int = Field(ge=4)
    next_file: str = ""
    """Set when the source's file ends here: the chain goes on at position 4 of that one."""
    open: bool = False
    """It ends within a transaction too big for one segment; nothing can end here."""
    transactions: int = Field(ge=0)
    """Completed in it."""
    first_commit: datetime | None = None
    last_commit: datetime | None = None
    format_event: str
    """The file's format description event, hex: without it the events cannot be read."""
    plain_bytes: int = Field(ge=0)
    plain_sha256: str
    previous: str = ""
    """sha256 of the whole segment before; empty for the first."""
    shipped_at: datetime

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.chain}/{self.file}.{self.start:010d}-{self.end:010d}{SUFFIX}"

    @property
    def after(self) -> tuple[str, int]:
        """(file, position) where the next segment begins."""
        return (self.next_file, 4) if self.next_file else (self.file, self.end)


@dataclass(frozen=True, slots=True)
class Place:
    """What a blob's name says of a segment; nothing was read yet."""

    chain: str
    file: str
    start: int
    end: int
    info: BlobInfo


def place(info: BlobInfo) -> Place | None:
    """The segment that a blob's name stands for; None for other blobs."""
    match = NAME.match(info.name)
    return (
        Place(match["chain"], match["file"], int(match["start"]), int(match["end"]), info) if match else None
    )


def pack(header: Header, plain: bytes) -> tuple[bytes, str]:
    """(the blob's bytes, their sha256)."""
    import zstandard

    text = header.model_dump_json().encode()
    packed = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(plain)
    blob = SKIPPABLE + len(text).to_bytes(4, "little") + text + packed
    return blob, hashlib.sha256(blob).hexdigest()


def unpack(blob: bytes, name: str, where: str) -> tuple[Header, bytes, str]:
    """(header, events, the blob's sha256) of the segment stored under `name`; `where` is for messages.

    Raises:
        CorruptBackup: it is not what was written.
    """
    import zstandard

    header, at = _header(blob, where)
    try:
        plain = zstandard.ZstdDecompressor().decompress(blob[at:], max_output_size=header.plain_bytes)
    except zstandard.ZstdError as problem:
        raise _corrupt(where, f"the segment does not unpack ({problem})") from None
    if len(plain) != header.plain_bytes or hashlib.sha256(plain).hexdigest() != header.plain_sha256:
        raise _corrupt(where, "the events' hash does not match the header")
    if header.name != name:
        raise _corrupt(where, f"the segment belongs at {header.name}")
    return header, plain, hashlib.sha256(blob).hexdigest()


def _header(blob: bytes, where: str) -> tuple[Header, int]:
    at = 8 + int.from_bytes(blob[4:8], "little")
    if blob[:4] != SKIPPABLE or at > len(blob):
        raise _corrupt(where, "the segment has no header")
    try:
        found = json.loads(blob[8:at])
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise _corrupt(where, f"the header's format is not {FORMAT}")
        return Header.model_validate(found), at
    except (ValueError, ValidationError):
        raise _corrupt(where, "the header is garbled") from None


def _corrupt(where: str, what: str) -> CorruptBackup:
    return CorruptBackup(
        what,
        where=where,
        meaning="The chain ends before it: nothing after it can be restored.",
        next_step="Restore to the point before (planb backup list), and take a new base backup.",
    )
