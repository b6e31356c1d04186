"""ACM: certificates, and the DNS records that prove whose domain it is.

https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from simcloud.aws.base import AwsKind, by_arn, existing, in_use, token_hex
from simcloud.aws.route53 import RECORD, fqdn
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

CERTIFICATE = "aws:acm/certificate:Certificate"
FOREIGN = "outside:certificate"
"""Scope of certificates that no program owns: ARN → {"names": […]} (POST /outside/certificate)."""
_NAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


def names_of(inputs: Properties) -> list[str]:
    """The domain and its alternatives, each once."""
    return list(dict.fromkeys([str(inputs["domainName"]), *(inputs.get("subjectAlternativeNames") or [])]))


def covers(names: list[str], host: str) -> bool:
    """Whether a certificate for these names is one for this host; a wildcard stands for one label."""
    return host in names or f"*.{host.partition('.')[2]}" in names


def issued(ctx: Context, arn: str) -> list[str] | None:
    """Names of an issued certificate; an empty list while it waits for its validation, None where there is none."""
    own = by_arn(ctx, CERTIFICATE, arn)
    if own is not None:
        return names_of(own.inputs) if own.outputs.get("status") == "ISSUED" else []
    foreign = ctx.state.kv_get(FOREIGN, arn)
    return None if foreign is None else list(foreign.get("names", []))


@kind
class Certificate(AwsKind):
    type, service = CERTIFICATE, "acm"
    replace_on = frozenset(
        {"domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm", "region"}
    )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        raw = token_hex(32)
        uuid = f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
        return f"arn:aws:acm:{self.region_of(ctx, inputs)}:{ctx.account}:certificate/{uuid}"

    def check(self, ctx: Context, inputs: Properties) -> None:
        if "privateKey" in inputs or "certificateAuthorityArn" in inputs:
            raise CloudError("NotModelled", "simcloud models certificates that ACM issues, not imported ones")
        if "domainName" not in inputs:
            raise CloudError(
                "InvalidConfiguration", '"domain_name": one of `domain_name,private_key` must be specified'
            )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        for name in names_of(inputs):
            if not _NAME.fullmatch(name) or len(name) > 253:
                raise CloudError(
                    "ValidationException",
                    f"1 validation error detected: Value '{name}' at 'domainName' failed to satisfy constraint",
                )
        if inputs.get("validationMethod") != "DNS":
            raise CloudError("NotModelled", "simcloud models validation by DNS only")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        options: dict[str, Properties] = {}
        for name in names_of(res.inputs):
            base = name.removeprefix("*.")
            # The same for a domain in every region, so that one record proves it to all of them.
            proof = hashlib.sha256(f"{ctx.account}:{base}".encode()).hexdigest()
            options[base] = {
                "domainName": name,
                "resourceRecordName": f"_{proof[:32]}.{base}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": f"_{proof[32:]}.jkddzztszm.acm-validations.aws.",
            }
        return {
            "arn": res.id,
            "domainValidationOptions": list(options.values()),
            "status": res.outputs.get("status", "PENDING_VALIDATION"),
            "type": "AMAZON_ISSUED",
            "renewalEligibility": "INELIGIBLE",
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [
            *ctx.find("aws:lb/listener:Listener", certificateArn=res.id),
            *(
                d
                for d in ctx.find("aws:cloudfront/distribution:Distribution")
                if d.inputs["viewerCertificate"].get("acmCertificateArn") == res.id
            ),
        ]
        in_use(
            (u for u in users if u.status != "deleting"),
            "ResourceInUseException",
            f"Certificate {res.id} in account {ctx.account} is in use.",
        )


@kind
class CertificateValidation(AwsKind):
    """Waits until ACM has found its records; the certificate is issued then and stays so."""

    type, service, latency = "aws:acm/certificateValidation:CertificateValidation", "acm", "acm_validation"
    replace_on = frozenset({"certificateArn", "validationRecordFqdns", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"validated-{token_hex(16)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        arn = str(inputs["certificateArn"])
        text = f"Could not find certificate {arn}."
        certificate = existing(ctx, CERTIFICATE, arn, "ResourceNotFoundException", text)
        if certificate.region != self.region_of(ctx, inputs):
            raise CloudError("ResourceNotFoundException", text)
        given = {fqdn(str(name)) for name in inputs.get("validationRecordFqdns") or []}
        for option in certificate.outputs["domainValidationOptions"]:
            name = option["resourceRecordName"]
            if "validationRecordFqdns" in inputs and name not in given:
                raise CloudError(
                    "InvalidConfiguration", f"missing {certificate.id} DNS validation record: {name}"
                )
            if not _proved(ctx, option):
                # After an hour and a quarter, in the provider's words; not waited for here.
                raise CloudError(
                    "Timeout",
                    "waiting for ACM Certificate to be issued: timeout while waiting for state to become 'ISSUED' "
                    "(last state: 'PENDING_VALIDATION', timeout: 1h15m0s)",
                )

    def create(self, ctx: Context, res: Resource) -> Properties:
        certificate = ctx.by_id(CERTIFICATE, str(res.inputs["certificateArn"]))
        if certificate is not None:
            ctx.state.put(replace(certificate, outputs={**certificate.outputs, "status": "ISSUED"}))
        return {}


def _proved(ctx: Context, option: dict[str, Any]) -> bool:
    return any(
        fqdn(str(record.inputs["name"])) == option["resourceRecordName"]
        and record.inputs["type"] == option["resourceRecordType"]
        and [fqdn(str(value)) for value in record.inputs.get("records") or []]
        == [option["resourceRecordValue"]]
        for record in ctx.find(RECORD)
    )
