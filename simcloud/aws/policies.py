"""Resource policies evaluated for an AWS service, where a cloud's answer depends on one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

# ArnEquals and ArnLike behave identically:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
_WILD = {"ArnLike", "ArnEquals", "StringLike"}
_EXACT = {"StringEquals"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: Any, value: str) -> bool:
    # "[" is no wildcard in IAM.
    return fnmatchcase(value, str(pattern).replace("[", "[[]"))


def _holds(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether each condition is met; an operator that is not modelled is never met."""
    for operator, wanted in conditions.items():
        for key, patterns in wanted.items():
            value = context.get(key)
            if value is None:
                return False
            if operator in _WILD:
                met = any(_matches(pattern, value) for pattern in _list(patterns))
            else:
                met = operator in _EXACT and value in _list(patterns)
            if not met:
                return False
    return True


def allows(policy: Any, service: str, action: str, context: Mapping[str, str]) -> bool:
    """Whether a resource's policy lets this service principal do this, in these circumstances."""
    found = False
    for statement in json.loads(policy)["Statement"] if policy else []:
        principal = statement.get("Principal", {})
        named = principal == "*" or service in _list(
            principal.get("Service", []) if isinstance(principal, dict) else []
        )
        acted = any(_matches(a.lower(), action.lower()) for a in _list(statement.get("Action", [])))
        if named and acted and _holds(statement.get("Condition", {}), context):
            if statement["Effect"] == "Deny":
                return False
            found = True
    return found
