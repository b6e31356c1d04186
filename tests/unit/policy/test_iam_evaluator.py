"""tests/iam.py against the rules that AWS documents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import iam

SECRET = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:blue/prod/db-backup-AbCdEf"
ROLE = "arn:aws:iam::123456789012:role/blue-backup"
READ = "secretsmanager:GetSecretValue"


def doc(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": READ, "Resource": SECRET, **more}


def decide(*statements: dict[str, Any], action: str = READ, resource: str = SECRET, **context: Any) -> str:
    return iam.decide(
        [doc(*statements)], action, resource, {k.replace("__", ":"): v for k, v in context.items()}
    )


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        (allow(), "allowed"),
        (allow(Action="SECRETSMANAGER:getsecretvalue"), "allowed"),  # actions fold case
        (allow(Action=["s3:GetObject", "secretsmanager:Get*"]), "allowed"),
        (allow(Action="secretsmanager:*Secret*"), "allowed"),
        (allow(Action="*"), "allowed"),
        (allow(Action="secretsmanager:PutSecretValue"), "implicitDeny"),
        (allow(Action="secretsmanager:GetSecretValu?"), "allowed"),
        (allow(Resource=SECRET.upper()), "implicitDeny"),  # resources do not
        (allow(Resource=SECRET[:-6] + "??????"), "allowed"),
        (allow(Resource=SECRET[:-6] + "?????"), "implicitDeny"),
        (allow(Resource="arn:aws:secretsmanager:*"), "allowed"),
        (allow(Resource=SECRET.replace("backup", "b.ckup")), "implicitDeny"),  # a dot is a dot
        (allow(Resource=[]), "implicitDeny"),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "allowed"),
        ({"Effect": "Allow", "NotAction": ["secretsmanager:*"], "Resource": "*"}, "implicitDeny"),
        ({"Effect": "Allow", "Action": "*", "NotResource": SECRET}, "implicitDeny"),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::*"}, "allowed"),
        ({"Effect": "Deny", "Action": READ, "Resource": SECRET}, "explicitDeny"),
    ],
)
def test_one_statement(statement: dict[str, Any], answer: str) -> None:
    assert decide(statement) == answer


def test_a_deny_wins_and_nothing_is_no() -> None:
    assert decide(allow(Action="*", Resource="*"), {"Effect": "Deny", "Action": "*", "Resource": "*"}) == (
        "explicitDeny"
    )
    assert iam.decide([], READ, SECRET) == "implicitDeny"
    assert iam.decide([json.dumps(doc(allow()))], READ, SECRET) == "allowed", "documents may be text"


@pytest.mark.parametrize(
    ("condition", "context", "answer"),
    [
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"aws:sourcevpce": "vpce-1"}, True),
        ({"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}, {"aws:SourceVpce": "vpce-2"}, True),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {}, False),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, {}, True),
        ({"StringNotEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}, {"aws:SourceVpce": "vpce-2"}, False),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, {"aws:SourceVpce": "vpce-9"}, False),
        (
            {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
            {"kms:ViaService": "s3"},
            False,
        ),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws:SecureTransport": "true"}, False),
        ({"Null": {"aws:TokenIssueTime": "true"}}, {}, True),
        ({"Null": {"aws:TokenIssueTime": "false"}}, {}, False),
        ({"NumericLessThanEquals": {"sts:DurationSeconds": "900"}}, {"sts:DurationSeconds": "901"}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.9.9.9"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.9.9.9"}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/blue-*"}}, {"aws:PrincipalArn": ROLE}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {}, False),
        ({"StringEquals": {"a:b": "1"}, "StringNotEquals": {"a:c": "2"}}, {"a:b": "1", "a:c": "2"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, Any], answer: bool) -> None:
    given = iam.decide([doc(allow(Condition=condition))], READ, SECRET, context)
    assert (given == "allowed") is answer


def test_variables() -> None:
    own = allow(Resource="arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/project}/*")
    assert decide(own, **{"aws:PrincipalTag/project": "blue"}) == "allowed"
    assert decide(own, **{"aws:PrincipalTag/project": "red"}) == "implicitDeny"
    assert decide(own) == "implicitDeny", "a variable without a value must match nothing"


def test_resource_policies() -> None:
    others = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": READ,
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": ROLE}},
    }

    def ask(principal: str, *policy: dict[str, Any], identity: bool = True) -> str:
        own = [doc(allow())] if identity else []
        return iam.decide(own, READ, SECRET, principal=principal, resource_policies=[doc(*policy)])

    other = ROLE.replace("backup", "web")
    assert ask(ROLE, others) == "allowed"
    assert ask(other, others) == "explicitDeny"
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "*",
        "Resource": "*",
    }
    assert ask(ROLE, root, identity=False) == "implicitDeny", (
        "root only hands the decision to identity policies"
    )
    assert ask(ROLE, {**root, "Effect": "Deny"}) == "explicitDeny"
    assert ask(ROLE, {**root, "Principal": {"AWS": [ROLE]}}, identity=False) == "allowed"
    assert (
        ask(other, {**root, "Principal": {"Service": "rds.amazonaws.com"}}, identity=False) == "implicitDeny"
    )


def test_what_it_does_not_know_is_an_error() -> None:
    with pytest.raises(iam.NotSupported, match="DateLessThan"):
        decide(allow(Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}))
    with pytest.raises(iam.NotSupported, match="NotPrincipal"):
        iam.decide([], READ, SECRET, resource_policies=[doc(allow(NotPrincipal={"AWS": ROLE}))])
    with pytest.raises(iam.NotSupported, match="no document known"):
        iam.aws_managed("arn:aws:iam::aws:policy/NoSuchPolicy")


text = st.text(alphabet="abAB:*?./-", max_size=12)


@given(text, st.text(alphabet="abAB:./-", max_size=12))
def test_glob_is_what_a_recursive_reader_says(pattern: str, subject: str) -> None:
    def plain(p: str, s: str) -> bool:
        if not p:
            return not s
        if p[0] == "*":
            return plain(p[1:], s) or (bool(s) and plain(p, s[1:]))
        return bool(s) and (p[0] in ("?", s[0])) and plain(p[1:], s[1:])

    assert iam.glob(pattern, subject) == plain(pattern, subject)


def test_documents_of_a_role_from_a_state() -> None:
    ssm = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    mine = "arn:aws:iam::123456789012:policy/blue-mine"
    resources = [
        {"type": "aws:iam/role:Role", "outputs": {"name": "blue-backup", "managedPolicyArns": [ssm]}},
        {"type": "aws:iam/role:Role", "outputs": {"name": "blue-web"}},
        {
            "type": "aws:iam/policy:Policy",
            "outputs": {"arn": mine, "policy": json.dumps(doc(allow(Action="s3:*")))},
        },
        {
            "type": "aws:iam/rolePolicy:RolePolicy",
            "outputs": {"role": "blue-backup", "policy": json.dumps(doc(allow()))},
        },
        {
            "type": "aws:iam/rolePolicy:RolePolicy",
            "outputs": {"role": "blue-web", "policy": json.dumps(doc(allow(Action="*")))},
        },
        *(
            {
                "type": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "outputs": {"role": "blue-backup", "policyArn": arn},
            }
            for arn in (ssm, mine)
        ),
    ]
    documents = iam.role_documents(resources, "blue-backup")
    assert len(documents) == 3, "inline, own managed, AWS's managed (attached twice, counted once)"
    assert iam.decide(documents, READ, SECRET) == "allowed"
    assert iam.decide(documents, "s3:GetObject", SECRET) == "allowed"
    assert iam.decide(documents, "ssm:UpdateInstanceInformation", "*") == "allowed"
    assert iam.decide(documents, "secretsmanager:PutSecretValue", SECRET) == "implicitDeny"
