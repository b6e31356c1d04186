"""The rules, by theme. Each says what holds, what to do when it does not, and how bad that is."""

from __future__ import annotations

from policy.model import Rule
from policy.rules.compute import COMPUTE
from policy.rules.cost import COST
from policy.rules.data import DATA
from policy.rules.edge import EDGE
from policy.rules.encryption import ENCRYPTION
from policy.rules.identity import IDENTITIES
from policy.rules.network import NETWORK
from policy.rules.secrets import SECRETS
from policy.rules.tags import TAGS

THEMES: dict[str, list[Rule]] = {
    "Network": NETWORK,
    "Encryption": ENCRYPTION,
    "Identity": IDENTITIES,
    "Secrets": SECRETS,
    "Data": DATA,
    "Machines and versions": COMPUTE,
    "Edge": EDGE,
    "Tags": TAGS,
    "Cost": COST,
}
RULES = [rule for rules in THEMES.values() for rule in rules]
