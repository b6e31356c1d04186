"""Azure's management API (management.azure.com), as far as one asks it whether something could be built.

Answers come from the same tables that refuse a creation, and from what is deployed. What is not modelled is refused:
404 InvalidResourceType. Shapes: Azure/azure-rest-api-specs, examples of the API versions that are named here.
"""

from __future__ import annotations

import datetime
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from simcloud.azure import aksrules
from simcloud.azure.dbformysql import SKUS, VERSIONS
from simcloud.azure.topology import MYSQL
from simcloud.faults import Faults
from simcloud.kinds import CloudError, Context
from simcloud.network import Network
from simcloud.state import State
from simcloud.tlsserver import TlsServer

HOST = "management.azure.com"
AUDIENCES = {f"https://{HOST}", "https://management.core.windows.net"}
SUBSCRIPTION = Context.subscription
CLUSTER, POOL = "azure-native:containerservice:ManagedCluster", "azure-native:containerservice:AgentPool"
ADDRESS = "azure-native:network:PublicIPAddress"
REGISTERED = frozenset(
    f"microsoft.{name}"
    for name in (
        "authorization",
        "compute",
        "containerinstance",
        "containerservice",
        "dbformysql",
        "insights",
        "keyvault",
        "managedidentity",
        "network",
        "operationalinsights",
        "resources",
        "storage",
    )
)
# What a pay-as-you-go subscription may have at first is 10 or 20 vCPUs; ours had its limit raised to this (I).
CORES, ADDRESSES = 100, 20
HA_MODES = ["SameZone", "ZoneRedundant"]
Reply = tuple[int, dict[str, Any]]


class ManagementApi:
    """One TLS listener, published under the API's own name."""

    def __init__(self, state: State, network: Network, faults: Faults) -> None:
        self._state, self._network, self._faults = state, network, faults
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                api.serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: who asks prints what it learnt."""

        self._handler = Handler
        self._server: TlsServer | None = None

    def start(self) -> None:
        self._server = TlsServer(("127.0.0.1", 0), self._handler)
        self._server.tls = self._network.authority.server_context(HOST)
        port = int(self._server.server_address[1])
        self._network.publish(HOST, "127.0.0.1", port, region="global", tls=True)
        threading.Thread(target=self._server.serve_forever, name="arm", daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        parts = urlsplit(request.path)
        place = re.search(r"/locations/([^/]+)", parts.path)
        while place and self._network.is_dark(place[1]):  # hangs until the client gives up
            time.sleep(0.2)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            given: dict[str, Any] = json.loads(body or b"{}")
        except ValueError:
            given = {}
        bearer = request.headers.get("Authorization", "")
        status, content = self.answer(request.command, parts.path, query, given, bearer)
        raw = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json; charset=utf-8")
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        request.wfile.write(raw)

    # -- one question --

    def answer(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any], bearer: str
    ) -> Reply:
        """What Resource Manager says to it."""
        if refused := self._identity(bearer):
            return refused
        if not query.get("api-version"):
            text = "The api-version query parameter (?api-version=) is required for all requests."  # (I)
            return _error(400, "MissingApiVersionParameter", text)
        match = re.fullmatch(r"/subscriptions/([^/]+)(/.*)?", path)
        if match is None or match[1] != SUBSCRIPTION:
            name = match[1] if match else ""
            return _error(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")
        rest = (match[2] or "").rstrip("/")
        for verb, pattern, reply in self._table():
            found = re.fullmatch(pattern, rest, re.IGNORECASE)
            if found and verb == method:
                return reply(found, query, body)
        return _error(404, "InvalidResourceType", f"simcloud does not model {method} {rest or path}")

    def _identity(self, bearer: str) -> Reply | None:
        try:
            self._faults.before_call("azure-native", "", "read")
        except CloudError as error:
            return _error(401, "ExpiredAuthenticationToken", error.message)
        token = bearer.removeprefix("Bearer ")
        if not token or token == bearer:
            return _error(
                401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if str(claims.get("aud", "")).rstrip("/") not in AUDIENCES:
            return _error(
                401,
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{claims.get('aud')}'.",
            )
        return None

    def _table(
        self,
    ) -> list[tuple[str, str, Callable[[re.Match[str], dict[str, str], dict[str, Any]], Reply]]]:
        here = r"/locations/([^/]+)"
        return [
            (
                "GET",
                "",
                lambda *_: (
                    200,
                    {"subscriptionId": SUBSCRIPTION, "displayName": "PlanB", "state": "Enabled"},
                ),
            ),
            ("GET", r"/providers/(Microsoft\.[A-Za-z]+)", lambda m, *_: self._provider(m[1])),
            (
                "GET",
                rf"/providers/Microsoft\.ContainerService{here}/kubernetesVersions",
                lambda *_: self._kubernetes(datetime.date.today()),
            ),
            ("GET", rf"/providers/Microsoft\.DBforMySQL{here}/capabilities", lambda *_: _capabilities()),
            (
                "POST",
                rf"/providers/Microsoft\.DBforMySQL{here}/checkNameAvailability",
                lambda m, q, body: self._name(str(body.get("name", ""))),
            ),
            ("GET", rf"/providers/Microsoft\.Compute{here}/usages", lambda *_: self._cores()),
            ("GET", r"/providers/Microsoft\.Compute/skus", lambda m, q, b: _skus(q.get("$filter", ""))),
            ("GET", rf"/providers/Microsoft\.Network{here}/usages", lambda *_: self._addresses()),
            (
                "GET",
                r"/resourceGroups/[^/]+/providers/Microsoft\.[A-Za-z]+/(flexibleServers|managedClusters)/[^/]+",
                lambda m, *_: self._one(f"/subscriptions/{SUBSCRIPTION}{m[0]}"),
            ),
        ]

    def _one(self, arm_id: str) -> Reply:
        """One server or cluster, as far as somebody asks whether it runs."""
        for type_, properties in (
            (MYSQL, {"state": "Ready"}),
            (CLUSTER, {"powerState": {"code": "Running"}, "provisioningState": "Succeeded"}),
        ):
            for found in self._state.find(type_, status="ready"):
                if found.id.lower() == arm_id.lower():
                    return 200, {
                        "id": found.id,
                        "name": found.id.rsplit("/", 1)[-1],
                        "properties": properties,
                    }
        name = "/".join(arm_id.split("/")[-2:])
        return _error(
            404, "ResourceNotFound", f"The Resource 'Microsoft.{name}' was not found."
        )  # wording (I)

    def _provider(self, name: str) -> Reply:
        state = "Registered" if name.lower() in REGISTERED else "NotRegistered"
        return 200, {"namespace": name, "registrationState": state}

    def _kubernetes(self, today: datetime.date) -> Reply:
        """ManagedClusters_ListKubernetesVersions, 2024-02-01."""
        usual = set(aksrules.supported(today))
        values: list[dict[str, Any]] = []
        for minor in aksrules.supported(today, lts=True):
            plans = (["KubernetesOfficial"] if minor in usual else []) + ["AKSLongTermSupport"]
            patches = {f"{minor}.{n}": {"upgrades": []} for n in range(aksrules.CALENDAR[minor][2] + 1)}
            values.append(
                {"version": minor, "capabilities": {"supportPlan": plans}, "patchVersions": patches}
            )
        return 200, {"values": values}

    def _name(self, name: str) -> Reply:
        taken = any(
            server.id.rsplit("/", 1)[-1].lower() == name.lower() for server in self._state.find(MYSQL)
        )
        reason = {"reason": "AlreadyExists", "message": "Specified server name is already used."}
        return 200, {"nameAvailable": not taken, **(reason if taken else {"reason": "", "message": ""})}

    def _cores(self) -> Reply:
        """Usage_List: what the deployed pools use of each family."""
        used: Counter[str] = Counter()
        pools = [p for c in self._state.find(CLUSTER) for p in c.inputs.get("agentPoolProfiles") or []]
        pools += [pool.inputs for pool in self._state.find(POOL)]
        for pool in pools:
            size, count = str(pool.get("vmSize")), int(pool.get("count") or 1)
            used[family(size)] += cores(size) * count
            used["cores"] += cores(size) * count
        full = self._quota_reached(CLUSTER) or self._quota_reached(POOL)
        names = sorted({family(size) for size in sizes()} | {"cores"})
        return 200, {"value": [_usage(name, used[name], used[name] if full else CORES) for name in names]}

    def _addresses(self) -> Reply:
        used = len(self._state.find(ADDRESS)) + len(self._state.find(CLUSTER))
        limit = used if self._quota_reached(ADDRESS) else ADDRESSES
        return 200, {"value": [_usage("PublicIPAddresses", used, limit)]}

    def _quota_reached(self, type_: str) -> bool:
        return any(f.kind == "quota" and f.details.get("type") == type_ for f in self._faults.active())


def _usage(name: str, used: int, limit: int) -> dict[str, Any]:
    return {
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": name},
    }


def _capabilities() -> Reply:
    """LocationBasedCapabilities_List, 2023-12-30."""
    editions = [
        {
            "name": tier,
            "supportedServerVersions": [
                {
                    "name": version,
                    "supportedSkus": [{"name": size, "vCores": cores(size)} for size in mysql_sizes(tier)],
                }
                for version in sorted(VERSIONS)
            ],
        }
        for tier in SKUS
    ]
    return 200, {
        "value": [
            {"zone": zone, "supportedHAMode": HA_MODES, "supportedFlexibleServerEditions": editions}
            for zone in ("none", "1", "2", "3")
        ]
    }


def _skus(wanted: str) -> Reply:
    """ResourceSkus_List, 2021-07-01."""
    match = re.fullmatch(r"location eq '([a-z]+)'", wanted)
    if match is None:
        return _error(400, "InvalidParameter", "The value of parameter $filter is invalid.")  # (I)
    return 200, {
        "value": [
            {
                "resourceType": "virtualMachines",
                "name": size,
                "family": family(size),
                "locations": [match[1]],
                "capabilities": [{"name": "vCPUs", "value": str(cores(size))}],
                "restrictions": [],
            }
            for size in sizes()
        ]
    }


def sizes() -> list[str]:
    """The sizes that a node may have, enumerated from the rule that a creation is judged by."""
    numbers = (1, 2, 3, 4, 5, 8, 12, 16, 20, 32, 48, 64, 72, 96)
    middles = "s ms as ds ads ps pds pls plds ls lds als alds ats ams"
    tails = ["", "_v2", "_v3", "_v4", "_v5", "_v6"]
    made = (
        f"Standard_{series}{n}{middle}{tail}"
        for series in ("B", "D", "DS", "E", "F")
        for n in numbers
        for middle in ("", *middles.split())
        for tail in tails
    )
    return [size for size in made if aksrules.VM_SIZES.fullmatch(size)]


def mysql_sizes(tier: str) -> list[str]:
    numbers = ("1", "2", "4", "8", "12", "16", "20", "32", "48", "64", "80i", "96")
    tails = ("s", "ms", "ds_v4", "ads_v5", "ds_v5", "ads_v6", "ds_v6", "s_v4")
    made = (f"Standard_{series}{n}{tail}" for series in "BDE" for n in numbers for tail in tails)
    return [size for size in made if re.fullmatch(SKUS[tier], size)]


def cores(size: str) -> int:
    """vCPUs of a size; its name says so (the DSn_v2 and Dn_v2 ones count differently)."""
    match = re.fullmatch(r"Standard_([A-Z]+)(\d+)i?([a-z]*)(_v\d)?", size)
    if match is None:
        return 0
    number = int(match[2])
    old = match[1] in ("DS", "D") and match[4] == "_v2" and not match[3]
    return {1: 1, 2: 2, 3: 4, 4: 8, 5: 16}.get(number, number) if old else number


def family(size: str) -> str:
    """The quota that a size counts against, such as standardDSv5Family (az vm list-usage)."""
    match = re.fullmatch(r"Standard_([A-Z]+)\d+i?([a-z]*)(_v\d)?", size)
    if match is None:
        return ""
    series, letters, version = match[1], match[2], (match[3] or "").lstrip("_")
    if series == "B":
        return f"standardB{letters if version else 'S'}{version}Family"
    return f"standard{series}{letters.upper()}{version}Family"


def _error(status: int, code: str, message: str) -> Reply:
    return status, {"error": {"code": code, "message": message}}
