"""The rules as Pulumi's policies: unwraps what the engine shows, words what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_policy as pp
from pulumi_policy import proxy

from policy.model import UNKNOWN, Finding, Resource, Rule, normalised
from policy.rules import RULES

UNKNOWNS = frozenset(
    getattr(proxy, name) for name in vars(proxy) if name.startswith("UNKNOWN_") and name.endswith("_VALUE")
)


def policies() -> list[pp.Policy]:
    """One policy a rule, in the order of the list."""
    return [_policy(rule) for rule in RULES]


def message(rule: Rule, finding: Finding) -> str:
    """What is wrong and what to do; the rule's own sentence stands above it."""
    return f"{finding.text}.\nWhat to do: {rule.remedy}"


def plain(value: Any) -> Any:
    """Ordinary data out of the engine's proxies, which raise where a value is not known yet."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # protobuf knows one kind of number
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except proxy.UnknownValueError:
        return UNKNOWN


def _resource(shown: pp.ResourceValidationArgs | pp.PolicyResource) -> Resource:
    return normalised(
        Resource(
            type=shown.resource_type,
            props=plain(shown.props),
            name=shown.name,
            urn=shown.urn,
            protect=shown.opts.protect,
            ignore_changes=tuple(shown.opts.ignore_changes),
            provider=plain(shown.provider.props) if shown.provider else None,
        )
    )


def _policy(rule: Rule) -> pp.Policy:
    common: dict[str, Any] = {
        "name": rule.name,
        "description": rule.says,
        "enforcement_level": pp.EnforcementLevel.MANDATORY
        if rule.mandatory
        else pp.EnforcementLevel.ADVISORY,
        "severity": pp.Severity(rule.severity.value),
        "remediation_steps": rule.remedy,
        "url": rule.source or None,
    }
    if rule.resource:
        one = rule.resource

        def validate(args: pp.ResourceValidationArgs, report: pp.ReportViolation) -> None:
            resource = _resource(args)
            for text in one(resource):
                report(message(rule, Finding(text=f"{resource.name}: {text}")), None)

        return pp.ResourceValidationPolicy(validate=validate, **common)
    assert rule.stack
    every = rule.stack

    def validate_stack(args: pp.StackValidationArgs, report: pp.ReportViolation) -> None:
        for finding in every([_resource(shown) for shown in args.resources]):
            report(message(rule, finding), finding.urn or None)

    return pp.StackValidationPolicy(validate=validate_stack, **common)
