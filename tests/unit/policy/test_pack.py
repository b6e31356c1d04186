"""The rules as Pulumi runs them: over its proxies, with its levels, in its words."""

from __future__ import annotations

from typing import Any

import pulumi_policy as pp
import pytest
from pulumi_policy import proxy

from policy import pack
from policy.model import UNKNOWN
from policy.rules import RULES
from tests import policies_doc

OPTIONS = pp.PolicyResourceOptions(True, ["value"], None, [], pp.PolicyCustomTimeouts(0, 0, 0), [])
POLICIES = {policy.name: policy for policy in pack.policies()}


def resource_says(name: str, type_: str, **props: Any) -> list[str]:
    """What a resource policy reports, from the proxies that the engine would hand it."""
    shown = proxy.unknown_checking_proxy(props)
    args = pp.ResourceValidationArgs(type_, shown, f"urn:{type_}::it", "it", OPTIONS, None)
    said: list[str] = []
    policy = POLICIES[name]
    assert isinstance(policy, pp.ResourceValidationPolicy)
    policy.validate(args, lambda text, urn=None: said.append(text))
    return said


def test_every_rule_is_a_policy_with_its_level_and_severity() -> None:
    assert list(POLICIES) == [rule.name for rule in RULES]
    for rule in RULES:
        policy = POLICIES[rule.name]
        level = pp.EnforcementLevel.MANDATORY if rule.mandatory else pp.EnforcementLevel.ADVISORY
        assert (policy.enforcement_level, policy.severity) == (level, pp.Severity(rule.severity.value))
        assert (policy.description, policy.remediation_steps) == (rule.says, rule.remedy)


def test_a_violation_says_what_and_what_to_do() -> None:
    said = resource_says("no-public-database", "aws:rds/instance:Instance", publiclyAccessible=True)
    assert len(said) == 1
    assert said[0].startswith("it: publiclyAccessible is true.\nWhat to do: AWS: publicly_accessible=False.")


def test_what_is_not_known_yet_is_not_reported() -> None:
    unknown = proxy.UNKNOWN_BOOLEAN_VALUE
    assert resource_says("no-public-database", "aws:rds/instance:Instance", publiclyAccessible=unknown) == []
    assert resource_says("no-public-database", "azure-native:dbformysql:Server", network={"x": unknown})


def test_options_reach_the_rules() -> None:
    kind = "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
    assert resource_says("edge-keys-belong-to-the-runbook", kind, key="mode") == []
    assert resource_says("data-is-protected", "azure-native:storage:BlobContainer") == []


def test_plain_data_out_of_proxies() -> None:
    shown = proxy.unknown_checking_proxy(
        {
            "a": [1.0, 1.5, {"b": proxy.UNKNOWN_STRING_VALUE}],
            "c": proxy.UNKNOWN_ARRAY_VALUE,
            "d": None,
            "e": "x",
        }
    )
    assert pack.plain(shown) == {"a": [1, 1.5, {"b": UNKNOWN}], "c": UNKNOWN, "d": None, "e": "x"}


def test_a_stack_policy_names_the_resource() -> None:
    resources = [
        pp.PolicyResource(
            "aws:ec2/vpc:Vpc",
            proxy.unknown_checking_proxy({"id": "vpc-1"}),
            "urn:v",
            "v",
            OPTIONS,
            None,
            None,
            [],
            {},
        )
    ]
    said: list[Any] = []
    policy = POLICIES["network-is-logged"]
    assert isinstance(policy, pp.StackValidationPolicy)
    policy.validate(pp.StackValidationArgs(resources), lambda text, urn=None: said.append((text, urn)))
    assert [urn for _, urn in said] == ["urn:v"]


def test_a_rule_that_takes_the_unknown_for_an_answer_fails_loudly() -> None:
    with pytest.raises(TypeError, match="not known yet"):
        bool(UNKNOWN)


def test_the_page_is_current() -> None:
    assert policies_doc.PAGE.read_text(encoding="utf-8") == policies_doc.page(), "run `make docs`"
