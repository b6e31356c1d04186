"""workspace.py: runs write into copies of the configuration; code is the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook import workspace


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    (made / "stacks").mkdir(parents=True)
    for name in (*workspace.COPIED, "__main__.py"):
        (made / name).write_text(name)
    return made


def test_configuration_is_copied_and_code_linked(project: Path, tmp_path: Path) -> None:
    target = workspace.farm(project, tmp_path / "deep" / "work")
    (target / "Pulumi.dr.yaml").write_text("changed by a run")
    assert (project / "Pulumi.dr.yaml").read_text() == "Pulumi.dr.yaml"
    assert (target / "stacks").is_symlink() and (target / "__main__.py").samefile(project / "__main__.py")
    assert not (target / "edge").exists(), "what the project lacks is not linked"


def test_making_it_again_is_fine(project: Path, tmp_path: Path) -> None:
    target = workspace.farm(project, tmp_path / "work")
    (target / "Pulumi.dr.yaml").write_text("changed")
    workspace.farm(project, target)
    assert (target / "Pulumi.dr.yaml").read_text() == "Pulumi.dr.yaml"
    assert (project / "stacks").is_dir() and not (project / "stacks").is_symlink()
