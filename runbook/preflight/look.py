"""What the checks look at: each fact is read once, when the first check asks for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.engine import Engine, required
from runbook.errors import PlanBError, Refused
from runbook.preflight.asking import Arm
from runbook.preflight.model import Once
from runbook.sites import DR, PROD, Sites

if TYPE_CHECKING:
    from restore.blobs import Container
    from runbook.edge_switch import EdgeSwitch

PATIENCE_S = 6.0
"""A question to storage ends after so long."""
PREVIEW_S = 120
SUBSCRIPTION = re.compile(r"/subscriptions/([0-9a-fA-F-]{36})(/|$)")


@dataclass(frozen=True)
class Planned:
    """One resource that a failover would have; `new` if it would have to be made."""

    type: str
    name: str
    inputs: dict[str, Any]
    new: bool


@dataclass(frozen=True)
class Plan:
    """Everything that a failover would have on Azure, from a preview of the program at tier full."""

    resources: list[Planned] = field(default_factory=list[Planned])

    def of(self, type_: str, *, new: bool = False) -> list[Planned]:
        return [r for r in self.resources if r.type == type_ and (r.new or not new)]


def images_of(type_: str, inputs: dict[str, Any]) -> set[str]:
    """Images of a container group, or of the pods of a Deployment, StatefulSet, DaemonSet or Job."""
    boxes: list[Any] = []
    spec = inputs.get("spec")
    if type_.startswith("kubernetes:") and isinstance(spec, dict):
        template: dict[str, Any] = spec.get("template") or {}
        pod: dict[str, Any] = template.get("spec") or {}
        boxes = [*(pod.get("containers") or []), *(pod.get("initContainers") or [])]
    elif type_.endswith(":ContainerGroup"):
        boxes = list(inputs.get("containers") or [])
    return {str(box["image"]) for box in boxes if isinstance(box, dict) and box.get("image")}


class Look:
    """The two stacks, the container, the edge and the plan, as one preflight sees them."""

    def __init__(self, engine: Engine, known: Sites | None = None) -> None:
        """`known` are the sites as a run has just read them."""
        self.engine = engine
        # The Automation API is not made for questions side by side.
        self._engine_lock = threading.Lock()
        self.prod = Once(lambda: known.prod if known else self._ask(lambda: engine.outputs(PROD)))
        self.dr = Once(lambda: known.dr if known else self._ask(lambda: engine.outputs(DR)))
        self.prod_state = Once(lambda: self._ask(lambda: engine.deployment(PROD)))
        self.dr_state = Once(lambda: self._ask(lambda: engine.deployment(DR)))
        self.backend = Once(lambda: self._ask(engine.backend))
        self.plan = Once(lambda: plan(engine))  # only reads: it need not wait for the others
        self.store: Once[Container] = Once(self._store)
        self.arm = Once(lambda: Arm(self.subscription))

    def _ask(self, question: Any) -> Any:
        with self._engine_lock:
            return question()

    def _store(self) -> Container:
        from runbook import backups

        return backups.container(str(required(self.dr(), DR, "backupContainerUrl")), patience_s=PATIENCE_S)

    @cached_property
    def edge(self) -> EdgeSwitch:
        from runbook.edge_switch import EdgeSwitch

        return EdgeSwitch(str(required(self.prod(), PROD, "keyValueStoreArn")))

    @property
    def subscription(self) -> str:
        """Azure's subscription, from the ids of what is deployed there."""
        for resource in self.dr_state().get("resources") or []:
            found = SUBSCRIPTION.search(str(resource.get("id") or ""))
            if found:
                return found[1]
        raise Refused(
            "nothing in it has an Azure resource id",
            resource=f"stack {DR}",
            meaning="the subscription is not known",
            next_step=f"deploy it: pulumi up -s {DR}",
        )

    @property
    def location(self) -> str:
        return str(required(self.dr(), DR, "location"))

    def images(self) -> set[str]:
        """What the standby would run: its container groups, and the pods that AWS runs now, from the same manifests."""
        now = [(str(r["type"]), r.get("inputs") or {}) for r in self.prod_state().get("resources") or []]
        then = [(planned.type, planned.inputs) for planned in self.plan().resources]
        return {image for type_, inputs in now + then for image in images_of(type_, inputs)}

    def aws(self, type_: str) -> list[dict[str, Any]]:
        """Inputs of production's resources of this type."""
        resources = self.prod_state().get("resources") or []
        return [r.get("inputs") or {} for r in resources if r["type"] == type_]


def plan(engine: Engine) -> Plan:
    """What `pulumi up` of a failover would make. Configuration and state stay as they are: a preview takes no lock.

    Raises:
        PlanBError: the program does not preview at tier full; says why.
    """
    settings = {
        "tier": "full",
        "restoreJob": "restore",
        "restoreBackup": "preflight",
        "restoreRun": "preflight",
    }
    source = engine.directory / f"Pulumi.{DR}.yaml"
    with tempfile.TemporaryDirectory(prefix="planb-preflight-") as scratch:
        config = Path(scratch) / source.name
        shutil.copyfile(source, config)
        set_in(engine.directory, config, settings)
        return Plan([Planned(*step) for step in engine.preview(DR, config_file=config)])


def set_in(directory: Path, config: Path, settings: dict[str, str]) -> None:
    """Sets keys of planb: in a configuration file that is not the stack's own."""
    command = ["pulumi", "config", "set-all", "--stack", DR, "--config-file", str(config)]
    for name, value in settings.items():
        command += ["--plaintext", f"planb:{name}={value}"]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=PREVIEW_S, check=False
    )
    if done.returncode:
        raise PlanBError(
            (done.stderr.strip().splitlines() or ["pulumi config set-all failed"])[-1],
            resource=f"stack {DR}",
        )
