"""What a failover and a failback are alike in: one epoch, a name for its container job, the memory of its steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from runbook import sites
from runbook.events import Bus
from runbook.sites import Sites

Act = Callable[[], dict[str, Any]]


class Run:
    """One run; what it remembers of a step is what the journal keeps, so a resumed run can go on from there."""

    def __init__(self, site: Sites, bus: Bus, kind: str, epoch: int) -> None:
        self._sites, self._bus, self.kind, self.epoch = site, bus, kind, epoch
        self.run_id = sites.attempt(site, f"{kind}-{epoch}")
        self._failed = threading.Event()
        self._memory: dict[str, dict[str, Any]] = {}

    def remember(self, results: Mapping[str, dict[str, Any]]) -> None:
        """What the verified steps returned in the run that is being resumed, by name."""
        self._memory.update(results)

    def did(self, step: str) -> bool:
        """Whether the step was done, in this run or the one that it resumes."""
        return step in self._memory

    def _keep(self, name: str, act: Act) -> Act:
        """`act`, remembered when it is done; when it fails, whoever waits for a job that was not started gives up."""

        def run() -> dict[str, Any]:
            try:
                self._memory[name] = act()
            except BaseException:
                self._failed.set()
                raise
            return self._memory[name]

        return run
