from __future__ import annotations

import pytest

from tests.unit.runbook.fakes import Clouds


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Clouds:
    """AWS dark, a pilot light on Azure, three whole backups."""
    made = Clouds().install(monkeypatch)
    for minute in (0, 5, 10):
        made.store.publish(minute)
    return made
