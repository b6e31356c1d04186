"""The tool cache: whole tools only, built once, keyed by their pins."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from toolchain import cache
from toolchain.problem import SetupProblem


def test_another_byte_in_a_pin_is_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path))
    pin = tmp_path / "go.sum"
    pin.write_text("a")
    first = cache.directory("tool", "1.0", [pin])
    pin.write_text("b")
    assert first != cache.directory("tool", "1.0", [pin])
    assert first.parent == tmp_path


def test_a_failed_build_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    target = tmp_path / "tool-1"

    def fail(scratch: Path) -> None:
        (scratch / "half").write_text("x")
        raise SetupProblem("tool: broke", "buy another")

    with pytest.raises(SetupProblem, match="mend it: buy another"):
        cache.provide(target, fail)
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tool-1.lock"]
    cache.provide(target, lambda scratch: (scratch / "whole").touch())
    assert (target / "whole").exists()


def test_two_at_once_build_once(tmp_path: Path) -> None:
    built: list[Path] = []
    gate = threading.Barrier(4)

    def one() -> None:
        gate.wait()
        cache.provide(tmp_path / "tool-1", built.append)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
