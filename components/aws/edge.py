"""CloudFront: one distribution, the function that chooses the site, and the store that tells it which."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudfront

from components.aws.balancer import ORIGIN_HEADER
from components.naming import child, tags

ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS managed
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AWS managed
# Two attempts of two seconds: a dead origin shows the maintenance page after four, well within ten.
CONNECT_ATTEMPTS, CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 2, 10
MAINTENANCE_PATH = "/maintenance/index.html"
AWS_HEALTH_PATH = "/planb/health/aws"
"""Leads to the health of AWS in every mode, past the router; see dns.py."""
# With CloudFront's own certificate the minimum is TLSv1, whatever is asked for: only a domain of one's own mends that.
# https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ViewerCertificate.html
TLS_MINIMUM = "TLSv1.2_2021"


@dataclass(frozen=True, kw_only=True)
class OwnDomain:
    """`certificate_arn` is an issued certificate of us-east-1, `origin_host` the load balancer's name for TLS."""

    domain: str
    certificate_arn: pulumi.Input[str]
    origin_host: str


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """`router` and `health` are the functions' sources, `static_site_host` the Azure static website."""

    project: str
    router: str
    health: str
    alb_dns_name: pulumi.Input[str]
    origin_key: pulumi.Input[str]
    static_site_host: pulumi.Input[str]
    own: OwnDomain | None = None
    web_acl_arn: pulumi.Input[str] | None = None


class Edge(pulumi.ComponentResource):
    """No origin group: CloudFront refuses writes on one (docs/adr/0001)."""

    def __init__(self, name: str, args: EdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Edge", name, None, opts)
        store = cloudfront.KeyValueStore(
            f"{name}-site", name=f"{args.project}-site", comment="Which site serves", opts=child(self)
        )
        for key, value in (("mode", "aws"), ("azureHost", "none"), ("epoch", "1")):
            cloudfront.KeyvaluestoreKey(
                f"{name}-{key}",
                key_value_store_arn=store.arn,
                key=key,
                value=value,
                # The runbook owns the value; without this the next `up` would fail back by itself.
                opts=child(self, ignore_changes=["value"]),
            )
        router, health = (
            cloudfront.Function(
                f"{name}-{what}",
                name=f"{args.project}-{what}",
                runtime="cloudfront-js-2.0",
                comment=comment,
                publish=True,
                code=code,
                key_value_store_associations=stores,
                opts=child(self),
            )
            for what, comment, code, stores in (
                ("router", "Chooses the site by the key mode", args.router, [store.arn]),
                ("health", "AWS's health, for the probe from outside", args.health, None),
            )
        )
        headers = _headers(name, args.project, child(self))
        distribution = cloudfront.Distribution(
            f"{name}-distribution",
            enabled=True,
            comment=f"{args.project}: both sites",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_200",
            aliases=[args.own.domain] if args.own else None,
            web_acl_id=args.web_acl_arn,
            origins=[
                cloudfront.DistributionOriginArgs(
                    origin_id="aws-alb",
                    domain_name=args.own.origin_host if args.own else args.alb_dns_name,
                    connection_attempts=CONNECT_ATTEMPTS,
                    connection_timeout=CONNECT_TIMEOUT_S,
                    custom_headers=[
                        cloudfront.DistributionOriginCustomHeaderArgs(
                            name=ORIGIN_HEADER, value=args.origin_key
                        )
                    ],
                    custom_origin_config=_custom("https-only" if args.own else "http-only"),
                ),
                cloudfront.DistributionOriginArgs(
                    origin_id="azure-static",
                    domain_name=args.static_site_host,
                    connection_attempts=CONNECT_ATTEMPTS,
                    connection_timeout=CONNECT_TIMEOUT_S,
                    custom_origin_config=_custom("https-only"),
                ),
            ],
            default_cache_behavior=cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id="aws-alb",
                viewer_protocol_policy="redirect-to-https",
                allowed_methods=ALL_METHODS,
                cached_methods=["GET", "HEAD"],
                compress=True,
                cache_policy_id=CACHING_DISABLED,
                origin_request_policy_id=ALL_VIEWER_EXCEPT_HOST,
                response_headers_policy_id=headers.id,
                function_associations=[
                    cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                        event_type="viewer-request", function_arn=router.arn
                    )
                ],
            ),
            ordered_cache_behaviors=[
                cloudfront.DistributionOrderedCacheBehaviorArgs(
                    path_pattern="/maintenance/*",
                    target_origin_id="azure-static",
                    viewer_protocol_policy="redirect-to-https",
                    allowed_methods=["GET", "HEAD"],
                    cached_methods=["GET", "HEAD"],
                    compress=True,
                    cache_policy_id=CACHING_DISABLED,
                    response_headers_policy_id=headers.id,
                ),
                cloudfront.DistributionOrderedCacheBehaviorArgs(
                    path_pattern=AWS_HEALTH_PATH,
                    target_origin_id="aws-alb",
                    viewer_protocol_policy="https-only",
                    allowed_methods=["GET", "HEAD"],
                    cached_methods=["GET", "HEAD"],
                    compress=False,  # the probe looks for a word in the body
                    cache_policy_id=CACHING_DISABLED,
                    function_associations=[
                        cloudfront.DistributionOrderedCacheBehaviorFunctionAssociationArgs(
                            event_type="viewer-request", function_arn=health.arn
                        )
                    ],
                ),
            ],
            custom_error_responses=[
                cloudfront.DistributionCustomErrorResponseArgs(
                    error_code=code,
                    response_code=503,
                    response_page_path=MAINTENANCE_PATH,
                    # An error must not outlive its cause.
                    error_caching_min_ttl=0,
                )
                for code in (502, 503, 504)
            ],
            restrictions=cloudfront.DistributionRestrictionsArgs(
                geo_restriction=cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
            ),
            viewer_certificate=_certificate(args.own),
            tags=tags(f"{args.project}-edge"),
            opts=child(self),
        )
        self.domain_name: pulumi.Output[str] = distribution.domain_name
        self.distribution_id: pulumi.Output[str] = distribution.id
        self.distribution_arn: pulumi.Output[str] = distribution.arn
        self.zone_id: pulumi.Output[str] = distribution.hosted_zone_id
        self.store_arn: pulumi.Output[str] = store.arn
        self.register_outputs({"domainName": self.domain_name, "storeArn": self.store_arn})


def _custom(policy: str) -> cloudfront.DistributionOriginCustomOriginConfigArgs:
    return cloudfront.DistributionOriginCustomOriginConfigArgs(
        http_port=80,
        https_port=443,
        origin_protocol_policy=policy,
        origin_ssl_protocols=["TLSv1.2"],
        origin_read_timeout=READ_TIMEOUT_S,
        origin_keepalive_timeout=5,
    )


def _certificate(own: OwnDomain | None) -> cloudfront.DistributionViewerCertificateArgs:
    if own is None:
        return cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
    return cloudfront.DistributionViewerCertificateArgs(
        acm_certificate_arn=own.certificate_arn,
        ssl_support_method="sni-only",
        minimum_protocol_version=TLS_MINIMUM,
    )


def _headers(name: str, project: str, opts: pulumi.ResourceOptions) -> cloudfront.ResponseHeadersPolicy:
    """What browsers are told of every page of either site; what a site says itself about content goes first."""
    config = cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs
    return cloudfront.ResponseHeadersPolicy(
        f"{name}-headers",
        name=f"{project}-security-headers",
        comment="Security headers of both sites",
        security_headers_config=config(
            strict_transport_security=(
                cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
                    # A year. Not for subdomains: those belong to others, as does a place on the preload list.
                    access_control_max_age_sec=31_536_000,
                    override=True,
                )
            ),
            content_type_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(
                override=True
            ),
            frame_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
                frame_option="DENY", override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
                referrer_policy="strict-origin-when-cross-origin", override=False
            ),
            content_security_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicyArgs(
                # No word on scripts and styles: only the application knows them.
                content_security_policy="frame-ancestors 'none'; base-uri 'self'; object-src 'none'",
                override=False,
            ),
        ),
        opts=opts,
    )
