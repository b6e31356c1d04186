"""IAM, KMS: roles, policies, keys.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html and neighbours.
"""

from __future__ import annotations

import json
import re
import uuid
from fnmatch import fnmatchcase
from typing import Any

from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, letters, token_hex
from simcloud.kinds import UNKNOWN, CloudError, Context, Properties, Resource, kind

ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
INLINE = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
KEY = "aws:kms/key:Key"
FEDERATION = "iam:outbound-federation"
"""Scope of the issuer's URL, while the account may have tokens signed."""
# The ones that somebody here has a use for; a name that is not among them is more likely a slip.
MANAGED = {
    *("AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy"),
    *("AmazonEC2ContainerRegistryReadOnly", "AmazonEC2ContainerRegistryPullOnly"),
    *("AmazonSSMManagedInstanceCore", "CloudWatchAgentServerPolicy"),
    "AmazonRDSEnhancedMonitoringRole",
}


def document(text: Any) -> dict[str, Any]:
    """A policy document; CloudError as IAM refuses a broken one."""
    try:
        parsed = json.loads(text) if isinstance(text, str) else text
        statements = parsed["Statement"]
        if not isinstance(statements, list) or not statements:
            raise ValueError
        for statement in statements:
            if statement["Effect"] not in ("Allow", "Deny") or not (
                "Action" in statement or "NotAction" in statement
            ):
                raise ValueError
    except (ValueError, KeyError, TypeError):
        raise CloudError("MalformedPolicyDocument", "Syntax errors in policy.") from None
    return parsed


def permissions(text: Any) -> None:
    """Refuses an identity policy that says nothing about what."""
    for statement in document(text)["Statement"]:
        if "Resource" not in statement and "NotResource" not in statement:
            raise CloudError("MalformedPolicyDocument", "Policy statement must contain resources.")


def trusts(role: Resource, service: str) -> bool:
    """Whether the role may be assumed by this service principal."""
    for statement in document(role.inputs["assumeRolePolicy"])["Statement"]:
        principal = (statement.get("Principal") or {}).get("Service", [])
        if service in ([principal] if isinstance(principal, str) else principal):
            return statement["Effect"] == "Allow"
    return False


class _Global(Named):
    service, regional, global_arn = "iam", False, True


@kind
class Role(_Global):
    type = ROLE
    arn_path = "role/{name}"
    lasting = frozenset({"uniqueId"})
    replace_on = frozenset({"name", "namePrefix", "path"})

    def check(self, ctx: Context, inputs: Properties) -> None:
        if inputs.get("assumeRolePolicy") is not UNKNOWN:
            document(inputs.get("assumeRolePolicy"))

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["name"])
        if len(name) > 64 or not re.fullmatch(r"[\w+=,.@-]+", name):
            raise CloudError(
                "ValidationError",
                f"1 validation error detected: Value '{name}' at 'roleName' failed to satisfy constraint",
            )
        if old is None:
            in_use(ctx.find(ROLE, name=name), "EntityAlreadyExists", f"Role with name {name} already exists.")
        for statement in document(inputs["assumeRolePolicy"])["Statement"]:
            if "Principal" not in statement:
                raise CloudError("MalformedPolicyDocument", "Missing required field Principal")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"uniqueId": "AROA" + letters(17), "createDate": "2026-11-24T00:00:00Z"}

    def delete(self, ctx: Context, res: Resource) -> None:
        text = "Cannot delete entity, must detach all policies first."
        in_use(ctx.find(ATTACHMENT, role=res.id), "DeleteConflict", text)
        text = "Cannot delete entity, must delete policies first."
        in_use(ctx.find(INLINE, role=res.id), "DeleteConflict", text)
        in_use(
            ctx.find(PROFILE, role=res.id),
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
        )


@kind
class RolePolicy(_Global):
    type = INLINE
    replace_on = frozenset({"role", "name", "namePrefix"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['role']}:{inputs['name']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(
            ctx, ROLE, inputs["role"], "NoSuchEntity", f"The role with name {inputs['role']} cannot be found."
        )
        permissions(inputs["policy"])


@kind
class RolePolicyAttachment(AwsKind):
    type = ATTACHMENT
    regional = False
    replace_on = frozenset({"role", "policyArn"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['role']}/{inputs['policyArn']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(
            ctx, ROLE, inputs["role"], "NoSuchEntity", f"The role with name {inputs['role']} cannot be found."
        )
        arn = str(inputs["policyArn"])
        managed = arn.startswith("arn:aws:iam::aws:policy/") and arn.rsplit("/", 1)[-1] in MANAGED
        if not managed and not ctx.find(POLICY, arn=arn):
            raise CloudError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")


@kind
class Policy(_Global):
    type = POLICY
    arn_path = "policy/{name}"
    lasting = frozenset({"policyId"})
    replace_on = frozenset({"name", "namePrefix", "path", "description"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"arn:aws:iam::{ctx.account}:policy/{inputs['name']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        permissions(inputs["policy"])
        if old is None:
            in_use(
                ctx.find(POLICY, name=inputs["name"]),
                "EntityAlreadyExists",
                f"A policy called {inputs['name']} already exists. Duplicate names are not allowed.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        attached = len(ctx.find(ATTACHMENT, policyArn=res.id))
        return {"arn": res.id, "policyId": "ANPA" + letters(17), "attachmentCount": attached}

    def delete(self, ctx: Context, res: Resource) -> None:
        in_use(
            ctx.find(ATTACHMENT, policyArn=res.id),
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        )


@kind
class InstanceProfile(_Global):
    type = PROFILE
    arn_path = "instance-profile/{name}"
    lasting = frozenset({"uniqueId"})
    replace_on = frozenset({"name", "namePrefix", "path"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        role = existing(
            ctx,
            ROLE,
            inputs.get("role"),
            "NoSuchEntity",
            f"The role with name {inputs.get('role')} cannot be found.",
        )
        if not trusts(role, "ec2.amazonaws.com"):
            raise CloudError(
                "InvalidParameterValue", f"The role {role.id} cannot be assumed by ec2.amazonaws.com"
            )
        if old is None:
            in_use(
                ctx.find(PROFILE, name=inputs["name"]),
                "EntityAlreadyExists",
                f"Instance Profile {inputs['name']} already exists.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"uniqueId": "AIPA" + letters(17), "createDate": "2026-11-24T00:00:00Z"}


@kind
class OpenIdConnectProvider(AwsKind):
    type = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service, regional, global_arn = "iam", False, True
    replace_on = frozenset({"url"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"arn:aws:iam::{ctx.account}:oidc-provider/{str(inputs['url']).removeprefix('https://')}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if not str(inputs["url"]).startswith("https://"):
            raise CloudError("ValidationError", "Invalid Open ID Connect Provider URL")
        if old is None:
            text = f"Provider with url {inputs['url']} already exists."
            in_use(ctx.find(self.type, url=inputs["url"]), "EntityAlreadyExists", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": res.id, "thumbprintLists": ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]}


@kind
class OutboundWebIdentityFederation(AwsKind):
    """The account's switch; the provider adopts one that is on (FeatureEnabled, 409) instead of failing:
    https://github.com/hashicorp/terraform-provider-aws/pull/45217"""

    type = "aws:iam/outboundWebIdentityFederation:OutboundWebIdentityFederation"
    regional = False
    lasting = frozenset({"issuerIdentifier"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return ctx.account

    def shown(self, ctx: Context, res: Resource) -> Properties:
        issuer = ctx.state.kv_get(FEDERATION, ctx.account)
        if issuer is None:
            issuer = f"https://{uuid.uuid4()}.tokens.sts.global.api.aws"
            ctx.state.kv_put(FEDERATION, ctx.account, issuer)
        return {"issuerIdentifier": issuer, "jwtVendingEnabled": True}

    def delete(self, ctx: Context, res: Resource) -> None:
        if ctx.state.kv_get(FEDERATION, ctx.account) is None:
            text = "The request failed because outbound identity federation is already disabled for your account."
            raise CloudError("FeatureDisabled", text)
        ctx.state.kv_delete(FEDERATION, ctx.account)


@kind
class Key(AwsKind):
    type = KEY
    service, arn_path, latency = "kms", "key/{id}", "kms_key"
    replace_on = frozenset({"keyUsage", "customerMasterKeySpec", "multiRegion", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        raw = token_hex(32)
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if inputs.get("policy"):
            self._no_lockout(ctx, document(inputs["policy"]), inputs)
        window = inputs.get("deletionWindowInDays")
        if window is not None and not 7 <= int(window) <= 30:
            raise CloudError("ValidationException", "pendingWindowInDays must be between 7 and 30")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"keyId": res.id, "keyUsage": "ENCRYPT_DECRYPT", "customerMasterKeySpec": "SYMMETRIC_DEFAULT"}

    def _no_lockout(self, ctx: Context, policy: dict[str, Any], inputs: Properties) -> None:
        """The caller must stay able to change the policy: here, through the account's root."""
        root = f"arn:aws:iam::{ctx.account}:root"
        for statement in policy["Statement"]:
            principal, actions = statement.get("Principal") or {}, statement.get("Action", [])
            who = principal.get("AWS", []) if isinstance(principal, dict) else principal
            named = root in ([who] if isinstance(who, str) else who)
            globs = [actions] if isinstance(actions, str) else actions
            acts = any(fnmatchcase("kms:PutKeyPolicy", one) for one in globs)
            if statement["Effect"] == "Allow" and named and acts:
                return
        if not inputs.get("bypassPolicyLockoutSafetyCheck"):
            # https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
            text = "The new key policy will not allow you to update the key policy in the future."
            raise CloudError("MalformedPolicyDocumentException", text)


@kind
class KeyAlias(Named):
    type = "aws:kms/alias:Alias"
    service, arn_path = "kms", "{name}"
    replace_on = frozenset({"name", "namePrefix", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["name"])
        if not name.startswith("alias/") or name.startswith("alias/aws/"):
            raise CloudError(
                "ValidationException",
                'Alias must start with the prefix "alias/". Please see the documentation',
            )
        if old is None:
            in_use(
                ctx.find(self.type, name=name),
                "AlreadyExistsException",
                f"An alias with the name arn:aws:kms:{ctx.region}:{ctx.account}:{name} already exists",
            )
        arn = self._target(ctx, inputs)
        if by_arn(ctx, KEY, arn) is None:
            raise CloudError("NotFoundException", f"Key '{arn}' does not exist")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"targetKeyArn": self._target(ctx, res.inputs)}

    def _target(self, ctx: Context, inputs: Properties) -> str:
        key = str(inputs["targetKeyId"])
        return key if key.startswith("arn:") else f"arn:aws:kms:{ctx.region}:{ctx.account}:key/{key}"
