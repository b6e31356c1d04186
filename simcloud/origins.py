"""The data planes of the load balancers: from a name to the application, through what is really deployed.

ALB: listener → rule → target group → TargetGroupBinding → Service → Deployment web → Service was → Deployment was.
Application Gateway: public address → gateway → backend address → internal Service → the same. A missing link
answers as the cloud would: 503 without targets, 502 when the backend is unhealthy.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from simcloud.aws.acm import CERTIFICATE, covers, names_of
from simcloud.aws.route53 import RECORD
from simcloud.certificates import Authority
from simcloud.clusters import Clusters, Object, Workload
from simcloud.kinds import CloudError, Resource
from simcloud.state import State

LB = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
GROUP = "aws:lb/targetGroup:TargetGroup"
ADDRESS = "azure-native:network:PublicIPAddress"
GATEWAY = "azure-native:network:ApplicationGateway"
INTERNAL_IP = "service.beta.kubernetes.io/azure-load-balancer-ipv4"
Answer = tuple[int, dict[str, str], bytes]


class NoTarget(Exception):
    """Nothing behind the balancer can take the request; `status` is what the balancer answers."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Origins:
    """Both balancers on one plain-HTTP listener, told apart by Host; those with a certificate on a TLS listener too."""

    def __init__(self, state: State, clusters: Clusters, authority: Authority) -> None:
        self._state, self._clusters, self._authority = state, clusters, authority
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="origin")
        self._runner: web.AppRunner | None = None

    async def start(self) -> tuple[int, int]:
        """Its ports: plain and TLS."""
        app = web.Application(client_max_size=20 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        tls = self._authority.sni_context("*.elb.amazonaws.com", self.has_certificate)
        ports: list[int] = []
        for context in (None, tls):
            site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            ports.append(int(site._server.sockets[0].getsockname()[1]))  # type: ignore[union-attr]
        return ports[0], ports[1]

    def has_certificate(self, host: str) -> bool:
        """Whether a listener has an issued certificate for this name."""
        for listener in self._state.find(LISTENER, status="ready"):
            certificate = self._state.by_id(CERTIFICATE, str(listener.inputs.get("certificateArn")))
            if certificate and covers(names_of(certificate.inputs), host):
                return True
        return False

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        loop = asyncio.get_running_loop()
        host, headers = request.host.split(":")[0].lower(), dict(request.headers)
        port = 443 if request.secure else 80
        status, answer_headers, content = await loop.run_in_executor(
            self._pool, self.answer, host, port, request.method, request.path_qs, headers, body
        )
        return web.Response(status=status, headers=answer_headers, body=content)

    def answer(
        self, host: str, port: int, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        """One request at the balancer with this name, or with a record that is an alias of it."""
        try:
            for balancer in self._state.find(LB, status="ready", dnsName=self._canonical(host)):
                return self._alb(balancer, host, port, method, path, headers, body)
            return self._gateway(host, headers).handle(method, path, body)
        except NoTarget as error:
            return error.status, {"Content-Type": "text/plain"}, str(error).encode()

    # -- ALB --

    def _canonical(self, host: str) -> str:
        for record in self._state.find(RECORD, status="ready", type="A"):
            if str(record.inputs["name"]).rstrip(".").lower() == host:
                for alias in record.inputs.get("aliases") or []:
                    return str(alias["name"]).rstrip(".").removeprefix("dualstack.")
        return host

    def _alb(
        self,
        balancer: Resource,
        host: str,
        port: int,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Answer:
        listeners = self._state.find(LISTENER, status="ready", loadBalancerArn=balancer.get("arn"))
        listener = next((item for item in listeners if int(item.get("port", 0)) == port), None)
        if listener is None:
            raise NoTarget(502, f"connection refused: the load balancer has no listener on port {port}")
        action = self._action(listener, headers)
        if action["type"] == "redirect":
            to = action["redirect"]
            place = f"{str(to.get('protocol', 'HTTPS')).lower()}://{host}:{to.get('port', port)}{path}"
            return int(str(to["statusCode"]).removeprefix("HTTP_")), {"Location": place}, b""
        if action["type"] == "fixed-response":
            fixed = action["fixedResponse"]
            return (
                int(fixed.get("statusCode", 503)),
                {"Content-Type": fixed["contentType"]},
                str(fixed.get("messageBody", "")).encode(),
            )
        arn = action.get("targetGroupArn") or action["forward"]["targetGroups"][0]["arn"]
        # ALB fails open: with every target unhealthy it still routes, so health is the application's to show.
        return self._bound(str(arn), balancer.region).handle(method, path, body)

    def _action(self, listener: Resource, headers: dict[str, str]) -> dict[str, Any]:
        rules = self._state.find(RULE, status="ready", listenerArn=listener.get("arn"))
        given = {name.lower(): value for name, value in headers.items()}
        for rule in sorted(rules, key=lambda r: int(r.get("priority", 99999))):
            wanted = [c["httpHeader"] for c in rule.inputs["conditions"] if c.get("httpHeader")]
            if wanted and all(given.get(w["httpHeaderName"].lower()) in w["values"] for w in wanted):
                return rule.inputs["actions"][0]
        return listener.inputs["defaultActions"][0]

    def _bound(self, target_group_arn: str, region: str) -> Workload:
        for cluster_id in self._clusters.ids(region):
            for binding in self._clusters.store(cluster_id).list(
                "elbv2.k8s.aws/v1beta1", "TargetGroupBinding"
            ):
                if binding["spec"].get("targetGroupARN") == target_group_arn:
                    service = binding["spec"]["serviceRef"]["name"]
                    return self._through(
                        cluster_id, binding["metadata"].get("namespace", "default"), str(service), 503
                    )
        raise NoTarget(503, "503 Service Temporarily Unavailable: the target group has no registered targets")

    # -- Application Gateway --

    def _gateway(self, host: str, headers: dict[str, str]) -> Workload:
        address = next(
            (
                a
                for a in self._state.find(ADDRESS, status="ready")
                if (a.get("dnsSettings") or {}).get("fqdn") == host
            ),
            None,
        )
        gateway = next(
            (g for g in self._state.find(GATEWAY, status="ready") if address and _fronts(g, address.id)), None
        )
        if gateway is None:
            raise NoTarget(502, "connection refused: no gateway listens at this address")
        backends = {
            str(item.get("ipAddress") or item.get("fqdn"))
            for pool in gateway.inputs.get("backendAddressPools") or []
            for item in pool.get("backendAddresses") or []
        }
        probes = gateway.inputs.get("probes") or []
        for cluster_id in self._clusters.ids(gateway.region):
            for service in self._clusters.store(cluster_id).list("v1", "Service"):
                notes = service["metadata"].get("annotations") or {}
                if service["spec"].get("type") == "LoadBalancer" and notes.get(INTERNAL_IP) in backends:
                    meta = service["metadata"]
                    running = self._through(cluster_id, meta["namespace"], meta["name"], 502)
                    for probe in probes:
                        if running.handle("GET", str(probe["path"]), b"")[0] >= 400:
                            raise NoTarget(502, "502 Bad Gateway: the backend pool has no healthy member")
                    return running
        raise NoTarget(502, "502 Bad Gateway: the backend pool has no healthy member")

    # -- inside a cluster --

    def _through(self, cluster_id: str, namespace: str, service: str, status: int) -> Workload:
        """From the web Service to the application: both Deployments must be there and ready."""
        self._behind(cluster_id, namespace, service, status)
        application = self._behind(cluster_id, "was", "was", status)
        try:
            return self._clusters.workload(cluster_id, application)
        except CloudError as error:
            raise NoTarget(status, str(error)) from None

    def _behind(self, cluster_id: str, namespace: str, service: str, status: int) -> Object:
        store = self._clusters.store(cluster_id)
        found = store.get("v1", "Service", namespace, service)
        if found is None:
            raise NoTarget(status, f"service {namespace}/{service} not found")
        selector = (found["spec"].get("selector") or {}).items()
        for deployment in store.list("apps/v1", "Deployment", namespace):
            labels = deployment["spec"]["template"]["metadata"].get("labels", {}).items()
            if selector and selector <= labels:
                placed, why = self._clusters.ready(cluster_id, namespace, deployment["metadata"]["name"])
                if placed or why.startswith(
                    "Readiness probe"
                ):  # ALB fails open; the gateway probes by itself
                    return deployment
                raise NoTarget(status, why)
        raise NoTarget(status, f"no pods behind service {namespace}/{service}")


def _fronts(gateway: Resource, address_id: str) -> bool:
    frontends = gateway.inputs.get("frontendIPConfigurations") or []
    return any(
        ((f.get("publicIPAddress") or {}).get("id") or "").lower() == address_id.lower() for f in frontends
    )
