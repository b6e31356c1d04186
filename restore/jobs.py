"""Progress of a container job, as a blob that the runbook follows: `jobs/<run>/progress.json`.

The job is the only writer of its run; the blob is overwritten, so a reader always sees one whole state.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, ValidationError

from restore.errors import CorruptBackup, DataPlaneError
from restore.models import TableDigest

if TYPE_CHECKING:
    from restore.blobs import Container

Phase = Literal[
    "waiting",
    "verifying",
    "preflight",
    "loading",
    "comparing",
    "replaying",
    "users",
    "fencing",
    "backup",
    "done",
]


class JobError(BaseModel):
    """Why a job failed; the fields of `DataPlaneError`."""

    error_class: str
    what: str
    where: str = ""
    meaning: str = ""
    next_step: str = ""
    exit_code: int

    @classmethod
    def of(cls, error: DataPlaneError) -> JobError:
        return cls(
            error_class=type(error).__name__,
            what=error.what,
            where=error.where,
            meaning=error.meaning,
            next_step=error.next_step,
            exit_code=error.exit_code,
        )


class Progress(BaseModel):
    """State of one job run; times are UTC, sizes bytes (compressed for a restore)."""

    run: str
    job: Literal["restore", "backup", "unlock", "follow"]
    state: Literal["running", "succeeded", "failed"] = "running"
    phase: Phase = "waiting"
    bytes_done: int = 0
    bytes_total: int = 0
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    backup: str = ""
    """The backup restored (for `follow`: the last one), or (for `backup`) the one made; its name without suffix."""
    tables: dict[str, TableDigest] = Field(default_factory=dict)
    """For a succeeded restore: what the target holds; for a backup: what it contains."""
    already_restored: bool = False
    """An earlier run had finished this very restore; nothing was loaded again."""
    notes: list[str] = Field(default_factory=list)
    error: JobError | None = None

    @property
    def finished(self) -> bool:
        return self.state != "running"

    @staticmethod
    def blob_name(run: str) -> str:
        return f"jobs/{run}/progress.json"

    @classmethod
    def read(cls, container: Container, run: str) -> Progress | None:
        """The newest state of a run; None while the job has not written one.

        Raises:
            CorruptBackup: the blob is not a progress record.
        """
        raw = container.read(cls.blob_name(run))
        if raw is None:
            return None
        try:
            return cls.model_validate_json(raw)
        except ValidationError:
            raise CorruptBackup(
                "is not a job's progress", where=f"{container}/{cls.blob_name(run)}"
            ) from None

    def write(self, container: Container) -> None:
        """Store this state, replacing the one before."""
        container.write(self.blob_name(self.run), self.model_dump_json(indent=1).encode(), overwrite=True)
