"""Policies evaluated where a cloud's answer depends on them: a resource's for a service, a role's for Lambda.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from simcloud.kinds import Context

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
    for full, wanted in conditions.items():
        operator = full.removesuffix("IfExists")
        for key, patterns in wanted.items():
            value = context.get(key)
            if value is None and full != operator:
                continue
            if value is None:
                return False
            if operator in _WILD:
                met = any(_matches(pattern, value) for pattern in _list(patterns))
            else:
                met = operator in _EXACT and value in _list(patterns)
            if not met:
                return False
    return True


def allows(
    policy: Any, service: str, action: str, context: Mapping[str, str], resource: str | None = None
) -> bool:
    """Whether a resource's policy lets this service principal do this, in these circumstances.

    `resource` where a policy covers more than one (a bucket and its objects).
    """
    found = False
    for statement in json.loads(policy)["Statement"] if policy else []:
        principal = statement.get("Principal", {})
        named = principal == "*" or service in _list(
            principal.get("Service", []) if isinstance(principal, dict) else []
        )
        acted = any(_matches(a.lower(), action.lower()) for a in _list(statement.get("Action", [])))
        on = resource is None or any(_matches(r, resource) for r in _list(statement.get("Resource", [])))
        if named and acted and on and _holds(statement.get("Condition", {}), context):
            if statement["Effect"] == "Deny":
                return False
            found = True
    return found


def role_allows(ctx: Context, role: str, action: str, resources: list[str]) -> bool:
    """Whether a role's own policies, inline and attached, let it do this to each of these resources.

    AWS's managed policies are not evaluated: a role that has only those may do nothing here.
    """
    documents = [r.inputs["policy"] for r in ctx.find("aws:iam/rolePolicy:RolePolicy", role=role)]
    for attached in ctx.find("aws:iam/rolePolicyAttachment:RolePolicyAttachment", role=role):
        documents += [
            r.inputs["policy"] for r in ctx.find("aws:iam/policy:Policy", arn=attached.inputs["policyArn"])
        ]
    statements = [s for text in documents for s in _list(json.loads(text)["Statement"])]

    def one(resource: str) -> bool:
        effects = {
            s["Effect"]
            for s in statements
            if any(_matches(a.lower(), action.lower()) for a in _list(s.get("Action", [])))
            and any(_matches(r, resource) for r in _list(s.get("Resource", [])))
            and _holds(s.get("Condition", {}), {})
        }
        return effects == {"Allow"}

    return all(one(resource) for resource in resources)
