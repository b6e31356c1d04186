"""The administration host is busy while a verb runs on it: it must not retire then."""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from restore.errors import Refused
from restore.settings import rooted

LOCK = Path("/run/planb/verbs.lock")


@contextmanager
def held(*, exclusive: bool) -> Generator[None]:
    """Shared by the verbs; exclusive for `retire`, which does not wait.

    Raises:
        Refused: a verb runs (for `retire`), or the host is about to go.
    """
    path = rooted(LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as problem:
        raise Refused(
            f"cannot be opened: {problem.strerror}", where=str(path), next_step="Run this as root."
        ) from None
    with handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            busy = "a verb runs on this host" if exclusive else "this host is retiring"
            raise Refused(busy, where=str(path), next_step="Try again later.") from None
        yield
