"""Milestones and pages to a chat's incoming webhook (Slack's shape: `{"text": …}`), told beside the work, never in it.

The URL is a secret and comes from PLANB_WEBHOOK only. The alarms' topics are dark with the region.
"""

from __future__ import annotations

import os
import queue
import threading
import time

import requests

from runbook.events import Event, Sink

VARIABLE = "PLANB_WEBHOOK"
TRIES, WAIT_S = 3, 2.0
TIMEOUT_S = (3.0, 5.0)
FLUSH_S = 10.0
MARKS = {"run": "▶", "customers": "👥", "failed": "✗", "done": "✓"}
MILESTONES = frozenset({"fence", "provision", "restore", "verify", "cutover", "ship", "compare", "confirm"})


class Chat:
    """Sends in the order of `say`, from a thread of its own; what cannot be sent is dropped after a few tries."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: queue.Queue[str] = queue.Queue()
        self.failed = 0
        """Messages that nobody took."""
        threading.Thread(target=self._send, name="chat", daemon=True).start()

    def say(self, text: str) -> None:
        self._waiting.put(text)

    def flush(self, timeout_s: float = FLUSH_S) -> bool:
        """Waits until everything was sent or given up, at most this long."""
        deadline = time.monotonic() + timeout_s
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self._waiting.unfinished_tasks

    def _send(self) -> None:
        while True:
            text = self._waiting.get()
            if not self._post(text):
                self.failed += 1
            self._waiting.task_done()

    def _post(self, text: str) -> bool:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(WAIT_S * attempt)
            try:
                answer = requests.post(
                    self._url, json={"text": text}, timeout=TIMEOUT_S, allow_redirects=False
                )
            except requests.RequestException:
                continue
            if answer.ok:
                return True
            if answer.status_code not in (408, 429) and answer.status_code < 500:
                return False  # a wrong or revoked URL does not become right
        return False


class Milestones:
    """A sink that tells the chat what a person who is not at the screen wants to know of a run."""

    def __init__(self, chat: Chat, title: str) -> None:
        self._chat, self._title = chat, title

    def emit(self, event: Event) -> None:
        if event.kind in ("run", "customers", "failed", "done"):
            step = f"{event.step}: " if event.step else ""
            what = "customers see " if event.kind == "customers" else ""
            self._chat.say(f"{MARKS[event.kind]} planb {self._title}: {step}{what}{event.text}")
        elif event.kind == "finished" and event.step in MILESTONES:
            self._chat.say(f"✓ planb {self._title}: {event.step} — {event.text}")


def from_environment() -> Chat | None:
    """The chat, if one is configured."""
    url = os.environ.get(VARIABLE, "")
    return Chat(url) if url.startswith(("https://", "http://127.0.0.1")) else None


def sinks(title: str) -> tuple[list[Sink], Chat | None]:
    """What to add to a run's sinks."""
    chat = from_environment()
    return ([Milestones(chat, title)] if chat else []), chat
