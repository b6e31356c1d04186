"""What both runbooks know of the two sites: stack outputs, the edge, the backup container, the provisioning step."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from runbook import backups, probes
from runbook.edge_switch import EdgeSwitch
from runbook.engine import Engine, Operation, Update, required
from runbook.errors import Consequence, PlanBError
from runbook.events import Bus
from runbook.failures import translating

if TYPE_CHECKING:
    from restore.jobs import Progress

PROD, DR = "prod", "dr"
JOB_POLL_S = 0.5
STANDING = ("pilot-light", "warm-standby")
"""The tiers of a standby that waits; the others are those of a failover."""
# What a person wants to see of an update; everything else is counted only.
NOTABLE = {
    "azure-native:dbformysql:Server": "database",
    "azure-native:containerservice:ManagedCluster": "cluster",
    "azure-native:containerservice:AgentPool": "pool",
    "azure-native:network:ApplicationGateway": "gateway",
    "azure-native:containerinstance:ContainerGroup": "restore-group",
}


class Sites:
    """Outputs are read once; a run sees one consistent picture."""

    def __init__(self, engine: Engine, *, patience_s: float | None = None) -> None:
        """`patience_s` bounds each question to storage; None waits as long as a restore may."""
        self.engine = engine
        self.prod = engine.outputs(PROD)
        self.dr = engine.outputs(DR)
        key_value_store = required(self.prod, PROD, "keyValueStoreArn")
        container = required(self.dr, DR, "backupContainerUrl")
        self.edge = EdgeSwitch(str(key_value_store))
        self.edge_url = str(self.prod["edgeUrl"])
        self.store = backups.container(str(container), patience_s=patience_s)

    def refresh_dr(self) -> dict[str, Any]:
        self.dr = self.engine.outputs(DR)
        return self.dr

    def aws_serves(self) -> bool:
        """Whether AWS's application answers, asked past the router; within ten seconds.

        Both at the load balancer and on the edge's path that leads to AWS in every mode: with `albIngress: cloudfront`
        only the edge is let in, and the edge alone must not decide while the balancer can be asked.
        """
        key = {"X-PlanB-Origin-Key": str(self.prod.get("originKey"))}
        questions: list[tuple[str, dict[str, str]]] = [(f"{self.origin_url}/actuator/health", key)]
        if through := self.prod.get("awsHealthUrl"):  # a site of an earlier release has none
            questions.append((str(through), {}))
        with ThreadPoolExecutor(len(questions)) as pool:
            answers = pool.map(lambda question: probes.get(question[0], (2, 5), question[1]), questions)
            return any(answer.status == 200 for answer in answers)

    @property
    def origin_url(self) -> str:
        """AWS past the edge; a site that an earlier release deployed has told only the balancer's name."""
        return str(self.prod.get("originUrl") or f"http://{self.prod.get('albDnsName')}")

    def edge_serves(self, times: int = 3) -> bool:
        """Several requests in a row through the edge, each with a row of the database."""
        return all(probes.known_row(self.edge_url).ok for _ in range(times))


def attempt(sites: Sites, run: str) -> str:
    """The name for a job of this run: `run`, or `run-2`, `run-3` … after attempts that failed.

    A container whose job has ended does not start again under the same name, and its progress would be read as ours.
    """
    from restore.jobs import Progress

    name, number = run, 1
    with translating():
        while (last := Progress.read(sites.store, name)) is not None and last.state == "failed":
            number += 1
            name = f"{run}-{number}"
    return name


def provision(sites: Sites, bus: Bus, step: str, failed: threading.Event) -> Update:
    """`up` of the standby with its sub-steps on the screen; sets `failed` so that followers give up."""

    def show(operation: Operation) -> None:
        label = NOTABLE.get(operation.type)
        if label:
            name = f"{step}.{operation.name if label == 'pool' else label}"
            verb = {"delete": "deleting", "create": "creating"}.get(operation.op, operation.op)
            if operation.finished_at:
                bus.emit("finished", f"{verb} {operation.name}", step=name)
            else:
                bus.emit("started", f"{verb} {operation.name}", step=name)

    try:
        update = sites.engine.up(DR, show)
    except BaseException:
        failed.set()
        raise
    sites.refresh_dr()
    return update


def follow(
    sites: Sites, bus: Bus, step: str, run: str, failed: threading.Event, *, timeout_s: float
) -> Progress:
    """Follows a container job by its progress blob until it ends; PlanBError with its own reason if it failed."""
    from restore.jobs import Progress

    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with translating():
            progress = Progress.read(sites.store, run)
        if progress is not None:
            share = (
                f" {min(1, progress.bytes_done / progress.bytes_total):.0%}" if progress.bytes_total else ""
            )
            bus.emit("progress", f"{progress.phase}{share}", step=step)
            if progress.state == "succeeded":
                return progress
            if progress.state == "failed":
                error = progress.error
                raise PlanBError(
                    error.what if error else "the job failed without a reason",
                    resource=error.where if error else f"job {run}",
                    meaning=error.meaning if error else "",
                    next_step=(error.next_step if error else "")
                    or "planb backup list, then the same command again",
                )
        if failed.is_set() and progress is None:
            raise Consequence(
                "its container never started, since the update failed",
                resource=f"job {run}",
                meaning="no data was touched",
                next_step="see the failed step, then run the same command again",
            )
        time.sleep(JOB_POLL_S)
    raise PlanBError(
        f"no result within {timeout_s:.0f} s",
        resource=f"job {run}",
        meaning="it may still be running in the standby's network",
        next_step="run the same command again to go on following it",
    )
