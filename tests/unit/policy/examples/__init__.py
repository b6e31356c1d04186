"""For every rule: stacks that keep it and stacks that break it. A stack is the resources that matter to the rule."""

from __future__ import annotations

from tests.unit.policy.examples.compute import COMPUTE
from tests.unit.policy.examples.cost import COST
from tests.unit.policy.examples.data import DATA
from tests.unit.policy.examples.edge import EDGE
from tests.unit.policy.examples.encryption import ENCRYPTION
from tests.unit.policy.examples.identity import IDENTITY
from tests.unit.policy.examples.network import NETWORK
from tests.unit.policy.examples.parts import Examples, Stack, inline
from tests.unit.policy.examples.secrets import SECRETS
from tests.unit.policy.examples.tags import TAGS

__all__ = ["EXAMPLES", "Stack", "inline"]

EXAMPLES: dict[str, Examples] = {
    **NETWORK,
    **ENCRYPTION,
    **IDENTITY,
    **SECRETS,
    **DATA,
    **COMPUTE,
    **EDGE,
    **TAGS,
    **COST,
}
