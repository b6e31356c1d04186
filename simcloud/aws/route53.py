"""Route 53: records in hosted zones, and health checks.

https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html. An alias of a load balancer
or a distribution is a name of the simulated network from then on.
"""

from __future__ import annotations

import ipaddress

from simcloud.aws.base import AwsKind, Named, in_use, letters, token_hex
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
ZONES = "outside:hosted-zone"
"""Scope of zones that no program owns: id → {"name": …} (POST /outside/hosted-zone)."""
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"  # of every distribution
LB = "aws:lb/loadBalancer:LoadBalancer"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_POLICIES = (
    *(
        "cidrRoutingPolicy",
        "failoverRoutingPolicies",
        "geolocationRoutingPolicies",
        "geoproximityRoutingPolicy",
    ),
    *("latencyRoutingPolicies", "multivalueAnswerRoutingPolicy", "weightedRoutingPolicies", "setIdentifier"),
)


def fqdn(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _invalid(text: str) -> CloudError:
    return CloudError("InvalidChangeBatch", f"[{text}]")


def zone_name(ctx: Context, zone_id: str) -> str:
    """The zone's domain with its last dot; NoSuchHostedZone where the account has no such zone."""
    own = ctx.by_id(ZONE, zone_id)
    outside = ctx.state.kv_get(ZONES, zone_id)
    if own is None and outside is None:
        raise CloudError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
    return fqdn(str(own.inputs["name"] if own else outside["name"]))


class _Route53(AwsKind):
    service, regional, global_arn = "route53", False, True


@kind
class Zone(Named):
    type, service, regional, longest = ZONE, "route53", False, 255
    replace_on = frozenset({"name", "delegationSetId"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"Z{letters(20)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if "vpcs" in inputs:
            raise CloudError("NotModelled", "simcloud models public hosted zones only")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        servers = [f"ns-{n}.awsdns-{n:02}.{top}" for n, top in enumerate(("com", "net", "org", "co.uk"), 1)]
        return {
            "arn": f"arn:aws:route53:::hostedzone/{res.id}",
            "zoneId": res.id,
            "nameServers": servers,
            "primaryNameServer": servers[0],
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        if not res.inputs.get("forceDestroy"):
            in_use(
                ctx.find(RECORD, zoneId=res.id),
                "HostedZoneNotEmpty",
                "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
            )


@kind
class Record(_Route53):
    type, latency = RECORD, "route53_change"
    replace_on = frozenset({"name", "type", "zoneId", "setIdentifier"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['zoneId']}_{fqdn(str(inputs['name'])).rstrip('.')}_{inputs['type']}"

    def check(self, ctx: Context, inputs: Properties) -> None:
        unmodelled = [key for key in _POLICIES if key in inputs]
        if unmodelled:
            raise CloudError("NotModelled", f"simcloud models simple routing, not {', '.join(unmodelled)}")
        if ("aliases" in inputs) == ("records" in inputs):
            raise CloudError("InvalidConfiguration", '"alias": one of `alias,records` must be specified')
        if "records" in inputs and "ttl" not in inputs:
            raise CloudError("InvalidConfiguration", '"ttl": all of `records,ttl` must be specified')

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        zone, name = zone_name(ctx, str(inputs["zoneId"])), fqdn(str(inputs["name"]))
        if name != zone and not name.endswith(f".{zone}"):
            # https://github.com/getmoto/moto/pull/916
            raise _invalid(f"RRSet with DNS name {name} is not permitted in zone {zone}")
        same = [
            r
            for r in ctx.find(RECORD, zoneId=inputs["zoneId"])
            if fqdn(str(r.inputs["name"])) == name and (old is None or r.id != old.id)
        ]
        if not inputs.get("allowOverwrite") and any(r.inputs["type"] == inputs["type"] for r in same):
            # https://github.com/clouddrove/terraform-aws-ses/issues/25
            raise _invalid(
                f"Tried to create resource record set [name='{name}', type='{inputs['type']}'] but it already exists"
            )
        if inputs["type"] == "CNAME" and name == zone:
            raise _invalid(
                f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
            )
        if any(
            "CNAME" in (inputs["type"], r.inputs["type"]) for r in same if r.inputs["type"] != inputs["type"]
        ):
            raise _invalid(
                f"RRSet of type {inputs['type']} with DNS name {name} is not permitted as it conflicts with other "
                f"records with the same DNS name in zone {zone}"
            )
        for value in inputs.get("records") or []:
            self._value(str(inputs["type"]), str(value))
        for alias in inputs.get("aliases") or []:
            self._alias(ctx, inputs, alias)

    def _value(self, type_: str, value: str) -> None:
        if type_ not in ("A", "AAAA"):
            return
        try:
            ipaddress.IPv4Address(value) if type_ == "A" else ipaddress.IPv6Address(value)
        except ValueError:
            version = "4" if type_ == "A" else "6"
            raise _invalid(
                f"Invalid Resource Record: 'FATAL problem: {type_}RRDATAIllegalIPv{version}Address (Value is not a "
                f"valid IPv{version} address) encountered with '{value}''"
            ) from None

    def _alias(self, ctx: Context, inputs: Properties, alias: Properties) -> None:
        target, zone = str(alias["name"]).lower(), str(alias["zoneId"])
        wanted = f"Tried to create an alias that targets {fqdn(target)}, type {inputs['type']} in zone {zone}, but "
        found = _target(ctx, alias)
        if found is None:
            raise _invalid(f"{wanted}that target was not found")
        if zone != (CLOUDFRONT_ZONE if found.type == DISTRIBUTION else found.get("zoneId")):
            raise _invalid(f"{wanted}the alias target name does not lie within the target zone")
        if found.type == DISTRIBUTION and alias.get("evaluateTargetHealth"):
            # "You can't set EvaluateTargetHealth to true when the alias target is a CloudFront distribution":
            # https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html; the wording is ours (I).
            raise _invalid(
                "EvaluateTargetHealth cannot be set to true when the alias target is a CloudFront distribution"
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"fqdn": fqdn(str(res.inputs["name"])).rstrip(".")}

    def create(self, ctx: Context, res: Resource) -> Properties:
        name = fqdn(str(res.inputs["name"])).rstrip(".")
        for alias in res.inputs.get("aliases") or []:
            found = _target(ctx, alias)
            if found is None or res.inputs["type"] != "A":
                continue
            if found.type == DISTRIBUTION:
                ctx.world.network.publish(name, "edge", 0, region="global", tls=True)
            else:
                ctx.world.network.publish(name, "alb", 0, region=found.region, tls=False)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        return self.create(ctx, res)

    def delete(self, ctx: Context, res: Resource) -> None:
        if res.inputs.get("aliases") and res.inputs["type"] == "A":
            ctx.world.network.unpublish(fqdn(str(res.inputs["name"])).rstrip("."))


def _target(ctx: Context, alias: Properties) -> Resource | None:
    """The load balancer or distribution that an alias means."""
    name = str(alias["name"]).lower().rstrip(".").removeprefix("dualstack.")
    return next(
        (
            r
            for token, key in ((LB, "dnsName"), (DISTRIBUTION, "domainName"))
            for r in ctx.find(token)
            if str(r.get(key, "")).lower() == name
        ),
        None,
    )


@kind
class HealthCheck(_Route53):
    type = HEALTH_CHECK
    replace_on = frozenset(
        {"type", "requestInterval", "measureLatency", "referenceName", "routingControlArn"}
    )
    endpoints = frozenset({"HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        raw = token_hex(32)
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        def refuse(text: str) -> CloudError:
            return CloudError("InvalidInput", f"Invalid parameter : {text}")

        type_ = str(inputs["type"])
        if type_ not in self.endpoints:
            raise CloudError("NotModelled", f"simcloud models health checks of endpoints, not {type_}")
        if not inputs.get("fqdn") and not inputs.get("ipAddress"):
            raise refuse("Either IPAddress or FullyQualifiedDomainName must be specified.")
        if type_.endswith("_STR_MATCH") != bool(inputs.get("searchString")):
            raise refuse("SearchString must be specified for, and only for, string matching health checks.")
        if int(inputs.get("requestInterval", 30)) not in (10, 30):
            raise refuse("RequestInterval must be 10 or 30.")
        if not 1 <= int(inputs.get("failureThreshold", 3)) <= 10:
            raise refuse("FailureThreshold must be between 1 and 10.")
        if "regions" in inputs and len(inputs["regions"]) < 3:
            raise refuse("At least three regions must be specified.")
        if len(str(inputs.get("resourcePath", ""))) > 255 or len(str(inputs.get("searchString", ""))) > 255:
            raise refuse("ResourcePath and SearchString can have up to 255 characters.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": f"arn:aws:route53:::healthcheck/{res.id}"}
