"""What set-up says when something is missing."""

from __future__ import annotations


class SetupProblem(Exception):
    """A missing piece that set-up cannot install, with the command that mends it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}\n  mend it: {mend}")
        self.what = what
        self.mend = mend
