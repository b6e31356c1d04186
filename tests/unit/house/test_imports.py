"""The import arrows of the design: who may import whom. One row a folder; nothing else is allowed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OURS = {"stacks", "components", "restore", "recovery", "runbook", "policy", "simcloud", "toolchain"}
ALLOWED: dict[str, set[str]] = {
    "__main__.py": {"stacks"},
    "stacks": {"stacks", "components"},
    "components": {"components"},
    "restore": {"restore"},
    "recovery": {"recovery"},
    "runbook": {"runbook", "restore"},
    "policy": {"policy"},
    "simcloud": {"simcloud"},
    "toolchain": {"toolchain"},
}


def imports_of(path: Path) -> set[str]:
    """Top-level names of every import in a file, at whatever depth it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


def sources(folder: str) -> list[Path]:
    place = ROOT / folder
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_arrows(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(folder)
        for name in imports_of(path)
        if name.split(".")[0] in OURS and name.split(".")[0] not in ALLOWED[folder]
    ]
    assert wrong == []


def test_the_table_knows_every_package() -> None:
    assert {folder for folder in OURS if sources(folder)} <= set(ALLOWED)
    assert sources("simcloud"), "the walk found nothing: it looks in the wrong place"


def test_only_sim_and_drill_know_the_embedded_clouds() -> None:
    """`runbook/sim.py` and `runbook/drill/` start simcloud by its command; no other source names it in code."""
    knowing: list[str] = []
    for folder in ("stacks", "components", "restore", "runbook"):
        for path in sources(folder):
            relative = path.relative_to(ROOT).as_posix()
            if relative == "runbook/sim.py" or relative.startswith("runbook/drill/"):
                continue
            texts = [
                node.value
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
            ]
            knowing += [f"{relative}: {text}" for text in texts if "simcloud" in text]
    assert knowing == []


def test_restore_knows_nothing_of_pulumi() -> None:
    assert not [path for path in sources("restore") if any(n.startswith("pulumi") for n in imports_of(path))]


def test_set_up_needs_nothing_but_python() -> None:
    """toolchain/ runs before anything is installed; only the language host, run by the venv, may use packages."""
    import sys

    for path in sources("toolchain"):
        if path.name != "language_host.py":
            outside = (
                {n.split(".")[0] for n in imports_of(path)} - set(sys.stdlib_module_names) - {"toolchain"}
            )
            assert outside == set(), path
