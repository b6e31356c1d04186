"""CloudFront: distribution, functions, key-value store; the rules that decided this design among them.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateDistribution.html
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from simcloud.aws import responseheaders, viewer
from simcloud.aws.base import AwsKind, in_use, letters, token_hex
from simcloud.edge import kvs
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:cloudfront/function:Function"
STORE = "aws:cloudfront/keyValueStore:KeyValueStore"
STORE_KEY = "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
WRITES = ["POST", "PUT", "PATCH", "DELETE"]
METHOD_SETS = [
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
]
CACHE_POLICIES = {
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",  # CachingDisabled
    "658327ea-f89d-4fab-a63d-7e88639e58f6",  # CachingOptimized
}
REQUEST_POLICIES = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3",  # AllViewer
    "b689b0a8-53d0-40ab-baf2-68738e2966ac",  # AllViewerExceptHostHeader
    "59781a5b-3903-41f3-afcb-af62929ccde1",  # CORS-CustomOrigin
}
MAX_FUNCTION = 10 * 1024
RUNTIMES = {"cloudfront-js-1.0", "cloudfront-js-2.0"}
ERROR_CODES = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
PROTOCOLS = {"allow-all", "https-only", "redirect-to-https"}


class _CloudFront(AwsKind):
    service, regional, global_arn = "cloudfront", False, True


def _invalid(text: str) -> CloudError:
    return CloudError("InvalidArgument", text)


@kind
class Distribution(_CloudFront):
    type = DISTRIBUTION
    arn_path = "distribution/{id}"
    latency = update_latency = delete_latency = "cloudfront"

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"E{letters(13)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        origins = {str(o["originId"]) for o in inputs["origins"]}
        groups = {str(g["originId"]) for g in inputs.get("originGroups") or []}
        for origin in inputs["origins"]:
            self._origin(origin)
        behaviours = [inputs["defaultCacheBehavior"], *(inputs.get("orderedCacheBehaviors") or [])]
        for behaviour in behaviours:
            self._behaviour(ctx, behaviour, origins, groups)
        for group in inputs.get("originGroups") or []:
            if len(group["members"]) != 2:
                raise _invalid("An origin group must have two members.")
            if {str(member["originId"]) for member in group["members"]} - origins:
                raise CloudError("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
        for response in inputs.get("customErrorResponses") or []:
            if int(response["errorCode"]) not in ERROR_CODES:
                raise CloudError("InvalidErrorCode", "An invalid error code was specified.")
            if bool(response.get("responsePagePath")) != bool(response.get("responseCode")):
                raise _invalid(
                    "The parameter ResponsePagePath and ResponseCode must both be specified or both be empty."
                )
        viewer.certificate(ctx, list(inputs.get("aliases") or []), inputs["viewerCertificate"])
        viewer.logs(ctx, inputs.get("loggingConfig"))
        viewer.firewall(ctx, inputs.get("webAclId"))
        for other in ctx.find(DISTRIBUTION):
            taken = set(inputs.get("aliases") or []) & set(other.inputs.get("aliases") or [])
            if taken and (old is None or other.id != old.id):
                raise CloudError(
                    "CNAMEAlreadyExists",
                    "One or more of the CNAMEs you provided are already associated with a different resource.",
                )

    def _origin(self, origin: Properties) -> None:
        domain = str(origin["domainName"])
        try:
            ipaddress.ip_address(domain)
        except ValueError:
            pass
        else:
            raise _invalid("The parameter origin name cannot be an IP address.")
        if not re.fullmatch(r"(?!-)[A-Za-z0-9.-]{1,253}", domain) or "." not in domain:
            raise _invalid("The parameter Origin DomainName does not refer to a valid domain name.")
        if not 1 <= int(origin.get("connectionAttempts", 3)) <= 3:
            raise _invalid("The parameter ConnectionAttempts is out of range.")
        if not 1 <= int(origin.get("connectionTimeout", 10)) <= 10:
            raise _invalid("The parameter ConnectionTimeout is out of range.")
        read = int((origin.get("customOriginConfig") or {}).get("originReadTimeout", 30))
        if not 1 <= read <= 60:
            raise _invalid("The parameter originReadTimeout is out of range.")

    def _behaviour(self, ctx: Context, behaviour: Properties, origins: set[str], groups: set[str]) -> None:
        target, methods = str(behaviour["targetOriginId"]), set(behaviour["allowedMethods"])
        if target not in origins | groups:
            raise CloudError("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
        if target in groups and methods & set(WRITES):
            raise _invalid(
                "The parameter AllowedMethods cannot include POST, PUT, PATCH, or DELETE for a cached behavior "
                "associated with an origin group."
            )
        if methods not in METHOD_SETS:
            raise _invalid("The parameter AllowedMethods is not one of the allowed sets.")
        if behaviour["viewerProtocolPolicy"] not in PROTOCOLS:
            raise _invalid("The parameter ViewerProtocolPolicy is invalid.")
        cache, request = behaviour.get("cachePolicyId"), behaviour.get("originRequestPolicyId")
        if not cache and not behaviour.get("forwardedValues"):
            raise _invalid("The parameter ForwardedValues is required.")
        if cache and cache not in CACHE_POLICIES:
            raise CloudError("NoSuchCachePolicy", "The cache policy does not exist.")
        if request and request not in REQUEST_POLICIES:
            raise CloudError("NoSuchOriginRequestPolicy", "The origin request policy does not exist.")
        responseheaders.exists(ctx, behaviour.get("responseHeadersPolicyId"))
        seen: set[str] = set()
        for association in behaviour.get("functionAssociations") or []:
            if association["eventType"] in seen:
                raise _invalid("The parameter FunctionAssociations contains duplicate event types.")
            seen.add(association["eventType"])
            function = next(
                (f for f in ctx.find(FUNCTION) if f.get("arn") == association["functionArn"]), None
            )
            if function is None or function.inputs.get("publish") is False:
                raise CloudError(
                    "InvalidFunctionAssociation",
                    "The function ARN is not found or the function has not been published.",
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "domainName": res.outputs.get("domainName") or f"d{token_hex(13)}.cloudfront.net",
            "hostedZoneId": "Z2FDTNDATAQYW2",
            "status": "Deployed",
            "etag": f"E{letters(12)}",
            "inProgressValidationBatches": 0,
            "callerReference": res.outputs.get("callerReference") or token_hex(16),
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        # Its aliases are names only once somebody's DNS says so: see route53.Record.
        ctx.world.network.publish(str(res.outputs["domainName"]), "edge", 0, region="global", tls=True)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.network.unpublish(str(res.outputs["domainName"]))


@kind
class Function(_CloudFront):
    type = FUNCTION
    arn_path = "function/{name}"
    replace_on = frozenset({"name"})
    delete_before_replace = True

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return (
            inputs
            if inputs.get("name")
            else {**inputs, "name": (old or {}).get("name") or f"{name}-{token_hex(7)}"}
        )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["name"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if not re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", str(inputs["name"])):
            raise _invalid("The parameter Name is invalid.")
        if inputs["runtime"] not in RUNTIMES:
            raise _invalid("The parameter Runtime is invalid.")
        if old is None:
            in_use(
                ctx.find(FUNCTION, name=inputs["name"]),
                "FunctionAlreadyExists",
                "A function with the same name already exists.",
            )
        if len(str(inputs["code"]).encode()) > MAX_FUNCTION:
            raise CloudError(
                "FunctionSizeLimitExceeded", "The function exceeds the maximum size of 10240 bytes."
            )
        stores = inputs.get("keyValueStoreAssociations") or []
        if len(stores) > 1:
            raise CloudError(
                "InvalidArgument", "The parameter KeyValueStoreAssociations can contain only one store."
            )
        if stores and inputs["runtime"] != "cloudfront-js-2.0":
            raise CloudError("InvalidArgument", "KeyValueStore associations need runtime cloudfront-js-2.0.")
        for arn in stores:
            if kvs.etag(ctx.state, str(arn)) is None:
                raise CloudError("EntityNotFound", f"The Key Value Store {arn} was not found.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"etag": f"ETV{letters(11)}", "liveStageEtag": f"ETV{letters(11)}", "status": "UNASSOCIATED"}

    def delete(self, ctx: Context, res: Resource) -> None:
        arn = res.get("arn")
        users = [d for d in ctx.find(DISTRIBUTION) if d.status != "deleting" and _uses(d, arn)]
        in_use(users, "FunctionInUse", f"The function {res.id} is associated with one or more distributions")


def _uses(distribution: Resource, arn: Any) -> bool:
    behaviours = [
        distribution.inputs["defaultCacheBehavior"],
        *(distribution.inputs.get("orderedCacheBehaviors") or []),
    ]
    return any(a["functionArn"] == arn for b in behaviours for a in b.get("functionAssociations") or [])


@kind
class KeyValueStore(_CloudFront):
    type = STORE
    latency = "kvs_create"
    replace_on = frozenset({"name"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return (
            inputs
            if inputs.get("name")
            else {**inputs, "name": (old or {}).get("name") or f"{name}-{token_hex(7)}"}
        )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["name"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if old is None:
            in_use(
                ctx.find(STORE, name=inputs["name"]),
                "EntityAlreadyExists",
                "A Key Value Store with the same name already exists.",
            )

    def create(self, ctx: Context, res: Resource) -> Properties:
        raw = token_hex(32)
        arn = (
            f"arn:aws:cloudfront::{ctx.account}:key-value-store/"
            f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
        )
        return {"arn": arn, "etag": kvs.create(ctx.state, arn)}

    def delete(self, ctx: Context, res: Resource) -> None:
        arn = str(res.get("arn"))
        users = [
            f
            for f in ctx.find(FUNCTION)
            if f.status != "deleting" and arn in (f.inputs.get("keyValueStoreAssociations") or [])
        ]
        in_use(
            users,
            "CannotDeleteEntityWhileInUse",
            f"The Key Value Store {res.id} is associated with a function",
        )
        kvs.drop(ctx.state, arn)


@kind
class KeyvaluestoreKey(_CloudFront):
    type = STORE_KEY
    latency = update_latency = "kvs_write"
    replace_on = frozenset({"key", "keyValueStoreArn"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['keyValueStoreArn']},{inputs['key']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if kvs.etag(ctx.state, str(inputs["keyValueStoreArn"])) is None:
            raise CloudError(
                "ResourceNotFoundException", f"Key value store {inputs['keyValueStoreArn']} was not found."
            )
        if (
            not 0 < len(str(inputs["key"])) <= kvs.MAX_KEY
            or len(str(inputs["value"]).encode()) > kvs.MAX_VALUE
        ):
            raise CloudError("ValidationException", "Key or value is too long.")

    def create(self, ctx: Context, res: Resource) -> Properties:
        kvs.put(
            ctx.state,
            str(res.inputs["keyValueStoreArn"]),
            str(res.inputs["key"]),
            str(res.inputs["value"]),
            0.0,
        )
        return {"totalSizeInBytes": len(str(res.inputs["value"]))}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        return self.create(ctx, res)

    def read(self, ctx: Context, res: Resource) -> Properties | None:
        """The present value: what the runbook wrote shows up as drift of a value that the program ignores."""
        value = kvs.get(ctx.state, str(res.inputs["keyValueStoreArn"]), str(res.inputs["key"]))
        return None if value is None else {**res.outputs, "value": value}

    def delete(self, ctx: Context, res: Resource) -> None:
        kvs.delete(ctx.state, str(res.inputs["keyValueStoreArn"]), str(res.inputs["key"]))
