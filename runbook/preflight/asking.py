"""Questions to Azure's management API, to container registries and to TLS servers, each bounded in time."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from runbook.errors import PlanBError
from runbook.preflight.model import NotAsked

ARM = "https://management.azure.com"
TIMEOUT_S = (3.0, 6.0)


class Refusal(PlanBError):
    """The cloud answered no; `code` is its own."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.status = code, status


class Arm:
    """Reads of Azure Resource Manager for one subscription, with whatever identity this process has."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        self._lock = threading.Lock()
        self._credential: Any = None

    def get(self, path: str, api: str, **query: str) -> Any:
        return self._call("GET", path, api, query, None)

    def listed(self, path: str, api: str, **query: str) -> list[dict[str, Any]]:
        """Every page of a list."""
        page = self.get(path, api, **query)
        found = list(page.get("value") or [])
        while link := page.get("nextLink"):
            parts = urlsplit(link)
            if f"{parts.scheme}://{parts.netloc}" != ARM:
                raise NotAsked(f"its list goes on at {parts.netloc}, which is not Azure's management API")
            page = self._send("GET", ARM + parts.path, dict(parse_qsl(parts.query)), None)
            found += page.get("value") or []
        return found

    def post(self, path: str, api: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, api, {}, body)

    def _call(
        self, method: str, path: str, api: str, query: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Any:
        url = f"{ARM}/subscriptions/{self.subscription}{path}"
        return self._send(method, url, {"api-version": api, **query}, body)

    def _send(self, method: str, url: str, query: Mapping[str, str], body: Mapping[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token()}"}
        try:
            answer = requests.request(
                method,
                url,
                params=query,
                json=body,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NotAsked(f"Azure's management API does not answer ({type(error).__name__})") from None
        try:
            parsed: Any = answer.json()
        except ValueError:
            parsed = {}
        if answer.ok:
            return parsed
        error = (parsed.get("error") or {}) if isinstance(parsed, dict) else {}
        if answer.status_code == 429 or answer.status_code >= 500:
            raise NotAsked(f"Azure's management API answered {answer.status_code}")
        raise Refusal(
            str(error.get("code") or answer.status_code), str(error.get("message") or ""), answer.status_code
        )

    def token(self) -> str:
        """A token for the management API.

        Raises:
            Refusal: no identity here, or Entra refuses it.
        """
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import CredentialUnavailableError, DefaultAzureCredential

        with self._lock:
            self._credential = self._credential or DefaultAzureCredential(process_timeout=6)
            try:
                return str(self._credential.get_token(f"{ARM}/.default").token)
            except (ClientAuthenticationError, CredentialUnavailableError) as error:
                text = " ".join(str(error.message or error).split())[:200]
                raise Refusal("Unauthorized", text, 401) from None


def clock_of(url: str) -> float:
    """How many seconds the clock of this machine is ahead of the server's (negative: behind); to the second."""
    before = datetime.now(UTC)
    try:
        answer = requests.head(url, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise NotAsked(f"{urlsplit(url).netloc} does not answer ({type(error).__name__})") from None
    after = datetime.now(UTC)
    stamp = answer.headers.get("Date")
    if not stamp:
        raise NotAsked(f"{urlsplit(url).netloc} does not say what time it is")
    return (before + (after - before) / 2 - parsedate_to_datetime(stamp)).total_seconds()


def certificate_end(url: str) -> datetime:
    """When the certificate of an https:// server, which has been verified, ends."""
    where = urlsplit(url).netloc
    try:
        answer = requests.get(url, stream=True, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        raise Refusal("CertificateInvalid", f"{where}: {_tls_reason(error)}", 0) from None
    except requests.RequestException as error:
        raise NotAsked(f"{where} does not answer ({type(error).__name__})") from None
    with answer:
        connection: Any = getattr(answer.raw, "connection", None) or getattr(answer.raw, "_connection", None)
        given: Any = connection.sock.getpeercert() if connection and connection.sock else None
    if not given:
        raise NotAsked(f"{where}: the connection was gone before its certificate could be read")
    return datetime.strptime(given["notAfter"], "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)


def _tls_reason(error: Exception) -> str:
    found = re.search(r"certificate verify failed: [^(]*", str(error))
    return found[0].strip() if found else "the TLS handshake fails"


@dataclass(frozen=True)
class Image:
    """`registry/repository@digest` or `…:tag`, as a container runtime reads it."""

    registry: str
    repository: str
    reference: str

    @property
    def by_digest(self) -> bool:
        return self.reference.startswith("sha256:")


def parse_image(text: str) -> Image:
    """https://github.com/distribution/reference: a first part without dot, colon or "localhost" is Docker Hub's."""
    rest, _, digest = text.partition("@")
    first, _, more = rest.partition("/")
    if not more or not ("." in first or ":" in first or first == "localhost"):
        first, more = "docker.io", rest
    name, _, tag = more.partition(":")
    if first == "docker.io" and "/" not in name:
        name = f"library/{name}"
    return Image(first, name, digest or tag or "latest")


# https://distribution.github.io/distribution/spec/api/#pulling-an-image; what every runtime accepts.
MANIFESTS = ", ".join(
    f"application/vnd.{kind}"
    for kind in (
        "oci.image.index.v1+json",
        "oci.image.manifest.v1+json",
        "docker.distribution.manifest.list.v2+json",
        "docker.distribution.manifest.v2+json",
    )
)


def pullable(image: Image) -> bool:
    """Whether anybody can pull it now: HEAD of its manifest, which Docker Hub does not count as a pull.

    Raises:
        NotAsked: the registry does not answer, throttles or gives no anonymous token.
    """
    host = "registry-1.docker.io" if image.registry == "docker.io" else image.registry
    url = f"https://{host}/v2/{image.repository}/manifests/{image.reference}"
    headers = {"Accept": MANIFESTS}
    answer = _head(url, headers, host)
    if answer.status_code == 401:
        challenge = answer.headers.get("WWW-Authenticate", "")
        headers["Authorization"] = f"Bearer {_anonymous(challenge, host)}"
        answer = _head(url, headers, host)
    # A repository that is not there, or not for everybody, answers 401 even to an anonymous token.
    if answer.status_code in (401, 403, 404):
        return False
    if answer.status_code != 200:
        raise NotAsked(f"registry {host} answered {answer.status_code}")
    return True


def _head(url: str, headers: dict[str, str], host: str) -> requests.Response:
    try:
        return requests.head(url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise NotAsked(f"registry {host} does not answer ({type(error).__name__})") from None


def _anonymous(challenge: str, host: str) -> str:
    """A token for what everybody may read: https://distribution.github.io/distribution/spec/auth/token/"""
    scheme, _, rest = challenge.partition(" ")
    given = {
        key.strip(): value.strip('"')
        for key, value in (part.split("=", 1) for part in rest.split(",") if "=" in part)
    }
    realm = given.get("realm", "")
    if scheme.lower() != "bearer" or not realm.startswith("https://"):
        raise NotAsked(f"registry {host} wants a login that preflight does not have")
    query = {key: given[key] for key in ("service", "scope") if key in given}
    try:
        answer = requests.get(realm, params=query, timeout=TIMEOUT_S, allow_redirects=False)
        return str(answer.json().get("token") or answer.json()["access_token"])
    except (requests.RequestException, ValueError, KeyError) as error:
        raise NotAsked(f"registry {host} gives no anonymous token ({type(error).__name__})") from None
