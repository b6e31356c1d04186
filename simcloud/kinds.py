"""What a simulated resource type is, and what it may reach.

One subclass of `Kind` per modelled type, registered by `@kind`. The provider server (`provider.py`) calls it in
the order of the engine's protocol: `check` at preview and update, then `validate`, then (after the modelled
latency) `create`, `update` or `delete`. A type without a `Kind` is an error: nothing here says yes by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from simcloud.state import State
    from simcloud.world import World

Properties = dict[str, Any]
"""Wire-named properties (camelCase), plain JSON values: secrets unwrapped, unknowns replaced by `UNKNOWN`."""


class _Unknown:
    """A value that the engine does not know yet (preview only)."""

    def __repr__(self) -> str:
        return "<unknown>"

    def __bool__(self) -> bool:
        return False


UNKNOWN = _Unknown()


class CloudError(Exception):
    """A refusal, in the cloud's own words.

    `code` is the cloud's error code ("InvalidArgument", "SkuNotAvailable"), `message` its text. What the user
    sees is `str(error)`, shaped as the real provider shows it. `retryable` marks throttling, which the real
    providers retry by themselves and so do we.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable


@dataclass
class Resource:
    """One simulated resource as the clouds know it (kept in SQLite)."""

    urn: str
    type: str
    id: str
    cloud: str  # "aws" | "azure-native" | "kubernetes" | "random"
    region: str  # "ap-northeast-2", "koreacentral", "us-east-1", "global", …
    inputs: Properties
    outputs: Properties = field(default_factory=dict[str, Any])
    status: str = "ready"  # "creating" | "ready" | "failed" | "deleting"
    created_at: float = 0.0
    home: str = ""
    """Within what the id is unique, where that is less than the account: the cluster of a Kubernetes object."""

    def get(self, name: str, default: Any = None) -> Any:
        """The property as deployed: the output if there is one, else the input."""
        value = self.outputs.get(name, self.inputs.get(name, default))
        return default if value is None else value


@dataclass(frozen=True)
class Context:
    """What a `Kind` may use while it handles one call."""

    state: State
    world: World
    region: str  # of the provider instance that asks
    provider_config: Mapping[
        str, Any
    ]  # that instance's configuration (region, kubeconfig, subscriptionId, …)
    urn: str
    account: str = "123456789012"  # AWS account
    subscription: str = "00000000-0000-4000-8000-0000000b1a4b"  # Azure subscription
    tenant: str = "00000000-0000-4000-8000-0000000e47ab"

    def find(self, type_: str, **equal: Any) -> list[Resource]:
        """Resources of this type whose property (outputs before inputs) equals each given value."""
        return self.state.find(type_, **equal)

    def by_id(self, type_: str, id_: str) -> Resource | None:
        """The resource of this type with this id, or None."""
        return self.state.by_id(type_, id_)


class Kind:
    """One modelled resource type; the defaults suit a plain resource with no life of its own."""

    type: ClassVar[str] = ""
    """Pulumi token, for example "aws:rds/instance:Instance"."""
    latency: ClassVar[str | None] = None
    """Row of `latency.TABLE`; None is an ordinary control-plane call (about a second, scaled)."""
    update_latency: ClassVar[str | None] = None
    delete_latency: ClassVar[str | None] = None
    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Wire names of inputs (dotted where nested) whose change replaces the resource, as in the cloud."""
    delete_before_replace: ClassVar[bool] = False
    regional: ClassVar[bool] = True
    """False for global services (IAM, CloudFront, Route 53), which survive a dark region."""
    opaque: ClassVar[frozenset[str]] = frozenset()
    """Inputs that the cloud answers in another shape (a list of ids as a map): unknown in a preview."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Dotted paths within inputs that the cloud alone fills in: a preview keeps them, or says "unknown yet"."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """What the cloud fills in when the input is absent; shown as outputs, never as a difference."""

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        """What the provider fills in at Check: automatic names, defaulted locations. `old` are the previous inputs."""
        return inputs

    def replaces(self, old: Properties, new: Properties, changed: list[str]) -> list[str]:
        """Which of the changed inputs replace the resource."""

        def value(properties: Properties, path: str) -> Any:
            found: Any = properties
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            return found

        moved = {path.split(".")[0] for path in self.replace_on if value(old, path) != value(new, path)}
        return [name for name in changed if name in moved]

    def latency_of(self, inputs: Properties) -> str | None:
        """The row of `latency.TABLE` for creating it with these inputs."""
        return self.latency

    def home_of(self, ctx: Context) -> str:
        """Within what its ids are unique; "" is the whole account or subscription."""
        return ""

    def lookup(self, ctx: Context, id_: str) -> Resource | None:
        """The resource of this type with this id, among those that the asking provider can mean."""
        return ctx.state.by_id(self.type, id_, self.home_of(ctx))

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        """Where the resource lives, and with which region it goes dark."""
        return ctx.region if self.regional else "global"

    def check(self, ctx: Context, inputs: Properties) -> None:
        """What the provider refuses before any call to the cloud (also at preview; values may be UNKNOWN)."""

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        """What the cloud refuses on create (`old` is None) or update. Raise `CloudError` in its words."""

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        """A new id in the cloud's format; `name` is the Pulumi name."""
        raise NotImplementedError(f"{self.type} has no identify()")

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        """Computed outputs over the inputs. Declared outputs that stay absent are null, as in the cloud."""
        return {}

    def create(self, ctx: Context, res: Resource) -> Properties:
        """Make it real (start a server, store a secret); returns further outputs. Runs after the latency."""
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        """Bring the real thing from `old` to `res`; returns changed outputs."""
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        """Take the real thing away; raise `CloudError` where the cloud refuses (DependencyViolation)."""

    def read(self, ctx: Context, res: Resource) -> Properties | None:
        """Outputs as they are now, for refresh; None when the real thing is gone."""
        return res.outputs


K = TypeVar("K", bound=Kind)

KINDS: dict[str, Kind] = {}
"""Every modelled type by token; filled when `simcloud.catalog` imports the service modules."""


def kind(cls: type[K]) -> type[K]:
    """Registers a `Kind`; two for one token is a programming error."""
    if cls.type in KINDS:
        raise ValueError(f"{cls.type} is modelled twice")
    KINDS[cls.type] = cls()
    return cls


class Function:
    """One modelled provider function (`aws.ssm.get_parameter` and the like)."""

    token: ClassVar[str] = ""

    def invoke(self, ctx: Context, args: Properties) -> Properties:
        raise NotImplementedError


F = TypeVar("F", bound=Function)

FUNCTIONS: dict[str, Function] = {}


def function(cls: type[F]) -> type[F]:
    """Registers a provider function by its token."""
    if cls.token in FUNCTIONS:
        raise ValueError(f"{cls.token} is modelled twice")
    FUNCTIONS[cls.token] = cls()
    return cls
