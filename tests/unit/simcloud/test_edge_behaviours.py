"""What a distribution means for one request, and the key-value store with its optimistic lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from simcloud.edge import behaviours as edge
from simcloud.edge import kvs
from simcloud.state import State

ARN = "arn:aws:cloudfront::123456789012:key-value-store/0b1e"
STORE = f"/key-value-stores/{quote(ARN, safe='')}"
DEFAULT = {"targetOriginId": "aws"}
DISTRIBUTION = {
    "defaultCacheBehavior": DEFAULT,
    "orderedCacheBehaviors": [
        {"pathPattern": "/maintenance/*", "targetOriginId": "first"},
        {"pathPattern": "*.png", "targetOriginId": "second"},
    ],
    "origins": [{"originId": "aws"}, {"originId": "azure"}],
    "customErrorResponses": [
        {"errorCode": 502, "responseCode": 503, "responsePagePath": "/sorry.html"},
        {"errorCode": 504, "errorCachingMinTtl": 0},
    ],
}


@pytest.mark.parametrize(
    ("pattern", "path", "good"),
    [
        ("/maintenance/*", "/maintenance/", True),
        ("/maintenance/*", "/maintenance/a/b.css", True),
        ("/maintenance/*", "/maintenance", False),
        ("/maintenance/*", "/x/maintenance/", False),
        ("maintenance/*", "/maintenance/a", True),
        ("*.jpg", "/a/b.jpg", True),
        ("*.jpg", "/a/bxjpg", False),
        ("*.jpg", "/a.jpg/b", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/A", "/a", False),
        ("/a+b", "/a+b", True),
        ("*", "/", True),
    ],
)
def test_patterns(pattern: str, path: str, good: bool) -> None:
    assert edge.matches(pattern, path) is good


def test_the_first_behaviour_that_matches() -> None:
    found = {
        path: edge.behaviour_for(DISTRIBUTION, path)["targetOriginId"]
        for path in ("/", "/a.png", "/maintenance/a.png")
    }
    assert found == {"/": "aws", "/a.png": "second", "/maintenance/a.png": "first"}
    assert edge.behaviour_for({"defaultCacheBehavior": DEFAULT}, "/a.png") is DEFAULT


def test_only_the_viewer_request_function_runs() -> None:
    response = {"eventType": "viewer-response", "functionArn": "r"}
    request = {"eventType": "viewer-request", "functionArn": "q"}
    assert edge.function_of({"functionAssociations": [response, request]}) == "q"
    assert edge.function_of({"functionAssociations": [response]}) is None
    assert edge.function_of({}) is None


def test_origins_by_id() -> None:
    assert edge.origin_by_id(DISTRIBUTION, "azure") == {"originId": "azure"}
    assert edge.origin_by_id(DISTRIBUTION, "none") is None


def test_custom_error_responses() -> None:
    found = edge.error_response(DISTRIBUTION, 502)
    assert found and (found["responseCode"], found["responsePagePath"]) == (503, "/sorry.html")
    assert edge.error_response(DISTRIBUTION, 504) is None, "a response without a page shows the origin's"
    assert edge.error_response(DISTRIBUTION, 503) is None
    assert edge.error_response({}, 502) is None


def test_headers_that_a_policy_adds() -> None:
    security = {
        "strictTransportSecurity": {
            "accessControlMaxAgeSec": 60,
            "includeSubdomains": True,
            "preload": True,
            "override": True,
        },
        "contentTypeOptions": {"override": True},
        "frameOptions": {"frameOption": "DENY", "override": True},
        "referrerPolicy": {"referrerPolicy": "no-referrer", "override": False},
        "contentSecurityPolicy": {"contentSecurityPolicy": "default-src 'self'", "override": False},
    }
    origin = {"x-frame-options": "SAMEORIGIN", "Referrer-Policy": "origin", "Server": "x"}
    assert edge.viewer_headers({"securityHeadersConfig": security}, origin) == {
        "Server": "x",
        "Strict-Transport-Security": "max-age=60; includeSubDomains; preload",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "origin",
        "Content-Security-Policy": "default-src 'self'",
    }
    assert edge.viewer_headers(None, origin) == origin


def test_an_updated_origin_inherits_what_is_not_given() -> None:
    assigned = {
        "originId": "aws",
        "domainName": "alb.example.com",
        "connectionAttempts": 2,
        "connectionTimeout": 2,
        "customHeaders": [{"name": "X-Key", "value": "k"}],
        "customOriginConfig": {"httpPort": 80, "originProtocolPolicy": "http-only", "originReadTimeout": 10},
    }
    before = json.dumps(assigned)
    found = edge.updated_origin(assigned, {"domainName": "azure.example.com"})
    assert found == {**assigned, "domainName": "azure.example.com"}
    changes = {
        "domainName": "azure.example.com",
        "connectionAttempts": 1,
        "customHeaders": {"X-Other": "o"},
        "customOriginConfig": {"port": 443, "protocol": "https", "sslProtocols": ["TLSv1.2"]},
        "timeouts": {"readTimeout": 5, "connectionTimeout": 3},
    }
    assert edge.updated_origin(assigned, changes) == {
        "originId": "aws",
        "domainName": "azure.example.com",
        "connectionAttempts": 1,
        "connectionTimeout": 3,
        "customHeaders": [{"name": "X-Other", "value": "o"}],
        "customOriginConfig": {
            "httpPort": 443,
            "httpsPort": 443,
            "originProtocolPolicy": "https-only",
            "originSslProtocols": ["TLSv1.2"],
            "originReadTimeout": 5,
        },
    }
    assert json.dumps(assigned) == before, "the distribution itself stays as it is"


def headers(policy: str | None, **viewer: str) -> dict[str, str]:
    behaviour = {"originRequestPolicyId": policy} if policy else {}
    sent = {name.replace("_", "-"): value for name, value in viewer.items()}
    origin = {"customHeaders": [{"name": "X-Key", "value": "ours"}]}
    return edge.origin_headers(behaviour, origin, sent, "192.0.2.1")


def test_what_the_origin_hears() -> None:
    viewer = {
        "Host": "d1.cloudfront.net",
        "Connection": "close",
        "Cookie": "c=1",
        "Content_Type": "text/plain",
    }
    ours = {
        "X-Forwarded-For": "192.0.2.1",
        "Via": "1.1 simcloud.cloudfront.net (CloudFront)",
        "X-Key": "ours",
        "Content-Type": "text/plain",
    }
    assert headers(None, **viewer) == ours
    assert headers(edge.ALL_VIEWER_EXCEPT_HOST, **viewer) == {**ours, "Cookie": "c=1"}
    behind = headers(edge.ALL_VIEWER_EXCEPT_HOST, X_Forwarded_For="203.0.113.9")
    assert behind["X-Forwarded-For"] == "203.0.113.9, 192.0.2.1"


@pytest.mark.parametrize("name", ["X-Key", "x-key"])
def test_a_viewer_cannot_forge_the_origins_header(name: str) -> None:
    sent = edge.origin_headers(
        {"originRequestPolicyId": edge.ALL_VIEWER_EXCEPT_HOST},
        {"customHeaders": [{"name": "X-Key", "value": "ours"}]},
        {name: "theirs"},
        "192.0.2.1",
    )
    assert [value for key, value in sent.items() if key.lower() == "x-key"] == ["ours"]


def test_addresses_before_ours_are_kept_whatever_their_spelling() -> None:
    sent = edge.origin_headers(
        {"originRequestPolicyId": edge.ALL_VIEWER_EXCEPT_HOST},
        {},
        {"x-forwarded-for": "203.0.113.9"},
        "192.0.2.1",
    )
    found = [value for key, value in sent.items() if key.lower() == "x-forwarded-for"]
    assert found == ["203.0.113.9, 192.0.2.1"]


def test_the_event_of_a_function() -> None:
    event = edge.event("POST", "/a", {"q": "1"}, {"User-Agent": "x"}, "192.0.2.1", "d1.cloudfront.net")
    assert event["request"] == {
        "method": "POST",
        "uri": "/a",
        "querystring": {"q": {"value": "1"}},
        "headers": {"user-agent": {"value": "x"}},
        "cookies": {},
    }
    assert event["context"]["distributionDomainName"] == "d1.cloudfront.net"
    assert (event["version"], event["viewer"]["ip"]) == ("1.0", "192.0.2.1")


# -- the key-value store --


@pytest.fixture
def state() -> Iterator[State]:
    state = State(":memory:")
    kvs.create(state, ARN)
    yield state
    state.close()


def call(
    state: State,
    method: str,
    path: str,
    tag: str | None = None,
    body: Any = None,
    *,
    propagation_s: float = 0.0,
) -> tuple[int, dict[str, str], Any]:
    given = {"If-Match": tag} if tag else {}
    content = b"" if body is None else json.dumps(body).encode()
    status, sent, answer = kvs.handle(state, propagation_s, method, path, given, content)
    return status, sent, json.loads(answer)


def current(state: State) -> str:
    tag = kvs.etag(state, ARN)
    assert tag
    return tag


def test_the_second_of_two_operators_loses(state: State) -> None:
    _, sent, facts = call(state, "GET", STORE)
    tag = sent["ETag"]
    assert facts == {"ItemCount": 0, "TotalSizeInBytes": 0, "KvsARN": ARN, "Created": 0, "Status": "READY"}
    status, sent, totals = call(state, "PUT", f"{STORE}/keys/mode", tag, {"Value": "maintenance"})
    assert (status, totals) == (200, {"ItemCount": 1, "TotalSizeInBytes": len("modemaintenance")})
    assert sent["ETag"] == current(state) != tag
    status, sent, answer = call(state, "PUT", f"{STORE}/keys/mode", tag, {"Value": "azure"})
    assert (status, sent["x-amzn-ErrorType"]) == (409, "ConflictException")
    assert answer["Message"] == "Resource is not in expected state."
    assert kvs.get(state, ARN, "mode") == "maintenance"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", f"{STORE}/keys/mode"), ("DELETE", f"{STORE}/keys/mode"), ("POST", f"{STORE}/keys")],
)
def test_every_write_needs_the_tag(state: State, method: str, path: str) -> None:
    kvs.put(state, ARN, "mode", "aws", 0.0)
    body = {"Value": "x", "Deletes": [{"Key": "mode"}]}
    status, sent, _ = call(state, method, path, None, body)
    assert (status, sent["x-amzn-ErrorType"]) == (400, "ValidationException")
    status, _, _ = call(state, method, path, "KVOLD", body)
    assert status == 409
    assert kvs.get(state, ARN, "mode") == "aws"
    assert call(state, method, path, current(state), body)[0] == 200
    assert kvs.get(state, ARN, "mode") == ("x" if method == "PUT" else None)


def test_several_keys_at_once(state: State) -> None:
    kvs.put(state, ARN, "old", "1", 0.0)
    change = {
        "Puts": [{"Key": "mode", "Value": "azure"}, {"Key": "epoch", "Value": "2"}],
        "Deletes": [{"Key": "old"}],
    }
    status, sent, totals = call(state, "POST", f"{STORE}/keys", current(state), change)
    assert (status, sent["ETag"], totals["ItemCount"]) == (200, current(state), 2)
    _, _, listed = call(state, "GET", f"{STORE}/keys")
    assert listed == {"Items": [{"Key": "epoch", "Value": "2"}, {"Key": "mode", "Value": "azure"}]}
    _, _, one = call(state, "GET", f"{STORE}/keys/mode")
    assert (one["Key"], one["Value"]) == ("mode", "azure")


def test_too_long_changes_nothing(state: State) -> None:
    before = current(state)
    good, long = {"Key": "a", "Value": "v" * 1024}, {"Key": "b", "Value": "v" * 1025}
    for bad in (long, {"Key": "k" * 513, "Value": "v"}):
        status, sent, _ = call(state, "POST", f"{STORE}/keys", before, {"Puts": [good, bad]})
        assert (status, sent["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert (current(state), kvs.at_edge(state, ARN)) == (before, {})
    assert call(state, "POST", f"{STORE}/keys", before, {"Puts": [good]})[0] == 200


def test_what_is_not_there(state: State) -> None:
    for method, path in (
        ("GET", f"{STORE}/keys/none"),
        ("GET", "/key-value-stores/arn%3Anone"),
        ("PUT", "/key-value-stores/arn%3Anone/keys/a"),
        ("GET", "/other"),
    ):
        status, sent, _ = call(state, method, path, "x", {"Value": "v"})
        assert (status, sent["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException"), path
    assert call(state, "PATCH", f"{STORE}/keys/none", current(state))[0] == 400


def test_the_edge_sees_a_write_after_its_propagation(state: State) -> None:
    kvs.put(state, ARN, "mode", "aws", 0.0)
    kvs.put(state, ARN, "mode", "azure", 60.0)
    kvs.put(state, ARN, "epoch", "2", 60.0)
    assert kvs.get(state, ARN, "mode") == "azure"
    assert kvs.at_edge(state, ARN) == {"mode": "aws"}
    kvs.put(state, ARN, "mode", "aws", 0.0)
    assert kvs.at_edge(state, ARN) == {"mode": "aws"}


def test_a_dropped_store_is_empty_when_it_returns(state: State) -> None:
    kvs.put(state, ARN, "mode", "azure", 0.0)
    kvs.drop(state, ARN)
    assert kvs.etag(state, ARN) is None
    kvs.create(state, ARN)
    assert kvs.at_edge(state, ARN) == {}
