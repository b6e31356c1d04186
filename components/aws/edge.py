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


@dataclass(frozen=True, kw_only=True)
class EdgeArgs:
    """`router` is the function's source, `static_site_host` the Azure static website."""

    project: str
    router: str
    alb_dns_name: pulumi.Input[str]
    origin_key: pulumi.Input[str]
    static_site_host: pulumi.Input[str]


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
        function = cloudfront.Function(
            f"{name}-router",
            name=f"{args.project}-router",
            runtime="cloudfront-js-2.0",
            comment="Chooses the site by the key mode",
            publish=True,
            code=args.router,
            key_value_store_associations=[store.arn],
            opts=child(self),
        )
        distribution = cloudfront.Distribution(
            f"{name}-distribution",
            enabled=True,
            comment=f"{args.project}: both sites",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_200",
            origins=[
                cloudfront.DistributionOriginArgs(
                    origin_id="aws-alb",
                    domain_name=args.alb_dns_name,
                    connection_attempts=CONNECT_ATTEMPTS,
                    connection_timeout=CONNECT_TIMEOUT_S,
                    custom_headers=[
                        cloudfront.DistributionOriginCustomHeaderArgs(
                            name=ORIGIN_HEADER, value=args.origin_key
                        )
                    ],
                    custom_origin_config=_custom("http-only"),
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
                function_associations=[
                    cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                        event_type="viewer-request", function_arn=function.arn
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
                )
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
            viewer_certificate=cloudfront.DistributionViewerCertificateArgs(
                cloudfront_default_certificate=True
            ),
            tags=tags(f"{args.project}-edge"),
            opts=child(self),
        )
        self.domain_name: pulumi.Output[str] = distribution.domain_name
        self.distribution_id: pulumi.Output[str] = distribution.id
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
