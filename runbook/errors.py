"""What can go wrong in the runbook, told to the person on call, and the exit codes of `planb`."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The CLI's contract."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    STOPPED = 4


class PlanBError(Exception):
    """Something failed: what happened, to which resource, what it means, what to run next."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, resource: str = "", meaning: str = "", next_step: str = "") -> None:
        self.what, self.resource, self.meaning, self.next_step = what, resource, meaning, next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.resource}: {self.what}" if self.resource else self.what
        return " — ".join(part for part in (head, self.meaning, self.next_step) if part)


class UsageError(PlanBError):
    """The command line or its surroundings are wrong; nothing was started."""

    exit_code = ExitCode.USAGE


class Refused(PlanBError):
    """A precondition does not hold; the message says which and how to mend it."""

    exit_code = ExitCode.REFUSED


class Consequence(PlanBError):
    """Failed only because something else did, which is what has to be told."""


class Stopped(PlanBError):
    """Stopped half-way on purpose (Ctrl-C); the same command resumes."""

    exit_code = ExitCode.STOPPED
