"""The edge: writes get through, and only the runbook says which site serves (DESIGN 3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Resource, Severity, is_missing, known, known_list, on_resource

WRITES = {"POST", "PUT", "PATCH", "DELETE"}


@on_resource(
    "no-writes-to-an-origin-group",
    says="A behaviour that takes writes targets one origin, not a group.",
    remedy="Target a single origin and let edge/router.js choose the site; CloudFront refuses POST, PUT, "
    "PATCH and DELETE on a group (docs/adr/0001).",
    severity=Severity.HIGH,
)
def no_writes_to_an_origin_group(resource: Resource) -> Iterator[str]:
    if resource.type != "aws:cloudfront/distribution:Distribution":
        return
    groups = {group.get("originId") for group in resource.each("originGroups")}
    default = resource.get("defaultCacheBehavior")
    for behaviour in [
        *([default] if isinstance(default, dict) else []),
        *resource.each("orderedCacheBehaviors"),
    ]:
        methods = behaviour.get("allowedMethods")
        writes = WRITES & set(known_list(methods))
        target = behaviour.get("targetOriginId")
        if known(target) and target in groups and writes:
            where = behaviour.get("pathPattern", "the default behaviour")
            yield f"{where} sends {', '.join(sorted(writes))} to the group {target}"


@on_resource(
    "edge-keys-belong-to-the-runbook",
    says="Pulumi creates the keys that choose the site and never changes them.",
    remedy='Add ignore_changes=["value"] to the key: otherwise the next `pulumi up` fails back by itself, '
    "in the middle of "
    "an outage.",
    severity=Severity.CRITICAL,
)
def edge_keys_belong_to_the_runbook(resource: Resource) -> Iterator[str]:
    key = resource.type == "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
    if key and "value" not in resource.ignore_changes:
        yield f"the value of {resource.get('key')} is not ignored"
    if resource.type.startswith("aws:cloudfront/keyvaluestoreKeysExclusive:"):
        yield "it would put back every key of the store at each `pulumi up`"


@on_resource(
    "origin-is-locked",
    says="CloudFront proves itself to the load balancer with a secret header.",
    remedy="Give the origin a custom header with the random origin key, which the listener's rule asks for.",
    severity=Severity.HIGH,
)
def origin_is_locked(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:cloudfront/distribution:Distribution":
        for origin in resource.each("origins"):
            host = origin.get("domainName")
            if (
                isinstance(host, str)
                and host.endswith(".elb.amazonaws.com")
                and is_missing(origin.get("customHeaders"))
            ):
                yield f"the origin {origin.get('originId')} carries no header"


EDGE = [no_writes_to_an_origin_group, edge_keys_belong_to_the_runbook, origin_is_locked]
