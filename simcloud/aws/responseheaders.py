"""CloudFront's response headers policies.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateResponseHeadersPolicy.html
"""

from __future__ import annotations

from typing import Any

from simcloud.aws.base import Named, in_use, token_hex
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
MANAGED = {"67f7725c-6f97-4210-82d7-5512b31e9d03"}  # SecurityHeadersPolicy
_FRAMES = {"DENY", "SAMEORIGIN"}
_REFERRERS = {
    *("no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin"),
    *("strict-origin", "strict-origin-when-cross-origin", "unsafe-url"),
}


def exists(ctx: Context, id_: Any) -> None:
    if id_ and id_ not in MANAGED and ctx.by_id(HEADERS_POLICY, str(id_)) is None:
        raise CloudError(
            "NoSuchResponseHeadersPolicy", "The specified response headers policy does not exist."
        )


@kind
class ResponseHeadersPolicy(Named):
    type, service, regional, longest = HEADERS_POLICY, "cloudfront", False, 128
    global_arn, arn_path = True, "response-headers-policy/{id}"
    replace_on = frozenset[str]()

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        raw = token_hex(32)
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        same = [p for p in ctx.find(HEADERS_POLICY, name=inputs["name"]) if old is None or p.id != old.id]
        in_use(
            same,
            "ResponseHeadersPolicyAlreadyExists",
            "A response headers policy with this name already exists in this account.",
        )
        security = inputs.get("securityHeadersConfig") or {}
        frame = (security.get("frameOptions") or {}).get("frameOption", "DENY")
        referrer = (security.get("referrerPolicy") or {}).get("referrerPolicy", "no-referrer")
        if frame not in _FRAMES or referrer not in _REFERRERS:
            raise CloudError("InvalidArgument", "The response headers policy contains an invalid value.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"etag": f"E{token_hex(12).upper()}"}

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [
            d
            for d in ctx.find("aws:cloudfront/distribution:Distribution")
            if d.status != "deleting"
            for behaviour in (
                d.inputs["defaultCacheBehavior"],
                *(d.inputs.get("orderedCacheBehaviors") or []),
            )
            if behaviour.get("responseHeadersPolicyId") == res.id
        ]
        in_use(
            users,
            "ResponseHeadersPolicyInUse",
            "Cannot delete the response headers policy because it is attached to one or more cache behaviors.",
        )


def headers_of(policy: Properties | None) -> list[tuple[str, str, bool]]:
    """(name, value, whether it goes before the origin's own) of what a policy adds."""
    if policy is None:
        return []
    found: list[tuple[str, str, bool]] = []
    security: Properties = policy.get("securityHeadersConfig") or {}
    hsts = security.get("strictTransportSecurity")
    if hsts:
        value = f"max-age={hsts['accessControlMaxAgeSec']}"
        value += "; includeSubDomains" if hsts.get("includeSubdomains") else ""
        value += "; preload" if hsts.get("preload") else ""
        found.append(("Strict-Transport-Security", value, bool(hsts["override"])))
    if security.get("contentTypeOptions"):
        found.append(("X-Content-Type-Options", "nosniff", bool(security["contentTypeOptions"]["override"])))
    plain = (
        ("frameOptions", "frameOption", "X-Frame-Options"),
        ("referrerPolicy", "referrerPolicy", "Referrer-Policy"),
        ("contentSecurityPolicy", "contentSecurityPolicy", "Content-Security-Policy"),
    )
    for key, field, name in plain:
        if security.get(key):
            found.append((name, str(security[key][field]), bool(security[key]["override"])))
    return found
