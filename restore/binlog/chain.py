"""Chains of segments as they lie in storage, and what may be restored from them.

Segments of one chain cover a source's log without a gap, each naming the one before by hash. Order and completeness
come from the log's coordinates in their names; listing order and clocks decide nothing. A gap ends a chain: the
shipper begins a new one, and a new base backup.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore.binlog import segment
from restore.binlog.segment import PREFIX, Header, Place
from restore.errors import CorruptBackup, MissingBackup
from restore.models import BinlogPosition

if TYPE_CHECKING:
    from restore.blobs import Container

AHEAD = 4
"""Segments on their way at once while a chain is read."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The unbroken beginning of a chain. `missing` says what lies behind it, when something does."""

    name: str
    places: tuple[Place, ...]
    missing: str = ""

    @property
    def begin(self) -> tuple[int, int]:
        return order(self.places[0].file, self.places[0].start)

    @property
    def end(self) -> tuple[int, int]:
        return order(self.places[-1].file, self.places[-1].end)

    def covers(self, position: BinlogPosition) -> bool:
        """Whether a replay may begin at this position."""
        return self.begin <= position.order <= self.end

    def since(self, position: BinlogPosition) -> Chain:
        """The part that a replay from `position` needs, the segment in whose middle it lies included."""
        needed = tuple(one for one in self.places if order(one.file, one.end) > position.order)
        return Chain(self.name, needed, self.missing)


def order(file: str, position: int) -> tuple[int, int]:
    """Comparable coordinates of one server's log."""
    return BinlogPosition(file=file, position=max(4, position)).order


def chains(container: Container, prefix: str = PREFIX) -> list[Chain]:
    """Every chain below `prefix`, by name; only names are read."""
    found: dict[str, list[Place]] = {}
    for info in container.list(prefix):
        if one := segment.place(info):
            found.setdefault(one.chain, []).append(one)
    return [_unbroken(name, places) for name, places in sorted(found.items())]


def _unbroken(name: str, places: list[Place]) -> Chain:
    places.sort(key=lambda one: (order(one.file, one.start), one.end))
    kept = [places[0]]
    for one in places[1:]:
        before = kept[-1]
        same = one.file == before.file and one.start == before.end
        (number, _), (last, _) = order(one.file, one.start), order(before.file, before.end)
        if not same and not (number == last + 1 and one.start == 4):
            missing = f"between {before.file}:{before.end} and {one.file}:{one.start} nothing was shipped"
            return Chain(name, tuple(kept), missing)
        kept.append(one)
    return Chain(name, tuple(kept))


def read(container: Container, chain: Chain, *, follows: str | None = None) -> Iterator[tuple[Header, bytes]]:
    """Headers and events of the chain's segments in order, each checked against the one before.

    Args:
        follows: sha256 that the first one must name as its predecessor; None trusts it.

    Raises:
        CorruptBackup, MissingBackup: at the first segment that is not what was written.
    """
    before, previous = follows, None
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="segments") as pool:
        fetched = [(one, pool.submit(container.read, one.info.name)) for one in chain.places[:AHEAD]]
        upcoming = iter(chain.places[AHEAD:])
        while fetched:
            one, future = fetched.pop(0)
            if following := next(upcoming, None):
                fetched.append((following, pool.submit(container.read, following.info.name)))
            blob, where = future.result(), f"{container}/{one.info.name}"
            if blob is None:
                raise MissingBackup("the segment is gone", where=where, meaning="The chain ends before it.")
            header, plain, sha = segment.unpack(blob, one.info.name, where)
            _linked(header, previous, before, where)
            yield header, plain
            before, previous = sha, header


def _linked(header: Header, previous: Header | None, before: str | None, where: str) -> None:
    wrong = ""
    if before is not None and header.previous != before:
        wrong = "it does not follow the segment before it (hash)"
    elif previous is not None and (header.file, header.start) != previous.after:
        wrong = f"it begins at {header.file}:{header.start} instead of {':'.join(map(str, previous.after))}"
    elif previous is not None and header.server_uuid != previous.server_uuid:
        wrong = "it comes from another server than the one before"
    if wrong:
        raise CorruptBackup(
            wrong, where=where, meaning="The chain ends before it: nothing after it can be restored.",
            next_step="Restore to the point before, and take a new base backup.",
        )  # fmt: skip


def last(container: Container, chain: Chain) -> tuple[Header, str]:
    """Header and sha256 of the chain's last segment."""
    name = chain.places[-1].info.name
    blob = container.read(name)
    if blob is None:
        raise MissingBackup("the segment is gone", where=f"{container}/{name}")
    header, _, sha = segment.unpack(blob, name, f"{container}/{name}")
    return header, sha
