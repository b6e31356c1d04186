"""What CloudFront checks of a distribution's names, certificate, logs and firewall.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ViewerCertificate.html
"""

from __future__ import annotations

from simcloud.aws import acm, s3
from simcloud.aws.base import by_arn
from simcloud.aws.wafv2 import WEB_ACL
from simcloud.kinds import CloudError, Context, Properties

PROTOCOLS = {
    *("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016", "TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021"),
    *("TLSv1.2_2025", "TLSv1.3_2025"),
}


def _certificate(text: str) -> CloudError:
    return CloudError("InvalidViewerCertificate", text)


def certificate(ctx: Context, aliases: list[str], given: Properties) -> None:
    """The certificate must be CloudFront's own, or an issued one of us-east-1 that covers every alias."""
    arn, minimum = str(given.get("acmCertificateArn") or ""), given.get("minimumProtocolVersion")
    if aliases and not arn:
        raise _certificate(
            "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a "
            "trusted certificate that validates your authorization to use the domain name."
        )
    # With CloudFront's own certificate any value is taken and TLSv1 applies:
    # https://github.com/aws-samples/document-translation/issues/195
    if minimum and minimum not in PROTOCOLS:
        raise CloudError("InvalidMinimumProtocolVersion", "The minimum protocol version isn't valid.")
    if not arn:
        return
    names = acm.issued(ctx, arn)
    if not names or ":us-east-1:" not in arn:
        raise _certificate(
            "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, "
            "or doesn't include a valid certificate chain."
        )
    if given.get("sslSupportMethod") not in ("sni-only", "vip", "static-ip"):
        raise _certificate("The parameter SSLSupportMethod is required with a certificate.")
    if not all(acm.covers(names, alias) for alias in aliases):
        raise _certificate(
            "The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) "
            "that you're trying to add. For more details, see: https://docs.aws.amazon.com/AmazonCloudFront/latest/"
            "DeveloperGuide/CNAMEs.html#alternate-domain-names-requirements"
        )


def logs(ctx: Context, config: Properties | None) -> None:
    """Standard logging (legacy) writes by ACL, which a bucket of today does not have."""
    if not config:
        return
    bucket = str(config.get("bucket", "")).partition(".s3.")[0]
    if ctx.by_id(s3.BUCKET, bucket) is None:
        raise CloudError(
            "InvalidArgument",
            f"The S3 bucket that you specified for CloudFront logs does not exist: {bucket}",
        )
    if not s3.acls_enabled(ctx, bucket):
        raise CloudError(
            "InvalidArgument",
            f"The S3 bucket that you specified for CloudFront logs does not enable ACL access: {config['bucket']}",
        )


def firewall(ctx: Context, arn: object) -> None:
    acl = by_arn(ctx, WEB_ACL, arn) if arn else None
    if arn and (acl is None or acl.inputs["scope"] != "CLOUDFRONT"):
        raise CloudError("InvalidWebACLId", "Web ACL is not accessible by the requester.")
