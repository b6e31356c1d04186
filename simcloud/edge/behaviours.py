"""What a distribution's configuration means for one request: pure functions, no I/O."""

from __future__ import annotations

import re
from typing import Any

from simcloud.aws.responseheaders import headers_of

Config = dict[str, Any]
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
FORWARD_ALL = {ALL_VIEWER, ALL_VIEWER_EXCEPT_HOST}
_ALWAYS = {"content-type", "content-length", "range", "accept"}
_NEVER = {
    "host",
    "connection",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "upgrade",
    "transfer-encoding",
}


def behaviour_for(distribution: Config, path: str) -> Config:
    """The first ordered behaviour whose pattern matches, else the default one."""
    for behaviour in distribution.get("orderedCacheBehaviors") or []:
        if matches(str(behaviour["pathPattern"]), path):
            return behaviour
    return distribution["defaultCacheBehavior"]


def matches(pattern: str, path: str) -> bool:
    """CloudFront's patterns: * is any run of characters (slashes too), ? is one; the leading slash is optional."""
    wanted = pattern if pattern.startswith("/") else "/" + pattern
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in wanted)
    return re.fullmatch(expression, path, re.DOTALL) is not None


def function_of(behaviour: Config) -> str | None:
    """ARN of the viewer-request function."""
    for association in behaviour.get("functionAssociations") or []:
        if association["eventType"] == "viewer-request":
            return str(association["functionArn"])
    return None


def origin_by_id(distribution: Config, origin_id: str) -> Config | None:
    return next((o for o in distribution.get("origins") or [] if o["originId"] == origin_id), None)


def error_response(distribution: Config, status: int) -> Config | None:
    """The custom error response for a status that an origin (or its absence) produced."""
    for response in distribution.get("customErrorResponses") or []:
        if int(response["errorCode"]) == status and response.get("responsePagePath"):
            return response
    return None


def updated_origin(origin: Config, changes: dict[str, Any]) -> Config:
    """updateRequestOrigin: settings that are not given are inherited from the assigned origin."""
    merged = {**origin}
    if "domainName" in changes:
        merged["domainName"] = changes["domainName"]
    custom = dict(merged.get("customOriginConfig") or {})
    names = {"port": None, "protocol": "originProtocolPolicy", "sslProtocols": "originSslProtocols"}
    given = dict(changes.get("customOriginConfig") or {})
    for name, ours in names.items():
        if name in given and ours:
            custom[ours] = f"{given[name]}-only" if name == "protocol" else given[name]
    if "port" in given:
        custom["httpPort"] = custom["httpsPort"] = given["port"]
    if "readTimeout" in (changes.get("timeouts") or {}):
        custom["originReadTimeout"] = changes["timeouts"]["readTimeout"]
    if "connectionTimeout" in (changes.get("timeouts") or {}):
        merged["connectionTimeout"] = changes["timeouts"]["connectionTimeout"]
    if "connectionAttempts" in changes:
        merged["connectionAttempts"] = changes["connectionAttempts"]
    if "customHeaders" in changes:
        merged["customHeaders"] = [{"name": k, "value": v} for k, v in changes["customHeaders"].items()]
    merged["customOriginConfig"] = custom
    return merged


def origin_headers(behaviour: Config, origin: Config, viewer: dict[str, str], client: str) -> dict[str, str]:
    """What the origin gets: forwarded viewer headers, X-Forwarded-For, the origin's own headers."""
    all_of_them = behaviour.get("originRequestPolicyId") in FORWARD_ALL
    own = {str(custom["name"]): str(custom["value"]) for custom in origin.get("customHeaders") or []}
    ours = {"x-forwarded-for", *(name.lower() for name in own)}  # whatever the viewer's spelling
    headers = {
        name: value
        for name, value in viewer.items()
        if name.lower() not in _NEVER | ours and (all_of_them or name.lower() in _ALWAYS)
    }
    before = next((value for name, value in viewer.items() if name.lower() == "x-forwarded-for"), "")
    headers["X-Forwarded-For"] = f"{before}, {client}" if before else client
    headers["Via"] = "1.1 simcloud.cloudfront.net (CloudFront)"
    headers |= own
    return headers


def viewer_headers(policy: Config | None, headers: dict[str, str]) -> dict[str, str]:
    """The origin's headers with those of a response headers policy; without `override` the origin's own go first."""
    found = dict(headers)
    for name, value, override in headers_of(policy):
        own = next((key for key in found if key.lower() == name.lower()), None)
        if own is None or override:
            found.pop(own or "", None)
            found[name] = value
    return found


def event(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], client: str, host: str
) -> Any:
    """The viewer-request event object of a CloudFront Function."""
    return {
        "version": "1.0",
        "context": {"distributionDomainName": host, "eventType": "viewer-request", "requestId": "simcloud"},
        "viewer": {"ip": client},
        "request": {
            "method": method,
            "uri": path,
            "querystring": {key: {"value": value} for key, value in query.items()},
            "headers": {key.lower(): {"value": value} for key, value in headers.items()},
            "cookies": {},
        },
    }
