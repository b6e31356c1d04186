"""How a client judges an answer: what counts as served, as maintenance, as failed."""

from __future__ import annotations

import pytest
import requests

from runbook.drill.clients import classify


def answer(status: int, body: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    return response


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, "{}", "ok"),
        (201, '{"id": 1}', "ok"),
        (503, "<h1>시스템 점검 중입니다</h1>", "maintenance"),
        (503, "Service Unavailable", "failed"),
        (502, "시스템 점검 중입니다", "failed"),
        (200, "시스템 점검 중입니다", "ok"),
        (403, "", "failed"),
        (301, "", "failed"),
    ],
)
def test_outcomes(status: int, body: str, outcome: str) -> None:
    assert classify(answer(status, body)) == outcome
