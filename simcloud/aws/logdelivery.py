"""CloudWatch's vended logs: from a distribution to a bucket (CloudFront's standard logging v2).

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
"""

from __future__ import annotations

import re

from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, letters
from simcloud.aws.iam import document
from simcloud.aws.s3 import BUCKET, lets
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
DESTINATION = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"
DELIVERY = "aws:cloudwatch/logDelivery:LogDelivery"
POLICY = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
FORMATS = {"json", "plain", "w3c", "raw", "parquet"}
FIELDS = {
    *(
        "date",
        "time",
        "x-edge-location",
        "sc-bytes",
        "c-ip",
        "cs-method",
        "cs(Host)",
        "cs-uri-stem",
        "sc-status",
    ),
    *(
        "cs(Referer)",
        "cs(User-Agent)",
        "cs-uri-query",
        "cs(Cookie)",
        "x-edge-result-type",
        "x-edge-request-id",
    ),
    *(
        "x-host-header",
        "cs-protocol",
        "cs-bytes",
        "time-taken",
        "x-forwarded-for",
        "ssl-protocol",
        "ssl-cipher",
    ),
    *("x-edge-response-result-type", "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port"),
    *(
        "time-to-first-byte",
        "x-edge-detailed-result-type",
        "sc-content-type",
        "sc-content-len",
        "sc-range-start",
    ),
    *("sc-range-end", "c-country", "cache-behavior-path-pattern"),
}


class _Delivery(Named):
    service, longest = "logs", 60

    def named(self, inputs: Properties) -> None:
        if not re.fullmatch(r"[\w-]{1,60}", str(inputs["name"])):
            raise CloudError(
                "ValidationException",
                f"1 validation error detected: Value '{inputs['name']}' at 'name' failed to satisfy constraint",
            )


@kind
class DeliverySource(_Delivery):
    type, arn_path = SOURCE, "delivery-source:{name}"
    replace_on = frozenset({"name", "resourceArn", "logType", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.named(inputs)
        region, arn = self.region_of(ctx, inputs), str(inputs["resourceArn"])
        if ":cloudfront::" not in arn or inputs["logType"] != "ACCESS_LOGS":
            raise CloudError("NotModelled", "simcloud models ACCESS_LOGS of distributions only")
        if region != "us-east-1":
            # https://github.com/terraform-aws-modules/terraform-aws-cloudfront/issues/197
            raise CloudError(
                "ValidationException",
                f"PutDeliverySource action is not supported for this LogType in region {region}",
            )
        if by_arn(ctx, "aws:cloudfront/distribution:Distribution", arn) is None:
            raise CloudError("ResourceNotFoundException", f"Resource {arn} does not exist")
        if old is None:
            in_use(
                ctx.find(SOURCE, resourceArn=arn),
                "ConflictException",
                "This ResourceId has already been used in another Delivery Source in this account",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"service": "cloudfront"}

    def delete(self, ctx: Context, res: Resource) -> None:
        in_use(
            ctx.find(DELIVERY, deliverySourceName=res.id), "ConflictException", "The source has deliveries"
        )


@kind
class DeliveryDestination(_Delivery):
    type, arn_path = DESTINATION, "delivery-destination:{name}"
    replace_on = frozenset({"name", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.named(inputs)
        if inputs.get("outputFormat", "w3c") not in FORMATS:
            raise CloudError("ValidationException", f"Invalid output format {inputs['outputFormat']}")
        arn = (inputs.get("deliveryDestinationConfiguration") or {}).get("destinationResourceArn")
        existing(ctx, BUCKET, _place(arn)[0], "ResourceNotFoundException", f"Resource {arn} does not exist")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"deliveryDestinationType": "S3"}

    def delete(self, ctx: Context, res: Resource) -> None:
        users = ctx.find(DELIVERY, deliveryDestinationArn=res.get("arn"))
        in_use(users, "ConflictException", "The destination has deliveries")


def _place(arn: object) -> tuple[str, str]:
    """Bucket and prefix of a destination; CloudFront's own prefix where none is given."""
    bucket, _, prefix = str(arn).removeprefix("arn:aws:s3:::").partition("/")
    return bucket, prefix


@kind
class Delivery(AwsKind):
    type, service, arn_path = DELIVERY, "logs", "delivery:{id}"
    replace_on = frozenset({"deliverySourceName", "deliveryDestinationArn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return letters(16)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["deliverySourceName"])
        source = existing(
            ctx, SOURCE, name, "ResourceNotFoundException", f"Delivery source {name} does not exist"
        )
        destination = by_arn(ctx, DESTINATION, inputs["deliveryDestinationArn"])
        if destination is None or destination.region != source.region:
            raise CloudError("ResourceNotFoundException", "Delivery destination does not exist")
        unknown = sorted(set(inputs.get("recordFields") or []) - FIELDS)
        if unknown:
            raise CloudError("ValidationException", f"Invalid record fields: {', '.join(unknown)}")
        arn = destination.inputs["deliveryDestinationConfiguration"]["destinationResourceArn"]
        bucket, prefix = _place(arn)
        key = f"{prefix or f'AWSLogs/{ctx.account}/CloudFront'}/x.gz"
        sender = {"aws:SourceArn": str(source.outputs["arn"])}
        if not lets(ctx, bucket, "delivery.logs.amazonaws.com", key, **sender):
            # The service would write the policy itself, and the program's own and its would overwrite each other; the
            # wording is that of flow logs (I).
            raise CloudError(
                "AccessDeniedException",
                f"Access Denied for LogDestination: {bucket}. Please check LogDestination permission",
            )


@kind
class ResourcePolicy(AwsKind):
    """Lets services write to log groups; an account has ten of them a region."""

    type, service = POLICY, "logs"
    replace_on = frozenset({"policyName", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["policyName"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if not inputs.get("policyName"):
            raise CloudError("NotModelled", "simcloud models policies of an account, not of one resource")
        document(inputs["policyDocument"])
        here = [r for r in ctx.find(POLICY) if r.region == self.region_of(ctx, inputs)]
        if old is None and len(here) >= 10:
            raise CloudError("LimitExceededException", "Resource limit exceeded.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"policyScope": "ACCOUNT", "revisionId": letters(8)}
