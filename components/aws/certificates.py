"""A certificate of our own for one name, proved by a record in the domain's zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, route53

from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """`region` where the provider's own is not meant: CloudFront takes certificates of us-east-1 only."""

    domain: str
    zone_id: str
    region: str | None = None


class Certificate(pulumi.ComponentResource):
    """`arn` is known only when the certificate is issued: listeners and distributions refuse one that waits."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Certificate", name, None, opts)
        certificate = acm.Certificate(
            f"{name}-certificate",
            domain_name=args.domain,
            validation_method="DNS",
            region=args.region,
            tags=tags(args.domain),
            opts=child(self),
        )
        wanted = certificate.domain_validation_options[0]
        record = route53.Record(
            f"{name}-proof",
            zone_id=args.zone_id,
            name=wanted.resource_record_name,
            type=wanted.resource_record_type,
            records=[wanted.resource_record_value],
            ttl=300,
            # ACM asks for the same record in every region and for every renewal: what is there says the same.
            allow_overwrite=True,
            opts=child(self),
        )
        validation = acm.CertificateValidation(
            f"{name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            region=args.region,
            opts=child(self),
        )
        self.arn: pulumi.Output[str] = validation.certificate_arn
        self.register_outputs({"arn": self.arn})
