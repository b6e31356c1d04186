"""Questions that only a real request answers: does this site serve, does the edge show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests

TIMEOUT_S = (3.0, 8.0)


@dataclass(frozen=True)
class Answer:
    """`status` is 0 when nothing came back; `took_s` in seconds."""

    status: int
    took_s: float
    body: str = ""
    cache: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def get(
    url: str, timeout: tuple[float, float] = TIMEOUT_S, headers: Mapping[str, str] | None = None
) -> Answer:
    """One GET, never an exception. A redirect is no answer, and would take secret headers along."""
    began = time.monotonic()
    try:
        answer = requests.get(url, headers=headers, timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        return Answer(0, time.monotonic() - began, type(error).__name__)
    return Answer(
        answer.status_code, time.monotonic() - began, answer.text[:2000], answer.headers.get("X-Cache", "")
    )


def gateway_url(host: str) -> str:
    """Where a gateway answers: its name alone means plain HTTP, as the edge takes it."""
    return host if host.startswith("https://") else f"http://{host}"


def health(base_url: str) -> Answer:
    """The application's own health, database included."""
    return get(base_url.rstrip("/") + "/actuator/health")


def known_row(base_url: str) -> Answer:
    """A row through the whole application: a green health check can lie."""
    return get(base_url.rstrip("/") + "/api/vets")


def serving(base_url: str) -> bool:
    """Healthy, and able to read."""
    return health(base_url).ok and known_row(base_url).ok


def wait_until(true: Callable[[], bool], *, timeout_s: float, every_s: float = 0.5) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        if true():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
