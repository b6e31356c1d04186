"""Route 53's checkers: what they would report of a health check that is deployed, by asking its endpoint.

One real request through the simulated network stands for all of them: they differ in place, and the network here has
none. https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http.client import responses
from xml.sax.saxutils import escape

import requests

from simcloud.aws.route53 import HEALTH_CHECK
from simcloud.kinds import Resource
from simcloud.network import Network
from simcloud.state import State

Answer = tuple[int, dict[str, str], bytes]
PATH = re.compile(r"/2013-04-01/healthcheck/([0-9a-f-]{36})/status")
NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
# A TCP connection within four seconds, an answer within two more:
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
TIMEOUT_S = (2.0, 2.0)
REGIONS = (
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
)
"""Where its checkers are, when a check names no regions."""


def answer(state: State, network: Network, path: str) -> Answer | None:
    """The answer if it is this question, else None."""
    match = PATH.fullmatch(path.split("?", 1)[0])
    if match is None:
        return None
    check = state.by_id(HEALTH_CHECK, match[1])
    if check is None:
        text = f"No health check exists with the specified ID: {match[1]}"
        body = f"<ErrorResponse><Error><Code>NoSuchHealthCheck</Code><Message>{text}</Message></Error></ErrorResponse>"
        return 404, {"Content-Type": "text/xml"}, body.encode()
    said = escape(_ask(check, network))
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    rows = "".join(
        f"<HealthCheckObservation><Region>{region}</Region><IPAddress>192.0.2.{number + 1}</IPAddress><StatusReport>"
        f"<Status>{said}</Status><CheckedTime>{now}</CheckedTime></StatusReport></HealthCheckObservation>"
        for number, region in enumerate(check.inputs.get("regions") or REGIONS)
    )
    listed = f"<HealthCheckObservations>{rows}</HealthCheckObservations>"
    body = f'<GetHealthCheckStatusResponse xmlns="{NAMESPACE}">{listed}</GetHealthCheckStatusResponse>'
    return 200, {"Content-Type": "text/xml"}, body.encode()


def _ask(check: Resource, network: Network) -> str:
    given = check.inputs
    scheme = "https" if str(given["type"]).startswith("HTTPS") else "http"
    port = int(given.get("port") or (443 if scheme == "https" else 80))
    usual = port == (443 if scheme == "https" else 80)
    host = str(given.get("fqdn") or given.get("ipAddress"))
    url = f"{scheme}://{host}{'' if usual else f':{port}'}{given.get('resourcePath') or '/'}"
    proxies = {"http": network.proxy_url, "https": network.proxy_url}
    try:
        # Certificates are not its business: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/
        # health-checks-creating-values.html ("HTTPS health checks don't validate SSL/TLS certificates").
        found = requests.get(url, proxies=proxies, timeout=TIMEOUT_S, allow_redirects=False, verify=False)
    except requests.RequestException:
        return (
            "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being "
            "blocked by your firewall. See Configuring Router and Firewall Rules for Amazon Route 53 Health Checks"
        )
    text = f"HTTP Status Code {found.status_code}, {responses.get(found.status_code, 'Unknown')}."
    wanted = str(given.get("searchString") or "")
    if not 200 <= found.status_code < 400:
        return f"Failure: {text}"
    if wanted and wanted not in found.text[:5120]:
        return f"Failure: {text} The response body did not contain the search string."
    return f"Success: {text}"
