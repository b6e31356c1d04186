"""What keeps and what breaks the rules of policy/rules/tags.py."""

from __future__ import annotations

import json

from policy.model import UNKNOWN
from tests.unit.policy.examples.parts import AZURE_TAGS, NSG, TAGS, Examples, one

TAGS: dict[str, Examples] = {
    "tagged": Examples(
        good=[
            one("aws:ec2/vpc:Vpc", tags={"Name": "v"}, _provider={"defaultTags": json.dumps({"tags": TAGS})}),
            one("aws:ec2/vpc:Vpc", tagsAll=TAGS, _provider={}),
            one("aws:ec2/vpc:Vpc", _provider={"defaultTags": UNKNOWN}),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": k, "value": v, "propagateAtLaunch": True} for k, v in TAGS.items()],
                _provider={},
            ),
            one(NSG, tags=AZURE_TAGS),
            one(NSG, tags=UNKNOWN),
            one("azure-native:network:Subnet", addressPrefix="172.16.1.0/24"),
        ],
        bad=[
            one("aws:ec2/vpc:Vpc", tags={"Name": "v"}, _provider={}),
            one("aws:ec2/vpc:Vpc", _provider={"defaultTags": {"tags": {"Project": "blue"}}}),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": "Name", "value": "x", "propagateAtLaunch": True}],
                _provider={"defaultTags": {"tags": TAGS}},
            ),
            one(
                "aws:autoscaling/group:Group",
                tags=[{"key": k, "value": v, "propagateAtLaunch": False} for k, v in TAGS.items()],
            ),
            one(NSG, location="koreacentral"),
            one(NSG, tags={"project": "blue", "stack": ""}),
        ],
    ),
}
