"""A dump as a sequence of statements: rows of a table, or everything else.

mysqldump escapes line ends inside values, so a row's statement ends where a line ends with `;` (MySQL writes one line,
MariaDB many), and everything between two of them is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_INSERT = b"INSERT INTO `"
_TABLE = re.compile(rb"INSERT INTO (`(?:[^`]|``)+`)")
_CREATE = re.compile(rb"^CREATE TABLE (?:IF NOT EXISTS )?(`(?:[^`]|``)+`) \(\n")
_KEY = re.compile(rb"^  (?:FULLTEXT |SPATIAL )?KEY ")
_CONSTRAINT = re.compile(rb"^  CONSTRAINT `(?:[^`]|``)+` FOREIGN KEY ")
_DROPPED = (b"LOCK TABLES ", b"UNLOCK TABLES;", b"/*!40000 ALTER TABLE ")
"""Of no use when several sessions load, and in their way."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One INSERT statement, without its semicolon."""

    table: bytes
    """Quoted."""
    sql: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """Statements that are not rows. `barrier`: what follows must see every row that came before (a trigger)."""

    sql: bytes
    barrier: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """What is added to a table after its rows: `ALTER TABLE … ADD KEY …`; `last` waits for all other tables too."""

    table: bytes
    sql: bytes
    last: bool


class Splitter:
    """Feed it the dump; it gives Rows, Text and Deferred in order."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._insert = bytearray()
        self._create = bytearray()
        self._delimiter = b";"

    def feed(self, piece: bytes) -> Iterator[Rows | Text | Deferred]:
        """What is whole by now."""
        self._rest += piece
        end = self._rest.rfind(b"\n") + 1
        if not end:
            return
        whole = bytes(self._rest[:end])
        del self._rest[:end]
        yield from self._lines(whole)

    def finish(self) -> Iterator[Rows | Text | Deferred]:
        """What is left at the end."""
        if self._rest:
            yield from self._lines(bytes(self._rest) + b"\n")
            self._rest.clear()
        if left := bytes(self._insert or self._create):
            yield Text(left)

    def _lines(self, whole: bytes) -> Iterator[Rows | Text | Deferred]:
        plain: list[bytes] = []
        for line in _split(whole):
            if self._insert or (self._delimiter == b";" and not self._create and line.startswith(_INSERT)):
                if plain:
                    yield Text(b"".join(plain))
                    plain = []
                self._insert += line
                if line.endswith(b";\n"):
                    sql = bytes(self._insert[:-2])
                    match = _TABLE.match(sql)
                    assert match is not None
                    yield Rows(match[1], sql)
                    self._insert.clear()
            elif self._create or (self._delimiter == b";" and line.startswith(b"CREATE TABLE ")):
                self._create += line
                if line.endswith(b";\n"):
                    create, deferred = without_keys(bytes(self._create))
                    plain.append(create)
                    self._create.clear()
                    if deferred:
                        yield Text(b"".join(plain))
                        plain = []
                        yield from deferred
            elif line.startswith(b"DELIMITER "):
                self._delimiter = line.split()[1]
                if self._delimiter != b";":
                    if plain:
                        yield Text(b"".join(plain))
                        plain = []
                    yield Text(line, barrier=True)
                else:
                    plain.append(line)
            elif not (self._delimiter == b";" and line.startswith(_DROPPED)):
                plain.append(line)
        if plain:
            yield Text(b"".join(plain))


def _split(whole: bytes) -> list[bytes]:
    """Lines that end with a line feed only: a carriage return may stand inside a routine."""
    return [line + b"\n" for line in whole.split(b"\n")[:-1]]


def without_keys(create: bytes) -> tuple[bytes, list[Deferred]]:
    """(the statement without secondary keys and foreign keys, what adds them afterwards).

    Unique keys stay (rows are told apart by them), and so does everything of a table whose AUTO_INCREMENT column is
    not the beginning of its primary key: the server wants a key for it at once.
    """
    head = _CREATE.match(create)
    lines = _split(create)
    if head is None or not _may_defer(lines):
        return create, []
    keys = [line for line in lines if _KEY.match(line)]
    constraints = [line for line in lines if _CONSTRAINT.match(line)]
    if not keys and not constraints:
        return create, []
    kept = [line for line in lines if line not in keys and line not in constraints]
    close = next(index for index, line in enumerate(kept) if line.startswith(b")"))
    kept[close - 1] = kept[close - 1].rstrip(b",\n") + b"\n"
    table = head[1]
    deferred: list[Deferred] = []
    for added, last in ((keys, False), (constraints, True)):
        if added:
            what = b", ".join(b"ADD " + line.strip().rstrip(b",") for line in added)
            deferred.append(Deferred(table, b"ALTER TABLE " + table + b" " + what, last))
    return b"".join(kept), deferred


def _may_defer(lines: list[bytes]) -> bool:
    primary = next((line for line in lines if line.startswith(b"  PRIMARY KEY (")), b"")
    counted = next((line for line in lines if line.startswith(b"  `") and b" AUTO_INCREMENT" in line), None)
    if counted is None:
        return True
    column = counted.strip().split(b"`")[1]
    return primary.startswith(b"  PRIMARY KEY (`" + column + b"`")
