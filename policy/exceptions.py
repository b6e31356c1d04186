"""The exceptions, all of them, each by its statement and with its reason. A rule knows none of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Exempt:
    """One statement that a rule lets pass."""

    rule: str
    types: tuple[str, ...]
    statement: Callable[[Mapping[str, Any]], bool]
    reason: str


def _root_of_one_account(statement: Mapping[str, Any]) -> bool:
    who = statement.get("Principal")
    named = who.get("AWS") if isinstance(who, Mapping) and set(who) == {"AWS"} else None
    return (
        isinstance(named, str)
        and named.startswith("arn:aws:iam::")
        and named.endswith(":root")
        and statement.get("Action") in ("kms:*", ["kms:*"])
    )


EXEMPT: tuple[Exempt, ...] = (
    Exempt(
        rule="no-star-actions",
        types=("aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy"),
        statement=_root_of_one_account,
        reason="A key that its account's IAM cannot manage is lost when its administrators are; AWS's "
        "default key policy has this statement. It gives nobody anything by itself: IAM policies decide. "
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    ),
)

# Actions that take no resource: AWS refuses or ignores anything but "*".
# https://docs.aws.amazon.com/service-authorization/latest/reference/ (column "Resource types" is empty)
NO_RESOURCE: dict[str, str] = {
    "ecr:getauthorizationtoken": "the token is the registry's",
    "cloudwatch:putmetricdata": "metrics have no ARN",
    "xray:puttracesegments": "traces have no ARN",
    "xray:puttelemetryrecords": "traces have no ARN",
}


def excused(rule: str, type_: str, statement: Mapping[str, Any]) -> bool:
    """Whether a statement is on the list."""
    return any(one.rule == rule and type_ in one.types and one.statement(statement) for one in EXEMPT)
