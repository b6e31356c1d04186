"""What can go wrong in the data plane: one class a cause, each telling the person on call what to do next.

`exit_code` follows the CLI's contract: 1 failed, 2 usage, 3 refused (a precondition), 4 stopped half-way (run the
same command again). Nothing here ever holds a secret: texts pass `restore.log.redact` when they are shown.
"""

from __future__ import annotations

from typing import ClassVar


class DataPlaneError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        what: what happened, one sentence.
        where: the resource it happened to (a blob, a server, a table, a key of the configuration).
        meaning: what that means for the data.
        next_step: what to run or look at now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", meaning: str = "", next_step: str = "") -> None:
        self.what = what
        self.where = where
        self.meaning = meaning
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(part for part in (head, self.meaning, self.next_step) if part)

    def as_fields(self) -> dict[str, str | int]:
        """The same as a flat mapping for one JSON log line or a job's result."""
        return {
            "class": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "meaning": self.meaning,
            "next_step": self.next_step,
            "exit_code": self.exit_code,
        }


class ConfigurationError(DataPlaneError):
    """A setting is missing or wrong: nothing was started."""

    exit_code = 2


class Refused(DataPlaneError):
    """A precondition does not hold: nothing was changed."""

    exit_code = 3


class NoBackup(Refused):
    """The container has no valid backup at all."""


class MissingBackup(Refused):
    """The named backup, its data or its manifest is not in the container."""


class CorruptBackup(Refused):
    """A stored backup is not what was written: a hash, a size or the format is wrong."""


class WrongKey(Refused):
    """A backup is encrypted for keys that we do not have, or the key of that id is another one."""


class TargetNotEmpty(Refused):
    """The database to restore into has content and --replace was not given."""


class TargetIncompatible(Refused):
    """The target server cannot take this backup (version, parameters, packet size)."""


class LeaseHeld(Refused):
    """Somebody else is doing this right now."""


class AlreadyExists(Refused):
    """A blob that must be written once exists already."""


class Changed(Refused):
    """A blob changed since it was read: somebody else wrote it."""


class Unreachable(DataPlaneError):
    """A server or storage account does not answer (name, network, timeout)."""


class Unauthorized(DataPlaneError):
    """Credentials are wrong, expired or lack a permission."""


class TlsRefused(DataPlaneError):
    """The server's certificate is not one that we trust for its name."""


class DumpFailed(DataPlaneError):
    """The dump ended badly: nothing was published, the previous backup stays the newest."""


class UploadFailed(DataPlaneError):
    """Storage did not take the data in time: nothing was published."""


class Stalled(DataPlaneError):
    """No byte moved for too long: the peer hangs."""


class LoadFailed(DataPlaneError):
    """The target refused part of the dump; it holds a partial database, marked as such."""

    exit_code = 4


class PoisonTransaction(DataPlaneError):
    """The target refused a transaction of the binary log; the replay stands before it."""


class ContentDiffers(DataPlaneError):
    """What was restored is not what was backed up."""


class Interrupted(DataPlaneError):
    """Asked to stop (SIGTERM, SIGINT): the work in hand was abandoned cleanly."""

    exit_code = 4


class ServerRefused(DataPlaneError):
    """MySQL answered with an error; `code` is its number."""

    def __init__(
        self, what: str, *, code: int, where: str = "", meaning: str = "", next_step: str = ""
    ) -> None:
        self.code = code
        super().__init__(what, where=where, meaning=meaning, next_step=next_step)
