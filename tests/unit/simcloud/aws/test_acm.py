"""Certificates: asked for, proved by DNS, issued."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import acm, cloudfront, route53
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws
from .test_cloudfront import distribution

VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
DOMAIN = "bank.example.com"
ZONE = "Z0123456789"


@pytest.fixture(autouse=True)
def zone(aws: Aws) -> None:
    aws.state.kv_put(route53.ZONES, ZONE, {"name": "example.com"})


def ask(aws: Aws, **more: Any) -> Resource:
    return aws.make(acm.CERTIFICATE, {"domainName": DOMAIN, "validationMethod": "DNS", **more}, "cert")


def proof(certificate: Resource, **more: Any) -> dict[str, Any]:
    (option,) = certificate.outputs["domainValidationOptions"]
    values = {"name": option["resourceRecordName"], "records": [option["resourceRecordValue"]]}
    return {"zoneId": ZONE, "type": option["resourceRecordType"], "ttl": 300, **values, **more}


def test_a_certificate_waits_for_its_proof(aws: Aws) -> None:
    made = ask(aws)
    assert made.id.startswith(f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/")
    assert made.outputs["status"] == "PENDING_VALIDATION"
    (option,) = made.outputs["domainValidationOptions"]
    assert option["domainName"] == DOMAIN
    assert option["resourceRecordName"].endswith(f".{DOMAIN}.")
    assert acm.issued(aws.ctx(), made.id) == []
    assert acm.issued(aws.ctx(), "arn:none") is None
    assert aws.replaced(made, domainName="x", tags={}) == ["domainName"]


def test_the_record_proves_it(aws: Aws) -> None:
    certificate = ask(aws)
    text = "timeout while waiting for state to become 'ISSUED' (last state: 'PENDING_VALIDATION'"
    wait = {"certificateArn": certificate.id}
    aws.refuses("Timeout", text, VALIDATION, wait)
    wrong = aws.make(route53.RECORD, proof(certificate, records=["_other.acm-validations.aws."]))
    aws.refuses("Timeout", text, VALIDATION, wait)
    aws.delete(wrong)
    record = aws.make(route53.RECORD, proof(certificate))
    text = "DNS validation record"
    aws.refuses(
        "InvalidConfiguration", text, VALIDATION, {**wait, "validationRecordFqdns": ["a.example.com"]}
    )
    text = "Could not find certificate"
    aws.refuses("ResourceNotFoundException", text, VALIDATION, {**wait, "region": "us-east-1"})
    aws.make(VALIDATION, {**wait, "validationRecordFqdns": [record.outputs["fqdn"]]})
    assert acm.issued(aws.ctx(), certificate.id) == [DOMAIN]
    again = aws.state.by_id(acm.CERTIFICATE, certificate.id)
    assert again and aws.change(again, tags={"a": "b"}).outputs["status"] == "ISSUED"


def test_one_proof_for_every_region(aws: Aws) -> None:
    here, there = ask(aws), ask(aws, region="us-east-1")
    assert proof(here) == proof(there)
    aws.make(route53.RECORD, proof(here))
    aws.make(VALIDATION, {"certificateArn": there.id, "region": "us-east-1"})


def test_names(aws: Aws) -> None:
    for name in ("no_underscores.example.com", "example", "a..b.com", "-a.example.com"):
        text = f"Value '{name}' at 'domainName' failed to satisfy constraint"
        given = {"domainName": name, "validationMethod": "DNS"}
        aws.refuses("ValidationException", text, acm.CERTIFICATE, given)
    wild = ask(aws, domainName="*.example.com")
    (option,) = wild.outputs["domainValidationOptions"]
    assert option["resourceRecordName"].endswith(".example.com.") and "*" not in option["resourceRecordName"]
    assert acm.covers(["*.example.com"], "a.example.com")
    assert not acm.covers(["*.example.com"], "a.b.example.com")
    assert not acm.covers(["*.example.com"], "example.com")


def test_what_is_not_modelled(aws: Aws) -> None:
    aws.refuses("NotModelled", "imported", acm.CERTIFICATE, {"privateKey": "x", "certificateBody": "y"})
    given = {"domainName": DOMAIN, "validationMethod": "EMAIL"}
    aws.refuses("NotModelled", "by DNS only", acm.CERTIFICATE, given)
    aws.refuses("InvalidConfiguration", "domain_name", acm.CERTIFICATE, {"validationMethod": "DNS"})


def test_a_certificate_in_use_stays(aws: Aws) -> None:
    certificate = ask(aws, region="us-east-1")
    aws.make(route53.RECORD, proof(certificate))
    aws.make(VALIDATION, {"certificateArn": certificate.id, "region": "us-east-1"})
    viewer = {"acmCertificateArn": certificate.id, "sslSupportMethod": "sni-only"}
    user = aws.make(cloudfront.DISTRIBUTION, distribution(aliases=[DOMAIN], viewerCertificate=viewer))
    aws.refuses_delete("ResourceInUseException", "is in use.", certificate)
    aws.delete(user)
    aws.delete(certificate)
