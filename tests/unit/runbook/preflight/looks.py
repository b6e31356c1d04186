"""A look at two sites in memory: what the checks see, to be changed by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from runbook.errors import PlanBError
from runbook.preflight.asking import Arm
from runbook.preflight.look import Look, Plan, Planned
from runbook.preflight.model import Finding
from tests.unit.runbook.fakes import Store

SERVER = "azure-native:dbformysql:Server"
CLUSTER = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"


def planned() -> list[Planned]:
    """What a failover builds, as far as the checks look at it."""
    sku = {"name": "Standard_B2s", "tier": "Burstable"}
    server = {"serverName": "mysql-dr-blue", "version": "8.0.21", "sku": sku}
    profile = {"vmSize": "Standard_B2s", "count": 2}
    parameter = {"configurationName": "sql_generate_invisible_primary_key", "value": "OFF"}
    return [
        Planned("azure-native:network:VirtualNetwork", "vnet", {}, False),
        Planned(SERVER, "db", server, True),
        Planned("azure-native:dbformysql:Configuration", "gipk", parameter, True),
        Planned(CLUSTER, "aks", {"kubernetesVersion": "1.35", "agentPoolProfiles": [profile]}, True),
        Planned(POOL, "was", {"vmSize": "Standard_B2s", "count": 2}, True),
        Planned("azure-native:network:PublicIPAddress", "ip", {}, True),
    ]


@dataclass
class FakeArm:
    """Answers by the end of the path; an exception is raised."""

    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    subscription: str = "00000000-0000-4000-8000-0000000b1a4b"

    def get(self, path: str, api: str, **query: str) -> Any:
        for end, answer in self.answers.items():
            if path.endswith(end):
                if isinstance(answer, Exception):
                    raise answer
                return answer
        raise PlanBError(f"nobody answers {path}")

    def listed(self, path: str, api: str, **query: str) -> list[dict[str, Any]]:
        return list(self.get(path, api)["value"])

    def post(self, path: str, api: str, body: Any) -> Any:
        return self.get(path, api)


@dataclass
class FakeLook:
    """`runbook.preflight.look.Look` with its facts at hand."""

    arm_answers: dict[str, Any] = field(default_factory=dict[str, Any])
    resources: list[Planned] = field(default_factory=planned)
    prod_outputs: dict[str, Any] = field(
        default_factory=lambda: {"region": "ap-northeast-2", "backupInterval": 300}
    )
    dr_outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    prod_deployment: dict[str, Any] = field(default_factory=dict[str, Any])
    dr_deployment: dict[str, Any] = field(default_factory=dict[str, Any])
    location: str = "koreacentral"
    subscription: str = "00000000-0000-4000-8000-0000000b1a4b"
    container: Store = field(default_factory=Store)
    edge: Any = None
    url: str = "azblob://state"
    problem: dict[str, Exception] = field(default_factory=dict[str, Exception])
    """What fails, by the fact's name."""

    def _fact(self, name: str, value: Any) -> Any:
        if name in self.problem:
            raise self.problem[name]
        return value

    def arm(self) -> Arm:
        return cast(Arm, self._fact("arm", FakeArm(self.arm_answers)))

    def plan(self) -> Plan:
        return self._fact("plan", Plan(self.resources))

    def prod(self) -> dict[str, Any]:
        return self._fact("prod", self.prod_outputs)

    def dr(self) -> dict[str, Any]:
        return self._fact("dr", self.dr_outputs)

    def prod_state(self) -> dict[str, Any]:
        return self._fact("prod_state", self.prod_deployment)

    def dr_state(self) -> dict[str, Any]:
        return self._fact("dr_state", self.dr_deployment)

    def backend(self) -> str:
        return self._fact("backend", self.url)

    def store(self) -> Store:
        return self._fact("store", self.container)

    def aws(self, type_: str) -> list[dict[str, Any]]:
        return Look.aws(cast(Look, self), type_)

    def images(self) -> set[str]:
        return Look.images(cast(Look, self))


def found(check: Callable[..., list[Finding]], look: FakeLook, **more: Any) -> list[tuple[str, str]]:
    """(severity, what) of each finding; a finding that is not fine says how to mend it."""
    findings = check(cast(Look, look), **more)
    assert findings, "a check says something, always"
    for finding in findings:
        if finding.severity in ("blocker", "warning"):
            assert finding.meaning and finding.next_step, finding
    return [(finding.severity, finding.what) for finding in findings]


def severities(check: Callable[..., list[Finding]], look: FakeLook, **more: Any) -> list[str]:
    return [severity for severity, _ in found(check, look, **more)]
