"""What keeps and what breaks the rules of policy/rules/cost.py."""

from __future__ import annotations

from tests.unit.policy.examples.parts import (
    ACCOUNT,
    AZURE_MYSQL,
    BLOBS,
    GATEWAY,
    GATEWAY_OK,
    LIGHT,
    MYSQL,
    NSG,
    STACK,
    Examples,
    of,
)

LIFECYCLE = "azure-native:storage:ManagementPolicy"

COST: dict[str, Examples] = {
    "standby-costs-at-most-10-dollars": Examples(
        good=[
            [
                LIGHT,
                *[of(ACCOUNT, **BLOBS)] * 2,
                of(LIFECYCLE),
                of("azure-native:privatedns:PrivateZone"),
                of(NSG),
            ],
            [of(STACK, tier="full"), of(GATEWAY, **GATEWAY_OK), of(MYSQL, **AZURE_MYSQL)],
            [of(STACK, edgeUrl="x"), of(GATEWAY, **GATEWAY_OK)],
        ],
        bad=[
            [LIGHT, of(GATEWAY, **GATEWAY_OK)],
            [LIGHT, of(MYSQL, **AZURE_MYSQL)],
            [LIGHT, of(ACCOUNT), of(LIFECYCLE), *[of("azure-native:network:PublicIPAddress")] * 2],
            [LIGHT, of("azure-native:quantum:Workspace")],
        ],
    ),
}
