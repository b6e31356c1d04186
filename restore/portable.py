"""Makes a dump loadable by anybody: takes the DEFINER out of views, triggers, routines and events as it streams by.

RDS and Azure have no SUPER, so `CREATE DEFINER=somebody_else` is refused there; without the clause the restoring
user becomes the definer. Only the lines that mysqldump itself writes are touched, and only at the start of a
statement: never a row's data (rows are on lines that begin with INSERT) nor the inside of a routine's body.
"""

from __future__ import annotations

import re

_ACCOUNT = rb"`(?:[^`]|``)*`@`(?:[^`]|``)*`"
_VIEW = re.compile(rb"^/\*!50013 DEFINER=" + _ACCOUNT + rb" SQL SECURITY (DEFINER|INVOKER) \*/")
_TRIGGER = re.compile(rb"^(/\*!50003 CREATE\*/) /\*!50017 DEFINER=" + _ACCOUNT + rb"\*/ (/\*!50003 TRIGGER )")
_EVENT = re.compile(rb"^(/\*!50106 CREATE\*/) /\*!50117 DEFINER=" + _ACCOUNT + rb"\*/ (/\*!50106 EVENT )")
_ROUTINE = re.compile(rb"^CREATE DEFINER=" + _ACCOUNT + rb" (PROCEDURE|FUNCTION) ")
_VIEW_HEAD = b"/*!50001 CREATE ALGORITHM="
_DATA = (b"INSERT INTO ", b"REPLACE INTO ", b"(")
OBJECTS = ("views", "triggers", "routines", "events")


class DefinerFilter:
    """Feed it chunks; it gives back the same bytes less the DEFINER clauses, and counts what it met in `objects`."""

    def __init__(self) -> None:
        self.objects: dict[str, int] = dict.fromkeys(OBJECTS, 0)
        self._line = bytearray()
        """Start of a line that is not data, kept until it is whole."""
        self.longest_line = 0
        """Bytes of the longest line so far: a row's statement is one line, so it bounds the packet that is needed."""
        self._length = 0
        self._in_data = False
        self._at_statement = True
        self._delimiter = b";"

    def feed(self, chunk: bytes) -> bytes:
        """Bytes that may go on."""
        out: list[bytes] = []
        start = 0
        while start < len(chunk):
            end = chunk.find(b"\n", start) + 1
            piece = chunk[start:end] if end else chunk[start:]
            start = end or len(chunk)
            self._length += len(piece)
            if end:
                self.longest_line = max(self.longest_line, self._length)
                self._length = 0
            if self._in_data:
                out.append(piece)
                if end:
                    self._in_data = False
                continue
            self._line += piece
            if self._at_statement and self._delimiter == b";" and self._line.startswith(_DATA):
                out.append(bytes(self._line))
                self._line.clear()
                self._in_data = not end
            elif end:
                out.append(self._whole_line(bytes(self._line)))
                self._line.clear()
        return b"".join(out)

    def finish(self) -> bytes:
        """What is left at the end."""
        rest = bytes(self._line)
        self._line.clear()
        return self._whole_line(rest) if rest else b""

    def _whole_line(self, line: bytes) -> bytes:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"DELIMITER "):
            self._delimiter = text.removeprefix(b"DELIMITER ").strip()
            self._at_statement = True
            return line
        if self._at_statement:
            line = self._rewritten(line)
        between = not text or text.startswith(
            (b"--", _VIEW_HEAD)
        )  # leaves us where we were: at a start, or not
        self._at_statement = text.endswith(self._delimiter) or (self._at_statement and between)
        return line

    def _rewritten(self, line: bytes) -> bytes:
        for kind, pattern, replacement in (
            ("views", _VIEW, rb"/*!50013 SQL SECURITY \1 */"),
            ("triggers", _TRIGGER, rb"\1 \2"),
            ("events", _EVENT, rb"\1 \2"),
            ("routines", _ROUTINE, rb"CREATE \1 "),
        ):
            line, found = pattern.subn(replacement, line, count=1)
            self.objects[kind] += found
        return line
