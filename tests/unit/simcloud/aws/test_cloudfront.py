"""Distributions, functions, key-value stores."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simcloud.aws import acm, s3
from simcloud.aws import cloudfront as cf
from simcloud.aws.responseheaders import HEADERS_POLICY
from simcloud.edge import kvs
from simcloud.kinds import KINDS, CloudError, Resource

from .conftest import ACCOUNT, Aws

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
READS = ["GET", "HEAD"]
ALL = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/a"
NO_WRITES_ON_A_GROUP = (
    "InvalidArgument: The parameter AllowedMethods cannot include POST, PUT, PATCH, or DELETE "
    "for a cached behavior associated with an origin group."
)


def origin(name: str, **more: Any) -> dict[str, Any]:
    return {"originId": name, "domainName": f"{name}.example.com", **more}


def behaviour(target: str = "aws", methods: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "targetOriginId": target,
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": methods or ALL,
        "cachedMethods": READS,
        "cachePolicyId": CACHING_DISABLED,
        **more,
    }


def group(*members: str) -> dict[str, Any]:
    return {
        "originId": "both",
        "failoverCriteria": {"statusCodes": [502, 503]},
        "members": [{"originId": member} for member in members],
    }


def distribution(**more: Any) -> dict[str, Any]:
    return {
        "enabled": True,
        "origins": [origin("aws"), origin("azure")],
        "defaultCacheBehavior": behaviour(),
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        **more,
    }


def function(aws: Aws, name: str = "router", **more: Any) -> Resource:
    given = {"name": name, "runtime": "cloudfront-js-2.0", "code": "function handler(e) {}", **more}
    return aws.make(cf.FUNCTION, given, name)


def store(aws: Aws, name: str = "site") -> Resource:
    return aws.make(cf.STORE, {"name": name}, name)


def associated(arn: str, event: str = "viewer-request") -> dict[str, Any]:
    return {"functionAssociations": [{"eventType": event, "functionArn": arn}]}


def test_a_distribution(aws: Aws) -> None:
    made = aws.make(cf.DISTRIBUTION, distribution())
    assert re.fullmatch(r"E[A-Z0-9]{13}", made.id)
    assert made.region == "global"
    assert made.outputs["arn"] == f"arn:aws:cloudfront::{ACCOUNT}:distribution/{made.id}"
    name = made.outputs["domainName"]
    assert re.fullmatch(r"d[a-z0-9]{13}\.cloudfront\.net", name)
    assert aws.called("network.publish") == [((name, "edge", 0), {"region": "global", "tls": True})]
    assert aws.change(made, comment="x").outputs["domainName"] == name
    aws.delete(made)
    assert aws.called("network.unpublish") == [((name,), {})]


def test_an_origin_group_takes_no_writes(aws: Aws) -> None:
    given = distribution(originGroups=[group("aws", "azure")], defaultCacheBehavior=behaviour("both"))
    with pytest.raises(CloudError) as caught:
        aws.make(cf.DISTRIBUTION, given)
    assert str(caught.value) == NO_WRITES_ON_A_GROUP
    given["defaultCacheBehavior"] = behaviour("both", READS)
    made = aws.make(cf.DISTRIBUTION, given)
    with pytest.raises(CloudError) as caught:
        aws.change(made, defaultCacheBehavior=behaviour("both"))
    assert str(caught.value) == NO_WRITES_ON_A_GROUP
    ordered = {**behaviour("both"), "pathPattern": "/api/*"}
    with pytest.raises(CloudError) as caught:
        aws.change(made, orderedCacheBehaviors=[ordered])
    assert str(caught.value) == NO_WRITES_ON_A_GROUP
    aws.change(made, defaultCacheBehavior=behaviour("aws"))


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"targetOriginId": "none"}, "NoSuchOrigin", "origins or origin groups do not exist"),
        ({"allowedMethods": ["GET", "POST"]}, "InvalidArgument", "AllowedMethods is not one of the allowed"),
        ({"viewerProtocolPolicy": "https"}, "InvalidArgument", "ViewerProtocolPolicy is invalid"),
        ({"cachePolicyId": "none"}, "NoSuchCachePolicy", "The cache policy does not exist."),
        ({"originRequestPolicyId": "none"}, "NoSuchOriginRequestPolicy", "request policy does not exist"),
        (associated("arn:none"), "InvalidFunctionAssociation", "The function ARN is not found"),
    ],
)
def test_behaviours(aws: Aws, changes: dict[str, Any], code: str, text: str) -> None:
    wrong = {**behaviour(), **changes}
    aws.refuses(code, text, cf.DISTRIBUTION, distribution(defaultCacheBehavior=wrong))
    ordered = [{**wrong, "pathPattern": "/x"}]
    aws.refuses(code, text, cf.DISTRIBUTION, distribution(orderedCacheBehaviors=ordered))


def test_a_behaviour_says_what_is_cached(aws: Aws) -> None:
    bare = behaviour()
    del bare["cachePolicyId"]
    text = "The parameter ForwardedValues is required."
    aws.refuses("InvalidArgument", text, cf.DISTRIBUTION, distribution(defaultCacheBehavior=bare))
    bare["forwardedValues"] = {"queryString": True, "cookies": {"forward": "all"}}
    aws.make(cf.DISTRIBUTION, distribution(defaultCacheBehavior=bare))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"domainName": "10.0.0.1"}, "origin name cannot be an IP address"),
        ({"domainName": "localhost"}, "does not refer to a valid domain name"),
        ({"domainName": "https://a.example.com"}, "does not refer to a valid domain name"),
        ({"connectionAttempts": 4}, "ConnectionAttempts is out of range"),
        ({"connectionAttempts": 0}, "ConnectionAttempts is out of range"),
        ({"connectionTimeout": 11}, "ConnectionTimeout is out of range"),
        ({"connectionTimeout": 0}, "ConnectionTimeout is out of range"),
        ({"customOriginConfig": {"originReadTimeout": 61}}, "originReadTimeout is out of range"),
        ({"customOriginConfig": {"originReadTimeout": 0}}, "originReadTimeout is out of range"),
    ],
)
def test_origins(aws: Aws, changes: dict[str, Any], text: str) -> None:
    plain = {
        "httpPort": 80, "httpsPort": 443, "originProtocolPolicy": "https-only", "originSslProtocols": ["TLSv1.2"],
    }  # fmt: skip

    def given(extra: dict[str, Any]) -> dict[str, Any]:
        custom = {**plain, **extra.get("customOriginConfig", {})}
        return distribution(origins=[origin("aws", **{**extra, "customOriginConfig": custom})])

    aws.refuses("InvalidArgument", text, cf.DISTRIBUTION, given(changes))
    aws.make(cf.DISTRIBUTION, given({"connectionAttempts": 1, "connectionTimeout": 1}))


def test_members_of_an_origin_group(aws: Aws) -> None:
    given = distribution(originGroups=[group("aws", "none")])
    aws.refuses("NoSuchOrigin", "origins or origin groups do not exist", cf.DISTRIBUTION, given)
    for few in (group("aws"), group("aws", "azure", "aws")):
        text = "An origin group must have two members."
        aws.refuses("InvalidArgument", text, cf.DISTRIBUTION, distribution(originGroups=[few]))
    aws.make(cf.DISTRIBUTION, distribution(originGroups=[group("aws", "azure")]))


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"errorCode": 502, "responsePagePath": "/sorry.html"}, "InvalidArgument"),
        ({"errorCode": 502, "responseCode": 503}, "InvalidArgument"),
        ({"errorCode": 401, "responseCode": 503, "responsePagePath": "/s"}, "InvalidErrorCode"),
    ],
)
def test_error_responses(aws: Aws, response: dict[str, Any], code: str) -> None:
    text = "must both be specified" if code == "InvalidArgument" else "An invalid error code was specified."
    aws.refuses(code, text, cf.DISTRIBUTION, distribution(customErrorResponses=[response]))
    good = [
        {"errorCode": 502, "responseCode": 503, "responsePagePath": "/sorry.html"},
        {"errorCode": 504, "errorCachingMinTtl": 0},
    ]
    aws.make(cf.DISTRIBUTION, distribution(customErrorResponses=good))


def test_another_name_needs_a_certificate_in_virginia(aws: Aws) -> None:
    named = distribution(aliases=["www.example.com"])
    text = "you must attach a trusted certificate"
    aws.refuses("InvalidViewerCertificate", text, cf.DISTRIBUTION, named)
    seoul = CERTIFICATE.replace("us-east-1", "ap-northeast-2")
    for arn in (seoul, CERTIFICATE):
        aws.state.kv_put(acm.FOREIGN, arn, {"names": ["*.example.com"]})

    def with_certificate(arn: str, **more: Any) -> dict[str, Any]:
        given = {"acmCertificateArn": arn, "sslSupportMethod": "sni-only", **more}
        return {**named, "viewerCertificate": {k: v for k, v in given.items() if v}}

    text = "isn't in us-east-1 region"
    for wrong in (seoul, f"{CERTIFICATE}x"):
        aws.refuses("InvalidViewerCertificate", text, cf.DISTRIBUTION, with_certificate(wrong))
    text = "SSLSupportMethod is required"
    given = with_certificate(CERTIFICATE, sslSupportMethod=None)
    aws.refuses("InvalidViewerCertificate", text, cf.DISTRIBUTION, given)
    given = with_certificate(CERTIFICATE, minimumProtocolVersion="TLSv1.4")
    text = "The minimum protocol version isn't valid."
    aws.refuses("InvalidMinimumProtocolVersion", text, cf.DISTRIBUTION, given)
    given = {**with_certificate(CERTIFICATE), "aliases": ["a.b.example.com"]}
    text = "doesn't cover the alternate domain name (CNAME)"
    aws.refuses("InvalidViewerCertificate", text, cf.DISTRIBUTION, given)
    given = with_certificate(CERTIFICATE, minimumProtocolVersion="TLSv1.2_2021")
    made = aws.make(cf.DISTRIBUTION, given)
    text = "One or more of the CNAMEs you provided are already associated with a different resource."
    aws.refuses("CNAMEAlreadyExists", text, cf.DISTRIBUTION, given)
    published = [args[0] for args, _ in aws.called("network.publish")]
    assert published == [made.outputs["domainName"]], "an alias is a name only by DNS"


def test_a_certificate_that_waits_is_none(aws: Aws) -> None:
    request = {"domainName": "www.example.com", "validationMethod": "DNS", "region": "us-east-1"}
    waiting = aws.make(acm.CERTIFICATE, request)
    given = {"acmCertificateArn": waiting.id, "sslSupportMethod": "sni-only"}
    named = distribution(aliases=["www.example.com"], viewerCertificate=given)
    aws.refuses("InvalidViewerCertificate", "isn't valid", cf.DISTRIBUTION, named)


@pytest.mark.usefixtures("secrets_manager")
def test_legacy_logs_need_a_bucket_with_acls(aws: Aws) -> None:
    given = distribution(loggingConfig={"bucket": "old-logs.s3.amazonaws.com"})
    aws.refuses("InvalidArgument", "does not exist: old-logs", cf.DISTRIBUTION, given)
    aws.make(s3.BUCKET, {"bucket": "old-logs"})
    text = "for CloudFront logs does not enable ACL access: old-logs.s3.amazonaws.com"
    aws.refuses("InvalidArgument", text, cf.DISTRIBUTION, given)
    aws.make(s3.OWNERSHIP, {"bucket": "old-logs", "rule": {"objectOwnership": "BucketOwnerPreferred"}})
    aws.make(cf.DISTRIBUTION, given)


def test_headers_that_the_edge_adds(aws: Aws) -> None:
    frames = {"frameOptions": {"frameOption": "DENY", "override": True}}
    policy = aws.make(HEADERS_POLICY, {"name": "own", "securityHeadersConfig": frames})
    assert policy.outputs["arn"] == f"arn:aws:cloudfront::{ACCOUNT}:response-headers-policy/{policy.id}"
    text = "A response headers policy with this name already exists"
    aws.refuses("ResponseHeadersPolicyAlreadyExists", text, HEADERS_POLICY, {"name": "own"})
    wrong = {"frameOptions": {"frameOption": "ALLOW", "override": True}}
    text = "contains an invalid value"
    aws.refuses("InvalidArgument", text, HEADERS_POLICY, {"name": "b", "securityHeadersConfig": wrong})
    given = distribution(defaultCacheBehavior=behaviour(responseHeadersPolicyId="none"))
    text = "The specified response headers policy does not exist."
    aws.refuses("NoSuchResponseHeadersPolicy", text, cf.DISTRIBUTION, given)
    given = distribution(defaultCacheBehavior=behaviour(responseHeadersPolicyId=policy.id))
    made = aws.make(cf.DISTRIBUTION, given)
    text = "it is attached to one or more cache behaviors"
    aws.refuses_delete("ResponseHeadersPolicyInUse", text, policy)
    aws.delete(made)
    aws.delete(policy)
    managed = behaviour(responseHeadersPolicyId="67f7725c-6f97-4210-82d7-5512b31e9d03")
    aws.make(cf.DISTRIBUTION, distribution(defaultCacheBehavior=managed))


def test_functions_at_a_behaviour(aws: Aws) -> None:
    draft = function(aws, "draft", publish=False)
    text = "the function has not been published"
    given = distribution(defaultCacheBehavior=behaviour(**associated(draft.outputs["arn"])))
    aws.refuses("InvalidFunctionAssociation", text, cf.DISTRIBUTION, given)
    router = function(aws)
    once = associated(router.outputs["arn"])["functionAssociations"]
    given = distribution(defaultCacheBehavior=behaviour(functionAssociations=[*once, *once]))
    aws.refuses("InvalidArgument", "contains duplicate event types", cf.DISTRIBUTION, given)
    given = distribution(defaultCacheBehavior=behaviour(functionAssociations=once))
    made = aws.make(cf.DISTRIBUTION, given)
    text = "The function router is associated with one or more distributions"
    aws.refuses_delete("FunctionInUse", text, router)
    made = aws.change(made, defaultCacheBehavior=behaviour())
    aws.delete(router)


def test_a_function(aws: Aws) -> None:
    made = function(aws, code="x" * 10240)
    assert (made.id, made.outputs["arn"]) == ("router", f"arn:aws:cloudfront::{ACCOUNT}:function/router")
    given = {"name": "other", "runtime": "cloudfront-js-2.0", "code": "한" * 3413 + "xx"}
    text = "The function exceeds the maximum size of 10240 bytes."
    aws.refuses("FunctionSizeLimitExceeded", text, cf.FUNCTION, given)
    given["code"] = "x"
    text = "A function with the same name already exists."
    aws.refuses("FunctionAlreadyExists", text, cf.FUNCTION, {**given, "name": "router"})
    aws.refuses("InvalidArgument", "The parameter Name is invalid.", cf.FUNCTION, {**given, "name": "a.b"})
    text = "The parameter Runtime is invalid."
    aws.refuses("InvalidArgument", text, cf.FUNCTION, {**given, "runtime": "nodejs"})
    assert aws.replaced(made, name="b", code="y") == ["name"]
    assert KINDS[cf.FUNCTION].delete_before_replace


def test_a_function_has_one_store_in_runtime_2(aws: Aws) -> None:
    first, second = (store(aws, name).outputs["arn"] for name in ("a", "b"))
    given = {"name": "router", "runtime": "cloudfront-js-2.0", "code": "x"}
    text = "can contain only one store"
    both = {**given, "keyValueStoreAssociations": [first, second]}
    aws.refuses("InvalidArgument", text, cf.FUNCTION, both)
    text = "need runtime cloudfront-js-2.0"
    old = {**given, "runtime": "cloudfront-js-1.0", "keyValueStoreAssociations": [first]}
    aws.refuses("InvalidArgument", text, cf.FUNCTION, old)
    missing = {**given, "keyValueStoreAssociations": [f"{first}0"]}
    aws.refuses("EntityNotFound", f"The Key Value Store {first}0 was not found.", cf.FUNCTION, missing)
    made = aws.make(cf.FUNCTION, {**given, "keyValueStoreAssociations": [first]})
    used = aws.state.by_id(cf.STORE, "a")
    assert used
    text = "The Key Value Store a is associated with a function"
    aws.refuses_delete("CannotDeleteEntityWhileInUse", text, used)
    aws.delete(made)
    aws.delete(used)
    assert kvs.etag(aws.state, first) is None


def test_a_store_and_its_keys(aws: Aws) -> None:
    made = store(aws)
    arn = made.outputs["arn"]
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"arn:aws:cloudfront::{ACCOUNT}:key-value-store/{uuid}", arn)
    text = "A Key Value Store with the same name already exists."
    aws.refuses("EntityAlreadyExists", text, cf.STORE, {"name": "site"})
    given = {"keyValueStoreArn": arn, "key": "mode", "value": "aws"}
    key = aws.make(cf.STORE_KEY, given)
    assert key.id == f"{arn},mode"
    assert kvs.get(aws.state, arn, "mode") == "aws"
    text = f"Key value store {arn}0 was not found."
    missing = {**given, "keyValueStoreArn": f"{arn}0"}
    aws.refuses("ResourceNotFoundException", text, cf.STORE_KEY, missing)
    for wrong in ({"key": "k" * 513}, {"key": ""}, {"value": "v" * 1025}):
        aws.refuses("ValidationException", "too long", cf.STORE_KEY, {**given, **wrong})
    aws.make(cf.STORE_KEY, {**given, "key": "k" * 512, "value": "v" * 1024})
    aws.change(key, value="maintenance")
    assert kvs.at_edge(aws.state, arn)["mode"] == "maintenance"
    assert aws.replaced(key, key="other", value="v") == ["key"]


def test_what_the_runbook_wrote_is_read_back(aws: Aws) -> None:
    arn = store(aws).outputs["arn"]
    key = aws.make(cf.STORE_KEY, {"keyValueStoreArn": arn, "key": "mode", "value": "aws"})
    kind, ctx = KINDS[cf.STORE_KEY], aws.ctx()
    kvs.put(aws.state, arn, "mode", "azure", 0.0)
    read = kind.read(ctx, key)
    assert read and read["value"] == "azure"
    kvs.delete(aws.state, arn, "mode")
    assert kind.read(ctx, key) is None
