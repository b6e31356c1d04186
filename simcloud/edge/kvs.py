"""CloudFront's key-value store: the data-plane API with its optimistic lock, and what an edge location reads.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_kvs_PutKey.html and its neighbours. Writes need the
store's current ETag in If-Match; edge locations see a value only after its propagation.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import unquote

from simcloud.state import State

Answer = tuple[int, dict[str, str], bytes]
MAX_KEY, MAX_VALUE = 512, 1024


def scope(arn: str) -> str:
    return f"kvs:{arn}"


def etag(state: State, arn: str) -> str | None:
    """The store's present ETag; None when there is no such store."""
    return state.kv_get("kvs-etag", arn)


def create(state: State, arn: str) -> str:
    """A new, empty store; returns its ETag."""
    return _touch(state, arn)


def drop(state: State, arn: str) -> None:
    for key in state.kv_items(scope(arn)):
        state.kv_delete(scope(arn), key)
    state.kv_delete("kvs-etag", arn)


def put(state: State, arn: str, key: str, value: str, propagation_s: float) -> str:
    """Writes without a lock (the control plane's own seeding); returns the new ETag."""
    with state.exclusive():
        old = state.kv_get(scope(arn), key)
        before = visible(old) if old else None
        record = {"value": value, "before": before, "visible_at": time.time() + propagation_s}
        state.kv_put(scope(arn), key, record)
        return _touch(state, arn)


def delete(state: State, arn: str, key: str) -> str:
    with state.exclusive():
        state.kv_delete(scope(arn), key)
        return _touch(state, arn)


def get(state: State, arn: str, key: str) -> str | None:
    """The value as the API answers it: the newest."""
    record = state.kv_get(scope(arn), key)
    return record["value"] if record else None


def visible(record: dict[str, Any]) -> str | None:
    """The value as edge locations see it now."""
    return record["value"] if time.time() >= record["visible_at"] else record["before"]


def at_edge(state: State, arn: str) -> dict[str, str]:
    """All keys as edge locations see them now."""
    seen = {key: visible(record) for key, record in state.kv_items(scope(arn)).items()}
    return {key: value for key, value in seen.items() if value is not None}


def handle(
    state: State, propagation_s: float, method: str, path: str, headers: dict[str, str], body: bytes
) -> Answer:
    """One call of the data-plane API; `path` as sent (the ARN is percent-encoded in it)."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    if len(parts) < 2 or parts[0] != "key-value-stores":
        return _error(404, "ResourceNotFoundException", "no such operation")
    arn = unquote(parts[1])
    current = etag(state, arn)
    if current is None:
        return _error(404, "ResourceNotFoundException", f"Key value store {arn} was not found.")
    with state.exclusive():
        if method != "GET":
            given = {name.lower(): value for name, value in headers.items()}.get("if-match")
            if given is None:
                return _error(400, "ValidationException", "If-Match header is required.")
            if given != etag(state, arn):
                return _error(409, "ConflictException", "Resource is not in expected state.")
        if len(parts) == 2 and method == "GET":
            facts = _totals(state, arn) | {"KvsARN": arn, "Created": 0, "Status": "READY"}
            return 200, {"ETag": current}, json.dumps(facts).encode()
        if len(parts) == 3 and method == "GET":
            items = [
                {"Key": key, "Value": record["value"]} for key, record in state.kv_items(scope(arn)).items()
            ]
            return 200, {}, json.dumps({"Items": items}).encode()
        if len(parts) == 3 and method == "POST":
            return _update(state, propagation_s, arn, json.loads(body or b"{}"))
        key = unquote("/".join(parts[3:]))
        if method == "GET":
            value = get(state, arn, key)
            if value is None:
                return _error(404, "ResourceNotFoundException", f"Key {key} was not found.")
            return 200, {}, json.dumps(_totals(state, arn) | {"Key": key, "Value": value}).encode()
        if method == "PUT":
            return _update(state, propagation_s, arn, {"Puts": [{"Key": key, **json.loads(body)}]})
        if method == "DELETE":
            return _update(state, propagation_s, arn, {"Deletes": [{"Key": key}]})
    return _error(400, "ValidationException", f"{method} is not an operation here")


def _update(state: State, propagation_s: float, arn: str, change: dict[str, Any]) -> Answer:
    puts, deletes = change.get("Puts") or [], change.get("Deletes") or []
    for item in puts:
        if not 0 < len(item["Key"]) <= MAX_KEY or len(str(item["Value"]).encode()) > MAX_VALUE:
            return _error(400, "ValidationException", f"Key or value of {item['Key'][:40]} is too long.")
    tag = etag(state, arn) or ""
    for item in puts:
        tag = put(state, arn, item["Key"], str(item["Value"]), propagation_s)
    for item in deletes:
        tag = delete(state, arn, item["Key"])
    return 200, {"ETag": tag}, json.dumps(_totals(state, arn)).encode()


def _totals(state: State, arn: str) -> dict[str, int]:
    items = state.kv_items(scope(arn))
    return {
        "ItemCount": len(items),
        "TotalSizeInBytes": sum(len(k.encode()) + len(r["value"].encode()) for k, r in items.items()),
    }


def _touch(state: State, arn: str) -> str:
    tag = "KV" + secrets.token_hex(6).upper()
    state.kv_put("kvs-etag", arn, tag)
    return tag


def _error(status: int, code: str, message: str) -> Answer:
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Message": message, "message": message}).encode()
