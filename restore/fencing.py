"""Which site is active, as storage knows it: `control/active.json`, written by the runbook at every change of sides.

The agent of a site that is not active publishes nothing under `backups/`. Otherwise a primary that comes back after a
failover would store its outdated data as "the newest backup".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from restore.errors import Changed, CorruptBackup, Refused

if TYPE_CHECKING:
    from restore.blobs import Container

BLOB = "control/active.json"
Site = Literal["aws", "azure"]


class Active(BaseModel):
    """The active site of an epoch; epochs only grow."""

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(ge=0)
    site: Site
    since: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def read(cls, container: Container) -> Active | None:
        """What is recorded; None before the first change of sides."""
        raw = container.read(BLOB)
        if raw is None:
            return None
        return _parsed(raw, container)

    def write(self, container: Container) -> None:
        """Record it, unless a later epoch is recorded already; writing the same again is fine.

        Raises:
            Changed: another epoch was recorded meanwhile.
            Refused: the recorded epoch is later, or the same with another site.
        """
        stored = container.read_with_etag(BLOB)
        body = self.model_dump_json().encode()
        if stored is None:
            try:
                container.write(BLOB, body)
            except Refused:
                raise Changed(
                    "another process recorded the active site", where=f"{container}/{BLOB}"
                ) from None
            return
        now = _parsed(stored[0], container)
        if (now.epoch, now.site) == (self.epoch, self.site):
            return
        if now.epoch >= self.epoch:
            raise Refused(
                f"epoch {now.epoch} ({now.site}) is recorded, ours is {self.epoch} ({self.site})",
                where=f"{container}/{BLOB}",
                meaning="Another failover or failback has happened since.",
            )
        container.write(BLOB, body, if_match=stored[1])


def _parsed(raw: bytes, container: Container) -> Active:
    try:
        return Active.model_validate_json(raw)
    except ValidationError:
        raise CorruptBackup("does not say which site is active", where=f"{container}/{BLOB}") from None


def require_active(container: Container, site: Site) -> None:
    """Raise `Refused` if another site is recorded as active."""
    active = Active.read(container)
    if active is not None and active.site != site:
        raise Refused(
            f"this is {site}, but {active.site} is active since {active.since:%Y-%m-%d %H:%M:%S} UTC"
            f" (epoch {active.epoch})",
            meaning="Nothing of this site is published as a backup.",
            next_step="`planb failback` makes it active again; to keep its data use --prefix diverged/<epoch>/.",
        )
