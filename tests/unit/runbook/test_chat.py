"""Messages to a chat: in order, tried again while that may help, and never in the way of the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runbook import chat
from runbook.events import Bus


class Hook(BaseHTTPRequestHandler):
    answers: list[int]
    texts: list[str]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.texts.append(body["text"])
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(chat, "WAIT_S", 0.01)
    Hook.answers, Hook.texts = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()


def test_milestones_in_order(url: str) -> None:
    told = chat.Chat(url)
    bus = Bus(chat.Milestones(told, "failover"))
    bus.emit("run", "failover 2, journal journal/failover-000002.jsonl")
    bus.emit("started", "maintenance at the edge", step="fence")
    bus.emit("finished", "maintenance at the edge", step="fence")
    bus.emit("progress", "loading 10%", step="restore")
    bus.emit("finished", "creating database", step="provision.database")
    bus.emit("customers", "the maintenance page")
    bus.emit("failed", "the database is away", step="restore")
    bus.emit("done", "the service runs on Azure")
    assert told.flush() and told.failed == 0
    assert Hook.texts == [
        "▶ planb failover: failover 2, journal journal/failover-000002.jsonl",
        "✓ planb failover: fence — maintenance at the edge",
        "👥 planb failover: customers see the maintenance page",
        "✗ planb failover: restore: the database is away",
        "✓ planb failover: the service runs on Azure",
    ]


def test_what_may_pass_is_tried_again(url: str) -> None:
    Hook.answers = [503, 429]
    told = chat.Chat(url)
    told.say("a")
    assert told.flush() and Hook.texts == ["a"]


@pytest.mark.parametrize("answers", [[404], [500, 500, 500]])
def test_what_does_not_is_given_up_and_the_next_one_sent(url: str, answers: list[int]) -> None:
    Hook.answers = list(answers)
    told = chat.Chat(url)
    told.say("lost")
    told.say("next")
    assert told.flush() and (told.failed, Hook.texts) == (1, ["next"])


def test_only_a_webhook_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(chat.VARIABLE, raising=False)
    assert chat.from_environment() is None and chat.sinks("failover") == ([], None)
    monkeypatch.setenv(chat.VARIABLE, "http://elsewhere.example/")
    assert chat.from_environment() is None, "a secret URL does not travel in the clear"
