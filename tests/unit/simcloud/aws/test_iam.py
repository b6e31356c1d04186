"""Roles, policies, instance profiles, OpenID Connect, keys."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from simcloud.aws import iam
from simcloud.kinds import KINDS, UNKNOWN, CloudError

from .conftest import ACCOUNT, REGION, Aws, policy, trust

OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ALIAS = "aws:kms/alias:Alias"
READ = policy(Effect="Allow", Action="s3:GetObject", Resource="*")
SSM = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def test_a_role(aws: Aws) -> None:
    role = aws.role("nodes", "ec2.amazonaws.com")
    assert (role.id, role.region) == ("nodes", "global")
    assert role.outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:role/nodes"
    assert re.fullmatch(r"AROA[A-Z0-9]{17}", role.outputs["uniqueId"])
    given = {"name": "nodes", "assumeRolePolicy": trust("ec2.amazonaws.com")}
    aws.refuses("EntityAlreadyExists", "Role with name nodes already exists.", iam.ROLE, given)
    aws.change(role, description="same name")
    assert aws.replaced(role, name="other", assumeRolePolicy=READ) == ["name"]


def test_a_role_by_prefix_keeps_its_name(aws: Aws) -> None:
    given = {"namePrefix": "nodes-", "assumeRolePolicy": trust("ec2.amazonaws.com")}
    role = aws.make(iam.ROLE, given)
    assert re.fullmatch(r"nodes-[0-9a-f]+", role.id)
    again = KINDS[iam.ROLE].autoname(aws.ctx(), given, "x", role.inputs)
    assert again["name"] == role.id


@pytest.mark.parametrize("name", ["a b", "x" * 65])
def test_a_role_name(aws: Aws, name: str) -> None:
    given = {"name": name, "assumeRolePolicy": trust("ec2.amazonaws.com")}
    aws.refuses("ValidationError", f"Value '{name}' at 'roleName'", iam.ROLE, given)
    aws.make(iam.ROLE, {**given, "name": "x" * 64})


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "{}",
        "[]",
        json.dumps({"Statement": []}),
        policy(Action="*", Resource="*"),
        policy(Effect="allow", Action="*", Resource="*"),
        policy(Effect="Allow", Resource="*"),
    ],
)
def test_a_policy_document_must_be_one(aws: Aws, document: str) -> None:
    code, text = "MalformedPolicyDocument", "Syntax errors in policy."
    aws.role("r", "ec2.amazonaws.com")
    aws.refuses(code, text, iam.ROLE, {"name": "x", "assumeRolePolicy": document})
    aws.refuses(code, text, iam.POLICY, {"name": "x", "policy": document})
    aws.refuses(code, text, iam.INLINE, {"name": "x", "role": "r", "policy": document})
    aws.refuses(code, text, iam.KEY, {"policy": document})


def test_a_trust_policy_names_who_and_a_permission_what(aws: Aws) -> None:
    code = "MalformedPolicyDocument"
    nobody = policy(Effect="Allow", Action="sts:AssumeRole")
    aws.refuses(code, "Missing required field Principal", iam.ROLE, {"name": "x", "assumeRolePolicy": nobody})
    nothing = policy(Effect="Allow", Action="s3:GetObject")
    aws.role("r", "ec2.amazonaws.com")
    text = "Policy statement must contain resources."
    aws.refuses(code, text, iam.POLICY, {"name": "x", "policy": nothing})
    aws.refuses(code, text, iam.INLINE, {"name": "x", "role": "r", "policy": nothing})
    aws.make(iam.POLICY, {"name": "x", "policy": READ})


def test_an_unknown_trust_policy_waits(aws: Aws) -> None:
    KINDS[iam.ROLE].check(aws.ctx(), {"assumeRolePolicy": UNKNOWN})
    with pytest.raises(CloudError):
        KINDS[iam.ROLE].check(aws.ctx(), {"assumeRolePolicy": "{"})


def test_a_role_with_policies_stays(aws: Aws) -> None:
    role = aws.role("nodes", "ec2.amazonaws.com")
    attachment = aws.make(iam.ATTACHMENT, {"role": "nodes", "policyArn": SSM})
    assert attachment.id == f"nodes/{SSM}"
    text = "Cannot delete entity, must detach all policies first."
    aws.refuses_delete("DeleteConflict", text, role)
    aws.delete(attachment)
    inline = aws.make(iam.INLINE, {"role": "nodes", "name": "read", "policy": READ})
    assert inline.id == "nodes:read"
    text = "Cannot delete entity, must delete policies first."
    aws.refuses_delete("DeleteConflict", text, role)
    aws.delete(inline)
    profile = aws.make(iam.PROFILE, {"name": "p", "role": "nodes"})
    text = "must remove roles from instance profile first."
    aws.refuses_delete("DeleteConflict", text, role)
    aws.delete(profile)
    aws.delete(role)


def test_attachments_point_at_what_exists(aws: Aws) -> None:
    aws.role("nodes", "ec2.amazonaws.com")
    text = "The role with name none cannot be found."
    aws.refuses("NoSuchEntity", text, iam.ATTACHMENT, {"role": "none", "policyArn": SSM})
    aws.refuses("NoSuchEntity", text, iam.INLINE, {"role": "none", "name": "n", "policy": READ})
    for missing in (f"arn:aws:iam::{ACCOUNT}:policy/mine", "arn:aws:iam::aws:policy/AmazonSSMManagedCore"):
        text = f"Policy {missing} does not exist or is not attachable."
        aws.refuses("NoSuchEntity", text, iam.ATTACHMENT, {"role": "nodes", "policyArn": missing})
    aws.make(iam.POLICY, {"name": "mine", "policy": READ})
    aws.make(iam.ATTACHMENT, {"role": "nodes", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/mine"})


def test_a_policy(aws: Aws) -> None:
    made = aws.make(iam.POLICY, {"name": "mine", "policy": READ})
    assert made.id == made.outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:policy/mine"
    text = "A policy called mine already exists."
    aws.refuses("EntityAlreadyExists", text, iam.POLICY, {"name": "mine", "policy": READ})
    aws.change(made, policy=policy(Effect="Deny", Action="*", Resource="*"))
    aws.role("nodes", "ec2.amazonaws.com")
    attachment = aws.make(iam.ATTACHMENT, {"role": "nodes", "policyArn": made.id})
    text = "Cannot delete a policy attached to entities."
    aws.refuses_delete("DeleteConflict", text, made)
    aws.delete(attachment)
    aws.delete(made)
    assert aws.replaced(made, description="d", policy=READ) == ["description"]


def test_an_instance_profile_carries_a_role_that_ec2_may_assume(aws: Aws) -> None:
    aws.role("eks", "eks.amazonaws.com")
    aws.role("nodes", "ec2.amazonaws.com")
    text = "The role eks cannot be assumed by ec2.amazonaws.com"
    aws.refuses("InvalidParameterValue", text, iam.PROFILE, {"name": "p", "role": "eks"})
    text = "The role with name none cannot be found."
    aws.refuses("NoSuchEntity", text, iam.PROFILE, {"name": "p", "role": "none"})
    profile = aws.make(iam.PROFILE, {"name": "p", "role": "nodes"})
    assert profile.outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/p"
    text = "Instance Profile p already exists."
    aws.refuses("EntityAlreadyExists", text, iam.PROFILE, {"name": "p", "role": "nodes"})


def test_an_openid_connect_provider(aws: Aws) -> None:
    host = "oidc.eks.ap-northeast-2.amazonaws.com/id/ABC"
    given: dict[str, Any] = {"url": f"https://{host}", "clientIdLists": ["sts.amazonaws.com"]}
    made = aws.make(OIDC, given)
    assert made.id == made.outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
    aws.refuses("EntityAlreadyExists", f"Provider with url https://{host} already exists.", OIDC, given)
    text = "Invalid Open ID Connect Provider URL"
    aws.refuses("ValidationError", text, OIDC, {**given, "url": f"http://{host}"})


@pytest.mark.parametrize("days", [6, 31])
def test_a_key_waits_7_to_30_days(aws: Aws, days: int) -> None:
    text = "pendingWindowInDays must be between 7 and 30"
    aws.refuses("ValidationException", text, iam.KEY, {"deletionWindowInDays": days})
    for good in (7, 30):
        key = aws.make(iam.KEY, {"deletionWindowInDays": good})
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key.id)
    assert key.outputs["arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key.id}"


def test_a_key_policy_must_not_lock_its_owner_out(aws: Aws) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    text = "The new key policy will not allow you to update the key policy in the future."
    for wrong in (
        policy(Effect="Allow", Principal={"Service": "sns.amazonaws.com"}, Action="kms:*", Resource="*"),
        policy(Effect="Allow", Principal=root, Action="kms:Decrypt", Resource="*"),
        policy(Effect="Deny", Principal=root, Action="kms:*", Resource="*"),
    ):
        aws.refuses("MalformedPolicyDocumentException", text, iam.KEY, {"policy": wrong})
    aws.make(iam.KEY, {"policy": wrong, "bypassPolicyLockoutSafetyCheck": True})
    aws.make(iam.KEY, {"policy": policy(Effect="Allow", Principal=root, Action=["kms:*"], Resource="*")})


def test_an_alias(aws: Aws) -> None:
    key = aws.make(iam.KEY, {})
    given = {"name": "alias/planb", "targetKeyId": key.id}
    for name in ("planb", "alias/aws/rds"):
        aws.refuses("ValidationException", 'the prefix "alias/"', ALIAS, {**given, "name": name})
    text = f"An alias with the name arn:aws:kms:{REGION}:{ACCOUNT}:alias/planb already exists"
    alias = aws.make(ALIAS, given)
    assert alias.outputs["targetKeyArn"] == key.outputs["arn"]
    aws.refuses("AlreadyExistsException", text, ALIAS, given)
    other = {"name": "alias/other", "targetKeyId": key.outputs["arn"]}
    assert aws.make(ALIAS, other).outputs["targetKeyArn"] == key.outputs["arn"]
    text = f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/none' does not exist"
    aws.refuses("NotFoundException", text, ALIAS, {"name": "alias/none", "targetKeyId": "none"})


def test_a_key_policy_by_wildcard_locks_nobody_out(aws: Aws) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    aws.make(iam.KEY, {"policy": policy(Effect="Allow", Principal=root, Action=["kms:Put*"], Resource="*")})
    wrong = policy(Effect="Allow", Principal=root, Action=["kms:Get*"], Resource="*")
    text = "will not allow you to update the key policy"
    aws.refuses("MalformedPolicyDocumentException", text, iam.KEY, {"policy": wrong}, "other")


FEDERATED = "aws:iam/outboundWebIdentityFederation:OutboundWebIdentityFederation"


def test_one_that_is_on_already_is_adopted(aws: Aws) -> None:
    first = aws.make(FEDERATED, {})
    issuer = first.outputs["issuerIdentifier"]
    assert re.fullmatch(r"https://[0-9a-f-]{36}\.tokens\.sts\.global\.api\.aws", issuer)
    assert (first.id, first.region) == (ACCOUNT, "global")
    aws.state.remove(first.type, first.id)  # forgotten by a stack that retained it
    assert aws.make(FEDERATED, {}).outputs["issuerIdentifier"] == issuer
    again = aws.state.by_id(FEDERATED, ACCOUNT)
    assert again is not None
    aws.delete(again)
    assert aws.make(FEDERATED, {}).outputs["issuerIdentifier"] != issuer


def test_what_is_off_cannot_be_switched_off(aws: Aws) -> None:
    made = aws.make(FEDERATED, {})
    aws.state.kv_delete(iam.FEDERATION, ACCOUNT)
    aws.refuses_delete("FeatureDisabled", "already disabled", made)
