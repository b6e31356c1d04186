"""Every policy document of the deployed state, linted: nothing above low, and no action that AWS does not have."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader

from policy.rules.identity import DOCUMENTS, TRUST
from tests.engine.conftest import Site, resources

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore")]


OIDC = r"oidc\.eks\.[a-z0-9-]+\.amazonaws\.com/id/[0-9A-F]{32}"
# Findings that stay: the issue, the whole of its detail, and the reason.
ACCEPTED = (
    (
        "UNKNOWN_FEDERATION_SOURCE",
        rf"arn:aws:iam::\d{{12}}:oidc-provider/{OIDC}",
        "The linter knows SAML providers only; roles for service accounts trust the cluster's OIDC provider: "
        "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
    ),
    (
        "UNKNOWN_CONDITION_FOR_ACTION",
        rf"Unknown condition {OIDC}:(sub|aud) for action sts:AssumeRoleWithWebIdentity",
        "The keys of a provider carry its own name: "
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif",
    ),
    (
        "UNKNOWN_CONDITION_FOR_ACTION",
        r"Unknown condition lambda:SourceFunctionArn for action ec2:\w+",
        "Lambda puts the key into every call that a function's code makes, whatever the service: "
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    ),
)


def accepted(finding: Any) -> bool:
    return any(
        finding.issue == issue and re.fullmatch(detail, str(finding.detail)) for issue, detail, _ in ACCEPTED
    )


def documents(found: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(name, type, property, document) of everything in the state that is a policy document, wherever it stands."""
    for resource in found:
        for key, value in (resource.get("outputs") or {}).items():
            for document in _within(value):
                yield resource["urn"].rpartition("::")[2], resource["type"], key, document


def _within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, str) and '"Statement"' in value:
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for inner in value.values():
                yield from _within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner)


def exists(action: str) -> bool:
    """Whether the SDK of AWS has the operation: parliament's list is older than some."""
    service, _, name = action.partition(":")
    return name in Loader().load_service_model(service, "service-2")["operations"]


def test_every_document_is_clean(deployed: Site) -> None:
    parliament: Any = importlib.import_module("parliament")
    wrong: list[str] = []
    places: set[tuple[str, str]] = set()
    for name, kind, key, document in documents(resources(deployed, "prod")):
        places.add((kind, key))
        if (key, TRUST) in DOCUMENTS.get(kind, ()):
            # A role's trust has no Resource; the linter knows documents with one only.
            document = {**document, "Statement": [{**one, "Resource": "*"} for one in document["Statement"]]}
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
            finding = parliament.enhance_finding(finding)
            unknown = finding.issue == "UNKNOWN_ACTION" and not exists(finding.location["string"])
            if (finding.severity != "LOW" or unknown) and not accepted(finding):
                wrong.append(f"{name} ({kind}): {finding.severity} {finding.issue} {finding.detail}")
    assert wrong == []
    kinds = {kind for kind, _ in places}
    assert {"aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"} <= kinds, "found too little to be believed"
    known = {(kind, key) for kind, keys in DOCUMENTS.items() for key, _ in keys}
    assert {place for place in places if place[0].startswith("aws:")} <= known, (
        "the policy pack does not know these"
    )


def test_the_linter_finds_what_is_wrong() -> None:
    """The linter and our second look at its weakest finding do find mistakes."""
    parliament: Any = importlib.import_module("parliament")

    def issues(action: str, resource: str) -> set[str]:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return {finding.issue for finding in parliament.analyze_policy_string(text).findings}

    assert issues("s3:GetObject", "arn:aws:s3:::bucket") == {"RESOURCE_MISMATCH"}
    assert issues("secretsmanager:GetSecretValu", "arn:aws:secretsmanager:*:*:secret:x") == {"UNKNOWN_ACTION"}
    assert exists("sts:GetWebIdentityToken") and not exists("secretsmanager:GetSecretValu")
