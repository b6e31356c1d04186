"""What S3 says about a bucket's policy before it takes it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html; the wordings as quoted in
https://github.com/versity/versitygw/issues/645 and /649, https://github.com/aws/aws-cdk/issues/6708.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from simcloud.kinds import CloudError, Context

# Conditions on a fixed value of one of these keys make a statement for everybody "not public":
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
_NARROWING = {
    *(
        "aws:sourceip",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceowner",
        "aws:sourceaccount",
    ),
    *(
        "aws:userid",
        "aws:principalorgid",
        "aws:principalarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    ),
    *("s3:dataaccesspointarn", "s3:dataaccesspointaccount"),
}
_OBJECT_ACTION = re.compile(
    r"s3:(.*Object(?!LockConfiguration).*|AbortMultipartUpload|ListMultipartUploadParts|BypassGovernanceRetention)",
    re.IGNORECASE,
)


def _malformed(text: str) -> CloudError:
    return CloudError("MalformedPolicy", text)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def statements(text: Any) -> list[dict[str, Any]]:
    """The statements of a bucket policy; CloudError in S3's words when it is none."""
    try:
        parsed = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    found = listed(cast("dict[str, Any]", parsed).get("Statement"))
    if not found:
        raise _malformed("Missing required field Statement")
    for statement in found:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise _malformed(f"Invalid effect: {statement.get('Effect')}")
        for one, other in (
            ("Principal", "NotPrincipal"),
            ("Action", "NotAction"),
            ("Resource", "NotResource"),
        ):
            if one not in statement and other not in statement:
                raise _malformed(
                    "Missing required field Principal"
                    if one == "Principal"
                    else "Statement is missing required element"
                )
    return found


def check(ctx: Context, bucket: str, text: Any) -> list[dict[str, Any]]:
    """Refuses what S3 refuses: foreign resources, unknown principals, actions that fit no resource."""
    found = statements(text)
    for statement in found:
        _principals(ctx, statement.get("Principal"))
        resources = [str(r) for r in listed(statement.get("Resource", statement.get("NotResource")))]
        own = f"arn:aws:s3:::{bucket}"
        if any(r != "*" and r != own and not r.startswith(f"{own}/") for r in resources):
            raise _malformed("Policy has invalid resource")
        _fitting([str(a) for a in listed(statement.get("Action"))], resources, own)
    return found


def _principals(ctx: Context, principal: Any) -> None:
    if principal is None or principal == "*":
        return
    if not isinstance(principal, dict):
        raise _malformed("Invalid policy syntax.")
    for kind, names in cast("dict[str, Any]", principal).items():
        for name in map(str, listed(names)):
            if kind == "Service" and not name.endswith(".amazonaws.com"):
                raise _malformed("Invalid principal in policy")
            if kind != "AWS" or name == "*" or re.fullmatch(r"\d{12}|arn:aws:iam::\d{12}:root", name):
                continue
            role = re.fullmatch(rf"arn:aws:iam::{ctx.account}:role/(.*/)?(?P<name>[^/]+)", name)
            if role is None or ctx.by_id("aws:iam/role:Role", role["name"]) is None:
                raise _malformed("Invalid principal in policy")


def _fitting(actions: list[str], resources: list[str], own: str) -> None:
    """An action on objects needs a resource with a path, one on buckets the bucket itself."""
    objects = any(r == "*" or r.startswith(f"{own}/") for r in resources)
    itself = any(r in ("*", own) for r in resources)
    for action in actions:
        if not action.lower().startswith("s3:") and action != "*":
            raise _malformed("Policy has invalid action")
        if "*" in action:
            continue
        if not (objects if _OBJECT_ACTION.fullmatch(action) else itself):
            raise _malformed("Action does not apply to any resource(s) in statement")


def public(found: list[dict[str, Any]]) -> bool:
    """Whether it lets everybody in: an Allow for "*" that no condition narrows to something fixed."""

    def everybody(principal: Any) -> bool:
        return principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))

    def narrowed(condition: Any) -> bool:
        tests: dict[str, Any] = condition or {}
        return any(
            key.lower() in _NARROWING and not any("*" in str(v) or v == "0.0.0.0/0" for v in listed(values))
            for operator, pairs in tests.items()
            if not operator.lower().startswith(("stringnot", "null", "notip"))
            for key, values in pairs.items()
        )

    return any(
        s["Effect"] == "Allow" and everybody(s.get("Principal")) and not narrowed(s.get("Condition"))
        for s in found
    )
