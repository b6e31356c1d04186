"""Every rule against what keeps it and what breaks it, and every rule against what is not known yet."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import exceptions
from policy.model import UNKNOWN, Resource
from policy.rules import RULES, cost, identity, tags
from policy.rules.identity import no_star_actions
from simcloud import kinds, sdktypes
from tests.unit.policy.examples import EXAMPLES, Stack, inline

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDKs' deprecated types, parliament's pkg_resources
BY_NAME = {rule.name: rule for rule in RULES}


def pairs(kind: str) -> list[Any]:
    return [
        pytest.param(name, stack, id=f"{name}-{number}")
        for name, examples in EXAMPLES.items()
        for number, stack in enumerate(getattr(examples, kind))
    ]


@pytest.mark.parametrize(("name", "stack"), pairs("good"))
def test_keeps(name: str, stack: Stack) -> None:
    assert BY_NAME[name].broken_by(stack) == []


@pytest.mark.parametrize(("name", "stack"), pairs("bad"))
def test_breaks(name: str, stack: Stack) -> None:
    findings = BY_NAME[name].broken_by(stack)
    assert findings, f"{name} lets it pass"
    assert all(finding.urn for finding in findings), "a finding must say which resource"
    for finding in findings:
        assert "UNKNOWN" not in finding.text and "None" not in finding.text, finding.text


def test_every_rule_has_examples_of_both_kinds() -> None:
    assert list(EXAMPLES) == [rule.name for rule in RULES]
    assert all(examples.good and examples.bad for examples in EXAMPLES.values())


def test_rules_read_well() -> None:
    assert len(BY_NAME) == len(RULES)
    for rule in RULES:
        assert rule.says.endswith(".") and rule.remedy.endswith("."), rule.name
        assert bool(rule.resource) != bool(rule.stack), rule.name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_is_not_known_is_held_against_nobody(rule: Any) -> None:
    """Each part of each example becomes unknown in turn: no rule stumbles."""
    for stack in (*EXAMPLES[rule.name].good, *EXAMPLES[rule.name].bad):
        for index, resource in enumerate(stack):
            for key in resource.props:
                hidden = Resource(**{**vars(resource), "props": {**resource.props, key: UNKNOWN}})
                rule.broken_by([*stack[:index], hidden, *stack[index + 1 :]])
                for path in _members(resource.props[key]):
                    deep = Resource(**{**vars(resource), "props": {**resource.props, key: path}})
                    rule.broken_by([*stack[:index], deep, *stack[index + 1 :]])


def _members(value: Any) -> list[Any]:
    """The value with each of its inner parts unknown in turn."""
    if isinstance(value, dict):
        return [{**value, key: inner} for key in value for inner in (UNKNOWN, *_members(value[key]))]
    if isinstance(value, list):
        return [
            [*value[:index], inner, *value[index + 1 :]]
            for index in range(len(value))
            for inner in (UNKNOWN, *_members(value[index]))
        ]
    return []


def test_the_examples_are_what_the_sdks_take() -> None:
    """A rule that reads a misspelt property never fires: each example is checked against the provider's own types."""
    wrong: list[str] = []
    for name, examples in EXAMPLES.items():
        for stack in (*examples.good, *examples.bad):
            for resource in stack:
                kind = resource.type.replace("/v20241230:", ":")
                if kind.startswith("pulumi:") or kind == "azure-native:quantum:Workspace":
                    continue
                shape = sdktypes.shape(kind)
                if shape is None:
                    wrong.append(f"{name}: no type {kind}")
                    continue
                given = {
                    key: _for_sdk(value)
                    for key, value in resource.props.items()
                    if value is not None and key not in ("id", *(shape.outputs - set(shape.inputs)))
                }
                wrong += [
                    f"{name}: {kind} {found.path} {found.reason}"
                    for found in sdktypes.violations(shape, given)
                    if found.reason != "Missing required argument"
                ]
    assert wrong == []


def _for_sdk(value: Any) -> Any:
    """With simcloud's own word for what is not known."""
    if isinstance(value, dict):
        return {key: _for_sdk(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_for_sdk(inner) for inner in value]
    return kinds.UNKNOWN if value is UNKNOWN else value


def test_the_tables_name_real_types() -> None:
    listed = {*tags.UNTAGGED, *cost.FREE, *cost.MONTHLY_USD, *identity.DOCUMENTS}
    assert {name for name in listed if sdktypes.shape(name) is None} == set()
    assert not cost.FREE & set(cost.MONTHLY_USD)


def test_untagged_types_have_no_tags() -> None:
    taking = {name for name in tags.UNTAGGED if "tags" in (sdktypes.shape(name) or pytest.fail(name)).inputs}
    assert taking <= {"azure-native:containerservice:AgentPool", "azure-native:keyvault:Secret"}


def test_actions_without_resource_have_none() -> None:
    """The table of exceptions against IAM's own list of actions, as parliament has it."""
    parliament = importlib.import_module("parliament")
    takes = {
        f"{service['prefix']}:{privilege['privilege']}".lower(): [
            kind["resource_type"] for kind in privilege["resource_types"] if kind["resource_type"]
        ]
        for service in parliament.iam_definition
        for privilege in service["privileges"]
    }
    assert {action: takes[action] for action in exceptions.NO_RESOURCE if takes[action]} == {}


# IAM documents: one of something or a list of it, any case, wildcards anywhere.
word = st.text("abcXYZ", min_size=1, max_size=6)
precise = st.builds("{}:{}".format, word, word)


def maybe_list(inner: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return inner | st.lists(inner, min_size=1, max_size=3)


@given(maybe_list(precise), maybe_list(st.sampled_from(["*", "arn:aws:s3:::b"])))
def test_precise_actions_are_never_stars(action: Any, resource: Any) -> None:
    assert (
        no_star_actions.broken_by(inline({"Effect": "Allow", "Action": action, "Resource": resource})) == []
    )


@given(
    st.lists(precise, max_size=3),
    st.builds("{}:{}".format, word, st.sampled_from(["*", "**"])) | st.just("*"),
    st.data(),
)
def test_a_star_is_found_wherever_it_stands(others: list[str], star: str, data: st.DataObject) -> None:
    actions = data.draw(st.permutations([*others, star]))
    shaped: Any = actions if others or data.draw(st.booleans()) else star
    statements = [{"Effect": "Allow", "Action": shaped, "Resource": "arn:aws:s3:::b"}]
    if data.draw(st.booleans()):
        statements.insert(0, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    assert no_star_actions.broken_by(inline(*statements))


keys = st.sampled_from(["Statement", "Effect", "Action", "Resource", "Principal", "Condition", "x"])
junk = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=12,
)


@given(junk)
def test_no_document_breaks_the_rules_of_identity(value: Any) -> None:
    """Whatever stands in a policy, the answer is findings or none, never an error."""
    for rule in (
        BY_NAME[name] for name in ("no-star-actions", "changes-name-their-resource", "trust-is-narrow")
    ):
        for kind, ((key, _),) in ((k, v) for k, v in identity.DOCUMENTS.items()):
            rule.broken_by([Resource(type=kind, props={key: json.dumps(value)}, urn="u")])
