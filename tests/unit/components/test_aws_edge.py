"""The edge and the load balancer behind it, with a domain and without: TLS, headers, logs, firewall, names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.aws.balancer import Balancer, BalancerArgs
from components.aws.certificates import Certificate, CertificateArgs
from components.aws.dns import Dns, DnsArgs, Names
from components.aws.edge import ALL_METHODS, AWS_HEALTH_PATH, Edge, EdgeArgs, OwnDomain
from components.aws.logs import FIELDS, AccessLogs, AccessLogsArgs, EdgeLogs, EdgeLogsArgs
from components.aws.waf import Firewall, FirewallArgs
from simcloud.aws import policies
from stacks import prod
from stacks.settings import Settings

from .conftest import Recorded, Run

SOURCES = Path(__file__).parents[3] / "edge"
ROUTER = (SOURCES / "router.js").read_text(encoding="utf-8")
HEALTH = (SOURCES / "health.js").read_text(encoding="utf-8")
ACCOUNT, DOMAIN, VIRGINIA = "123456789012", "bank.example.com", "us-east-1"


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    def program() -> None:
        make(pulumi.ResourceOptions(provider=aws.Provider("aws", region="ap-northeast-2")))

    return program


def edge_args(**more: Any) -> EdgeArgs:
    given: dict[str, Any] = {
        "project": "blue",
        "router": ROUTER,
        "health": HEALTH,
        "alb_dns_name": "blue-alb.elb.amazonaws.com",
        "origin_key": pulumi.Output.secret("canary-key"),
        "static_site_host": "bloberry01.z12.web.core.windows.net",
    }
    return EdgeArgs(**given | more)


@pytest.fixture
def edge(run: Run, preview: bool) -> Recorded:
    return run(in_stack(lambda opts: Edge("edge", edge_args(), opts)), preview=preview)


class TestEdge:
    def test_every_method_is_taken_and_none_is_cached(self, edge: Recorded) -> None:
        default = edge.one("Distribution")["defaultCacheBehavior"]
        assert sorted(default["allowedMethods"]) == sorted(ALL_METHODS)
        assert set(ALL_METHODS) == {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
        assert default["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
        assert default["viewerProtocolPolicy"] == "redirect-to-https"

    def test_no_origin_group(self, edge: Recorded) -> None:
        """CloudFront refuses writes on a behaviour whose target is one."""
        distribution = edge.one("Distribution")
        assert not distribution.inputs.get("originGroups")
        origins = {origin["originId"] for origin in distribution["origins"]}
        assert origins == {"aws-alb", "azure-static"}
        behaviours = [distribution["defaultCacheBehavior"], *distribution["orderedCacheBehaviors"]]
        assert {behaviour["targetOriginId"] for behaviour in behaviours} == origins

    def test_the_runbooks_keys_are_left_alone(self, edge: Recorded) -> None:
        keys = {item["key"]: item for item in edge.all("KeyvaluestoreKey")}
        assert {key: item["value"] for key, item in keys.items()} == {
            "mode": "aws",
            "azureHost": "none",
            "epoch": "1",
        }
        assert all(item.ignored == ("value",) for item in keys.values())

    def test_a_dead_origin_shows_the_page(self, edge: Recorded) -> None:
        distribution = edge.one("Distribution")
        responses = {item["errorCode"]: item for item in distribution["customErrorResponses"]}
        assert responses.keys() == {502, 503, 504}
        for item in responses.values():
            assert item["responseCode"] == 503
            assert item["responsePagePath"] == "/maintenance/index.html"
            assert item["errorCachingMinTtl"] == 0
        behaviour = distribution["orderedCacheBehaviors"][0]
        assert behaviour["pathPattern"] == "/maintenance/*"
        assert behaviour["targetOriginId"] == "azure-static"  # the page must not come from what is dead
        assert not behaviour.get("functionAssociations")

    def test_within_ten_seconds(self, edge: Recorded) -> None:
        for origin in edge.one("Distribution")["origins"]:
            assert origin["connectionAttempts"] * origin["connectionTimeout"] <= 10
            assert origin["customOriginConfig"]["originReadTimeout"] <= 10

    def test_origins(self, edge: Recorded) -> None:
        origins = {origin["originId"]: origin for origin in edge.one("Distribution")["origins"]}
        (header,) = origins["aws-alb"]["customHeaders"]
        assert header == {"name": "X-PlanB-Origin-Key", "value": "canary-key"}
        assert "customHeaders" not in origins["azure-static"]  # AWS's key is not told to Azure
        assert origins["azure-static"]["customOriginConfig"]["originProtocolPolicy"] == "https-only"
        assert origins["aws-alb"]["customOriginConfig"]["originProtocolPolicy"] == "http-only"

    def test_the_router_runs_on_every_request(self, edge: Recorded) -> None:
        function = edge.one("Function", "edge-router")
        assert function["code"] == ROUTER and function["publish"] is True
        assert function["runtime"] == "cloudfront-js-2.0"
        (association,) = edge.one("Distribution")["defaultCacheBehavior"]["functionAssociations"]
        assert association["eventType"] == "viewer-request"

    def test_the_probes_path_leads_to_aws_past_the_router(self, edge: Recorded) -> None:
        behaviours = edge.one("Distribution")["orderedCacheBehaviors"]
        (probe,) = [b for b in behaviours if b["pathPattern"] == AWS_HEALTH_PATH]
        assert (probe["targetOriginId"], probe["allowedMethods"]) == ("aws-alb", ["GET", "HEAD"])
        assert not probe["compress"] and probe["viewerProtocolPolicy"] == "https-only"
        function = edge.one("Function", "edge-health")
        assert function["code"] == HEALTH and "keyValueStoreAssociations" not in function.inputs

    def test_browsers_are_told_to_be_careful(self, edge: Recorded) -> None:
        config = edge.one("ResponseHeadersPolicy")["securityHeadersConfig"]
        assert config["strictTransportSecurity"] == {"accessControlMaxAgeSec": 31_536_000, "override": True}
        assert config["frameOptions"] == {"frameOption": "DENY", "override": True}
        assert config["contentTypeOptions"] == {"override": True}
        assert "frame-ancestors 'none'" in config["contentSecurityPolicy"]["contentSecurityPolicy"]
        distribution = edge.one("Distribution")
        pages = [distribution["defaultCacheBehavior"], distribution["orderedCacheBehaviors"][0]]
        assert all("responseHeadersPolicyId" in page or edge.exports == {} for page in pages)

    def test_without_a_domain_the_certificate_is_cloudfronts(self, edge: Recorded) -> None:
        distribution = edge.one("Distribution")
        assert distribution["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
        assert "aliases" not in distribution.inputs and "webAclId" not in distribution.inputs


@pytest.fixture
def own(run: Run, preview: bool) -> Recorded:
    domain = OwnDomain(domain=DOMAIN, certificate_arn="arn:viewer", origin_host=f"origin-aws.{DOMAIN}")
    return run(
        in_stack(lambda opts: Edge("edge", edge_args(own=domain, web_acl_arn="arn:acl"), opts)),
        preview=preview,
    )


class TestOwnDomain:
    def test_viewers_come_by_tls_1_2(self, own: Recorded) -> None:
        distribution = own.one("Distribution")
        assert distribution["aliases"] == [DOMAIN]
        assert distribution["viewerCertificate"] == {
            "acmCertificateArn": "arn:viewer",
            "sslSupportMethod": "sni-only",
            "minimumProtocolVersion": "TLSv1.2_2021",
        }

    def test_the_origin_is_reached_by_tls_only(self, own: Recorded) -> None:
        origins = {origin["originId"]: origin for origin in own.one("Distribution")["origins"]}
        assert origins["aws-alb"]["domainName"] == f"origin-aws.{DOMAIN}"
        for origin in origins.values():
            config = origin["customOriginConfig"]
            assert (config["originProtocolPolicy"], config["originSslProtocols"]) == (
                "https-only",
                ["TLSv1.2"],
            )

    def test_the_firewall_stands_before_it(self, own: Recorded) -> None:
        assert own.one("Distribution")["webAclId"] == "arn:acl"


def balancer_args(**more: Any) -> BalancerArgs:
    given: dict[str, Any] = {
        "project": "blue",
        "vpc_id": "vpc-1",
        "subnet_ids": [pulumi.Output.from_input("a"), pulumi.Output.from_input("c")],
        "security_group_id": "sg-alb",
        "log_bucket": "the-logs",
        "protect": True,
    }
    return BalancerArgs(**given | more)


class TestBalancer:
    @pytest.fixture(params=[None, "arn:regional"], ids=["http", "https"])
    def certificate(self, request: pytest.FixtureRequest) -> str | None:
        return request.param

    @pytest.fixture
    def made(self, run: Run, preview: bool, certificate: str | None) -> Recorded:
        def make(opts: pulumi.ResourceOptions) -> None:
            Balancer("balancer", balancer_args(certificate_arn=certificate), opts)

        return run(in_stack(make), preview=preview)

    def test_what_it_is(self, made: Recorded) -> None:
        alb = made.one("LoadBalancer", "balancer-alb")
        assert alb["dropInvalidHeaderFields"] and alb["desyncMitigationMode"] == "defensive"
        assert alb["enableDeletionProtection"] is True
        assert alb["accessLogs"] == {"bucket": "the-logs", "prefix": "alb", "enabled": True}
        assert alb["idleTimeout"] == 60
        targets = made.one("TargetGroup", "balancer-web")
        assert targets["targetType"] == "ip"
        assert targets["healthCheck"]["path"] == "/actuator/health"

    def test_who_does_not_know_the_key_gets_403(self, made: Recorded, certificate: str | None) -> None:
        serving = made.one("Listener", "balancer-https" if certificate else "balancer-http")
        (action,) = serving["defaultActions"]
        assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "403")
        rule = made.one("ListenerRule", "balancer-from-edge")
        (condition,) = rule["conditions"]
        assert condition["httpHeader"]["httpHeaderName"] == "X-PlanB-Origin-Key"
        assert [action["type"] for action in rule["actions"]] == ["forward"]
        if not made.one("LoadBalancer").inputs.get("arn"):  # known only after the update
            assert serving.urn.split("::")[-1] in {urn.split("::")[-1] for urn in rule.after}

    def test_with_a_certificate_80_only_redirects(self, made: Recorded, certificate: str | None) -> None:
        listeners = {item["port"]: item for item in made.all("Listener")}
        assert listeners.keys() == ({80, 443} if certificate else {80})
        if certificate:
            (action,) = listeners[80]["defaultActions"]
            assert action["redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
            assert listeners[443]["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
            assert listeners[443]["certificateArn"] == certificate


class TestCertificate:
    @pytest.mark.parametrize("region", [None, VIRGINIA])
    def test_it_is_proved_before_it_is_used(self, run: Run, preview: bool, region: str | None) -> None:
        args = CertificateArgs(domain=DOMAIN, zone_id="Z1", region=region)
        made = run(in_stack(lambda opts: Certificate("viewer", args, opts)), preview=preview)
        certificate, validation = (
            made.one("aws:acm/certificate:Certificate"),
            made.one("CertificateValidation"),
        )
        assert (certificate["domainName"], certificate["validationMethod"]) == (DOMAIN, "DNS")
        for item in (certificate, validation):
            assert item.inputs.get("region") == region
        record = made.one("Record")
        assert record["zoneId"] == "Z1" and record["allowOverwrite"] is True
        if not preview:
            assert (record["type"], record["records"]) == ("CNAME", ["_v.acm-validations.aws."])
            assert validation["validationRecordFqdns"] == ["proof.example.com"]


class TestLogs:
    @pytest.fixture
    def made(self, run: Run, preview: bool) -> Recorded:
        args = AccessLogsArgs(project="blue", protect=True)
        return run(in_stack(lambda opts: AccessLogs("logs", args, opts)), preview=preview)

    def test_the_bucket_is_private_and_encrypted_as_load_balancers_want(self, made: Recorded) -> None:
        bucket = made.one("aws:s3/bucket:Bucket")
        assert bucket["bucket"] == f"blue-access-logs-{ACCOUNT}"
        assert bucket.protect and bucket["forceDestroy"] is False
        block = made.one("BucketPublicAccessBlock").inputs
        assert all(block[key] is True for key in block if key != "bucket") and len(block) == 5
        (rule,) = made.one("BucketServerSideEncryptionConfiguration")["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
        assert made.one("BucketOwnershipControls")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
        (expire,) = made.one("BucketLifecycleConfiguration")["rules"]
        assert (expire["status"], expire["expiration"]) == ("Enabled", {"days": 365})

    def test_who_may_write(self, run: Run) -> None:
        made = run(
            in_stack(lambda opts: AccessLogs("logs", AccessLogsArgs(project="blue", protect=True), opts))
        )
        policy = made.one("BucketPolicy")["policy"]
        arn = "arn:Bucket:logs-bucket"
        alb, edge = "logdelivery.elasticloadbalancing.amazonaws.com", "delivery.logs.amazonaws.com"
        mine = {
            "aws:SourceAccount": ACCOUNT,
            "aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:blue-edge",
            "s3:x-amz-acl": "bucket-owner-full-control",
        }

        def may(service: str, key: str, action: str = "s3:PutObject", **change: str) -> bool:
            context = {**mine, **{name.replace("_", ":"): value for name, value in change.items()}}
            return policies.allows(policy, service, action, context, f"{arn}/{key}")

        assert may(alb, f"alb/AWSLogs/{ACCOUNT}/x.gz") and may(edge, "cloudfront/x.gz")
        assert not may(alb, "alb/AWSLogs/999999999999/x.gz")
        assert not may(alb, "cloudfront/x.gz") and not may(edge, f"alb/AWSLogs/{ACCOUNT}/x.gz")
        for service, key in ((alb, f"alb/AWSLogs/{ACCOUNT}/x.gz"), (edge, "cloudfront/x.gz")):
            assert not may(service, key, aws_SourceAccount="999999999999")
            assert not may(service, key, "s3:GetObject") and not may(service, key, "s3:DeleteObject")
        assert not may(edge, "cloudfront/x.gz", aws_SourceArn="arn:aws:logs:us-east-1:9:delivery-source:x")
        (tls,) = [s for s in json.loads(policy)["Statement"] if s["Effect"] == "Deny"]
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert (tls["Principal"], tls["Action"], tls["Resource"]) == ("*", "s3:*", [arn, f"{arn}/*"])

    def test_the_edges_logs_have_no_sessions_in_them(self, run: Run, preview: bool) -> None:
        args = EdgeLogsArgs(project="blue", distribution_arn="arn:edge", bucket_arn="arn:bucket")
        made = run(in_stack(lambda opts: EdgeLogs("edge-logs", args, opts)), preview=preview)
        assert all(item["region"] == VIRGINIA for item in made.made if item.package == "aws" and item.custom)
        source, delivery = made.one("LogDeliverySource"), made.one("LogDelivery")
        assert (source["resourceArn"], source["logType"]) == ("arn:edge", "ACCESS_LOGS")
        where = made.one("LogDeliveryDestination")["deliveryDestinationConfiguration"]
        assert where == {"destinationResourceArn": "arn:bucket/cloudfront"}
        assert delivery["recordFields"] == FIELDS
        assert not {"cs(Cookie)", "cs-uri-query"} & set(FIELDS) and {"c-ip", "cs-uri-stem"} <= set(FIELDS)


class TestFirewall:
    @pytest.fixture
    def made(self, run: Run, preview: bool) -> Recorded:
        args = FirewallArgs(project="blue", kms_key_arn="arn:key")
        return run(in_stack(lambda opts: Firewall("firewall", args, opts)), preview=preview)

    def test_everything_is_in_virginia(self, made: Recorded) -> None:
        assert {
            item["region"] for item in made.made if item.type.startswith(("aws:wafv2", "aws:cloudwatch"))
        } == {VIRGINIA}
        assert made.one("WebAcl")["scope"] == "CLOUDFRONT"

    def test_rules(self, made: Recorded) -> None:
        rules = sorted(made.one("WebAcl")["rules"], key=lambda rule: rule["priority"])
        assert rules[0]["statement"]["rateBasedStatement"]["limit"] == 5000 and "action" in rules[0]
        groups = [rule["statement"]["managedRuleGroupStatement"]["name"] for rule in rules[1:]]
        assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"} < set(groups)
        assert all("none" in rule["overrideAction"] for rule in rules[1:])
        assert not any(rule["visibilityConfig"]["sampledRequestsEnabled"] for rule in rules)

    def test_its_log_has_no_credentials_in_it(self, made: Recorded) -> None:
        group = made.one("LogGroup")
        assert group["name"].startswith("aws-waf-logs-")
        assert (group["kmsKeyId"], group["retentionInDays"]) == ("arn:key", 90)
        fields = made.one("WebAclLoggingConfiguration")["redactedFields"]
        assert [field["singleHeader"]["name"] for field in fields] == ["authorization", "cookie"]

    def test_who_may_write_the_log(self, run: Run) -> None:
        args = FirewallArgs(project="blue", kms_key_arn="arn:key")
        made = run(in_stack(lambda opts: Firewall("firewall", args, opts)))
        (statement,) = json.loads(made.one("LogResourcePolicy")["policyDocument"])["Statement"]
        assert statement["Resource"] == "arn:LogGroup:firewall-log:log-stream:*"
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


class TestDns:
    def make(self, run: Run, preview: bool, names: Names | None) -> Recorded:
        args = DnsArgs(
            project="blue", distribution_domain="d1.cloudfront.net", distribution_zone_id="Z2", names=names
        )
        return run(in_stack(lambda opts: Dns("dns", args, opts)), preview=preview)

    def test_the_probe_asks_aws_through_the_edge(self, run: Run, preview: bool) -> None:
        made = self.make(run, preview, None)
        check = made.one("HealthCheck")
        assert (check["type"], check["fqdn"], check["port"]) == ("HTTPS_STR_MATCH", "d1.cloudfront.net", 443)
        assert (check["resourcePath"], check["searchString"]) == (AWS_HEALTH_PATH, '"status":"UP"')
        assert check["requestInterval"] * check["failureThreshold"] <= 60
        assert not made.all("Record")

    def test_names(self, run: Run, preview: bool) -> None:
        names = Names(domain=DOMAIN, zone_id="Z1", balancer_dns_name="alb", balancer_zone_id="ZALB")
        made = self.make(run, preview, names)
        found = {
            (item["name"], item["type"]): (item["aliases"][0]["name"], item["aliases"][0]["zoneId"])
            for item in made.all("Record")
        }
        edge = ("d1.cloudfront.net", "Z2")
        assert found == {
            (DOMAIN, "A"): edge,
            (DOMAIN, "AAAA"): edge,
            (f"origin-aws.{DOMAIN}", "A"): ("alb", "ZALB"),
        }
        assert all(item["zoneId"] == "Z1" for item in made.all("Record"))
        # A health check at a record would take the name away in an outage; the edge is what switches.
        assert not any("healthCheckId" in item.inputs for item in made.all("Record"))


class TestWhole:
    """The whole stack with a domain: who has which certificate, what is exported."""

    def deploy(self, run: Run, **more: Any) -> Recorded:
        given = {"site": "prod", "domain": DOMAIN, "hostedZoneId": "Z0123456789ABCDEF", **more}
        settings = Settings.model_validate(given)
        return run(lambda: prod.deploy(settings), stack="prod")

    def test_two_certificates_two_regions(self, run: Run) -> None:
        made = self.deploy(run, waf=True)
        regions = {
            item["domainName"]: item.inputs.get("region")
            for item in made.all("aws:acm/certificate:Certificate")
        }
        assert regions == {DOMAIN: VIRGINIA, f"origin-aws.{DOMAIN}": None}
        assert made.exports["edgeUrl"] == f"https://{DOMAIN}"
        assert made.exports["originUrl"] == f"https://origin-aws.{DOMAIN}"
        assert made.exports["webAclArn"] == "arn:WebAcl:firewall-acl"
        assert made.exports["healthCheckId"] == "dns-aws-id"
        assert made.one("Distribution")["webAclId"] == "arn:WebAcl:firewall-acl"

    def test_the_banks_own_certificate(self, run: Run) -> None:
        arn = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/" + "a" * 36
        made = self.deploy(run, certificateArn=arn)
        assert [item["domainName"] for item in made.all("aws:acm/certificate:Certificate")] == [
            f"origin-aws.{DOMAIN}"
        ]
        assert made.one("Distribution")["viewerCertificate"]["acmCertificateArn"] == arn
        assert not made.all("WebAcl") and made.exports["webAclArn"] == "none"
