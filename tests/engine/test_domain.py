"""Production with a domain, a firewall and CloudFront's addresses only: deployed, TLS end to end, torn down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.engine.conftest import Site, resources, simulated

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
DOMAIN, ZONE = "bank.example.com", "Z0123456789ABCDEFGHIJ"
SETTINGS = {"domain": DOMAIN, "hostedZoneId": ZONE, "waf": "true", "albIngress": "cloudfront"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with simulated(tmp_path_factory.mktemp("domain")) as one:
        one.found.call("POST", "/outside/hosted-zone", {"id": ZONE, "facts": {"name": "example.com"}})
        for key, value in SETTINGS.items():
            one.must("pulumi", "config", "set", f"planb:{key}", value, "-s", "prod")
        for stack in ("dr", "prod"):
            one.must("pulumi", "up", "-s", stack, "--yes", "--skip-preview")
        yield one


def ask(site: Site, url: str, **more: Any) -> requests.Response:
    """As a customer with the simulation's names and its certificate authority."""
    proxies = {scheme: site.env[f"{scheme.upper()}_PROXY"] for scheme in ("http", "https")}
    ca = site.env["REQUESTS_CA_BUNDLE"]
    return requests.get(url, proxies=proxies, verify=ca, timeout=30, allow_redirects=False, **more)


def test_nothing_is_left_to_change(site: Site) -> None:
    site.must("pulumi", "preview", "-s", "prod", "--diff", "--expect-no-changes")
    site.must("pulumi", "refresh", "-s", "prod", "--yes", "--skip-preview")
    site.must("pulumi", "preview", "-s", "prod", "--diff", "--expect-no-changes")


def test_customers_come_by_tls_and_so_does_the_edge(site: Site) -> None:
    answer = ask(site, f"https://{DOMAIN}/")
    # Nobody has made the application's tables, so the page is the maintenance one or the application's own error:
    # what counts here is that both names had their certificates.
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["X-Frame-Options"] == "DENY"
    origin = f"origin-aws.{DOMAIN}"
    assert ask(site, f"https://{origin}/").status_code == 403, "the secret header is missing"
    plain = ask(site, f"http://{origin}/a?b=c")
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{origin}:443/a?b=c")


def test_the_probe_reaches_aws(site: Site) -> None:
    made = {r["type"]: r for r in resources(site, "prod")}
    check = made["aws:route53/healthCheck:HealthCheck"]["outputs"]
    answer = ask(site, f"https://{check['fqdn']}{check['resourcePath']}")
    direct = ask(site, f"https://{check['fqdn']}/actuator/health")
    assert answer.status_code == direct.status_code
    assert made["aws:cloudfront/distribution:Distribution"]["outputs"]["webAclId"].startswith(
        "arn:aws:wafv2:us-east-1:"
    )


def test_it_is_torn_down(site: Site) -> None:
    for stack in ("prod", "dr"):
        site.must("pulumi", "destroy", "-s", stack, "--yes", "--skip-preview")
    assert site.found.call("GET", "/status")["resources"] == 0
