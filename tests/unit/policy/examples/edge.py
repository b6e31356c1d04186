"""What keeps and what breaks the rules of policy/rules/edge.py."""

from __future__ import annotations

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import BEHAVIOUR, DISTRIBUTION, EDGE, ORIGIN, Examples, one

EDGE: dict[str, Examples] = {
    "no-writes-to-an-origin-group": Examples(
        good=[
            one(
                DISTRIBUTION,
                **{**EDGE, "defaultCacheBehavior": {**BEHAVIOUR, "allowedMethods": ["GET", "POST"]}},
            ),
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior={"targetOriginId": "both", "allowedMethods": ["GET", "HEAD"]},
            ),
            one(DISTRIBUTION, originGroups=UNKNOWN, defaultCacheBehavior=UNKNOWN),
        ],
        bad=[
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior={"targetOriginId": "both", "allowedMethods": ["GET", "HEAD", "POST"]},
            ),
            one(
                DISTRIBUTION,
                originGroups=[{"originId": "both"}],
                defaultCacheBehavior=BEHAVIOUR,
                orderedCacheBehaviors=[
                    {"pathPattern": "/api/*", "targetOriginId": "both", "allowedMethods": ["DELETE"]},
                ],
            ),
        ],
    ),
    "edge-keys-belong-to-the-runbook": Examples(
        good=[
            one(
                "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey",
                key="mode",
                value="aws",
                _ignore_changes=("value",),
            )
        ],
        bad=[
            one("aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey", key="mode", value="aws"),
            one("aws:cloudfront/keyvaluestoreKeysExclusive:KeyvaluestoreKeysExclusive", keyValueStoreArn="a"),
        ],
    ),
    "origin-is-locked": Examples(
        good=[
            one(DISTRIBUTION, **EDGE),
            one(DISTRIBUTION, origins=[{"originId": "s", "domainName": "x.web.core.windows.net"}]),
        ],
        bad=[one(DISTRIBUTION, origins=[{k: v for k, v in ORIGIN.items() if k != "customHeaders"}])],
    ),
}
