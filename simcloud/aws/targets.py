"""Health of a target group's targets: the pods that a TargetGroupBinding registers, as the load balancer sees them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from simcloud.clusters import Clusters, Object

Answer = tuple[int, dict[str, str], bytes]
NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"


class Health(Protocol):
    """(healthy, why not) of every target of a group; None when there is no such group."""

    def __call__(self, arn: str) -> list[tuple[bool, str]] | None: ...


def answer(body: bytes, health: Health) -> Answer | None:
    """The answer if it is this question, else None."""
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    if form.get("Action") != "DescribeTargetHealth":
        return None
    arn = form.get("TargetGroupArn", "")
    found = health(arn)
    if found is None:
        text = f"Target groups '{arn}' not found"
        error = f"<Error><Code>TargetGroupNotFound</Code><Message>{escape(text)}</Message></Error>"
        return 400, {"Content-Type": "text/xml"}, f"<ErrorResponse>{error}</ErrorResponse>".encode()
    rows = "".join(_row(number, *one) for number, one in enumerate(found))
    listed = f"<TargetHealthDescriptions>{rows}</TargetHealthDescriptions>"
    action = "DescribeTargetHealth"
    result = f"<{action}Result>{listed}</{action}Result>"
    return (
        200,
        {"Content-Type": "text/xml"},
        f'<{action}Response xmlns="{NAMESPACE}">{result}</{action}Response>'.encode(),
    )


def _row(number: int, healthy: bool, why: str) -> str:
    state = "<State>healthy</State>"
    if not healthy:
        reason = "<Reason>Target.FailedHealthChecks</Reason>"
        state = f"<State>unhealthy</State>{reason}<Description>{escape(why)}</Description>"
    target = f"<Target><Id>10.0.11.{10 + number}</Id><Port>8080</Port></Target>"
    return f"<member>{target}<TargetHealth>{state}</TargetHealth></member>"


def health_of(clusters: Clusters, region: str, arn: str) -> list[tuple[bool, str]]:
    """One target a replica of the Deployment behind each Service that is bound to the group."""
    found: list[tuple[bool, str]] = []
    for cluster_id in clusters.ids(region):
        store = clusters.store(cluster_id)
        for binding in store.list("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"):
            if binding["spec"].get("targetGroupARN") != arn:
                continue
            namespace = str(binding["metadata"].get("namespace", "default"))
            service = store.get("v1", "Service", namespace, str(binding["spec"]["serviceRef"]["name"]))
            for deployment in store.list("apps/v1", "Deployment", namespace):
                if service and _behind(service, deployment):
                    ready, why = clusters.ready(cluster_id, namespace, str(deployment["metadata"]["name"]))
                    found += [(ready, why)] * int(deployment["spec"].get("replicas", 1))
    return found


def _behind(service: Object, deployment: Object) -> bool:
    selector = (service["spec"].get("selector") or {}).items()
    labels = deployment["spec"]["template"]["metadata"].get("labels", {}).items()
    return bool(selector) and selector <= labels
