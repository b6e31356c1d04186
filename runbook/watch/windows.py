"""Maintenance windows: `control/maintenance.json` in storage, so that every watcher on every machine keeps quiet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from runbook.errors import PlanBError, Refused
from runbook.failures import translating

if TYPE_CHECKING:
    from restore.blobs import Container

BLOB = "control/maintenance.json"


class Window(BaseModel):
    """From now until `until`; nobody is paged and nothing is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: datetime
    until: datetime
    why: str
    who: str

    def open(self, now: datetime) -> bool:
        return self.since <= now < self.until

    def __str__(self) -> str:
        return f"until {self.until:%Y-%m-%d %H:%M} UTC ({self.why}, by {self.who})"


def current(store: Container) -> Window | None:
    """The window that is open now."""
    with translating():
        raw = store.read(BLOB)
    if not raw or raw == b"{}":
        return None
    try:
        window = Window.model_validate_json(raw)
    except ValidationError:
        raise PlanBError(
            "does not say what window is open",
            resource=BLOB,
            meaning="watchers take it for none, and page",
            next_step="planb maintenance end",
        ) from None
    return window if window.open(datetime.now(UTC)) else None


def start(store: Container, window: Window) -> None:
    """Opens a window, or changes the one that is open."""
    if window.until <= window.since:
        raise Refused("it would end before it begins", resource="maintenance window")
    with translating():
        store.write(BLOB, window.model_dump_json().encode(), overwrite=True)


def end(store: Container) -> None:
    """Closes whatever window is open."""
    with translating():
        store.write(BLOB, b"{}", overwrite=True)
