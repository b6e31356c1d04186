"""Many questions at once, each with its own patience: what hangs on a dark cloud is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from runbook import failures
from runbook.errors import PlanBError

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """Either a value or why there is none."""

    value: T | None
    error: PlanBError | None
    took_s: float


def ask_all(questions: Mapping[str, tuple[Callable[[], T], float]]) -> Iterator[tuple[str, Answer[T]]]:
    """Answers in the order of the questions (what to ask, seconds to wait). A bug in one of them is raised here."""
    answers: dict[str, Answer[T]] = {}
    bugs: list[BaseException] = []
    began = time.monotonic()

    def one(name: str, question: Callable[[], T]) -> None:
        try:
            value, error = question(), None
        except Exception as problem:  # noqa: BLE001 - a bug: raised by the thread that waits, below
            value, error = None, failures.told(problem)
            if error is None:
                bugs.append(problem)
                return
        answers.setdefault(name, Answer(value, error, time.monotonic() - began))

    # Daemons: a thread that hangs on a dark cloud must not keep the process from ending.
    threads = {
        name: threading.Thread(target=one, args=(name, question), daemon=True)
        for name, (question, _) in questions.items()
    }
    for thread in threads.values():
        thread.start()
    for name, (_, limit_s) in questions.items():
        threads[name].join(max(0.0, began + limit_s - time.monotonic()))
        if bugs:
            raise bugs[0]
        late: Answer[T] = Answer(None, PlanBError(f"no answer within {limit_s:.0f} s"), limit_s)
        yield name, answers.setdefault(name, late)
