"""Tools on PATH: found, versioned, and never our own link to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain import found, nodetools
from toolchain.problem import SetupProblem


def tool(directory: Path, name: str, says: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "version"),
    [("v3.250.0", (3, 250, 0)), ("node v20.20", (20, 20)), ("none", ())],
)
def test_versions(tmp_path: Path, says: str, version: tuple[int, ...]) -> None:
    assert found.version_of(tool(tmp_path / "bin", "x", says)) == version


def test_old_ones_and_our_own_link_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    tool(ours, "pulumi", "v9.9.9")
    wanted = tool(theirs, "pulumi", "v3.249.9")
    monkeypatch.setenv("PATH", f"{ours}{os.pathsep}{theirs}")
    assert found.new_enough("pulumi", "3.250.0", without=ours) is None
    assert found.new_enough("pulumi", "3.249.0", without=ours) == wanted


def test_no_node_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupProblem, match=r"Node\.js ≥ 18.* is not on PATH[\s\S]*mend it: install Node"):
        nodetools.node("18.0.0")
