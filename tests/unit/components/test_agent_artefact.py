"""The agent's archive: the same bytes from the same sources, whole, and it runs."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from components.aws.agent import build

ROOT = Path(__file__).parents[3]


def copy(target: Path) -> Path:
    shutil.copytree(ROOT / "restore", target / "restore", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = copy(tmp_path / "a"), copy(tmp_path / "b")
    for path in sorted((second / "restore").rglob("*.py"), reverse=True):
        path.touch()
        path.chmod(0o755)
    one, other = build(first), build(second)
    assert one == other == build(ROOT)
    (second / "restore" / "agent.py").write_text("# another agent\n")
    changed = build(second)
    assert changed.sha256 != one.sha256 and changed.key != one.key


def test_it_holds_the_agent_and_its_lock_file_only() -> None:
    with zipfile.ZipFile(io.BytesIO(build(ROOT).content)) as archive:
        names = set(archive.namelist())
        assert archive.read("requirements.lock") == (ROOT / "restore/requirements.lock").read_bytes()
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "restore").rglob("*.py")}
    assert names == sources | {"requirements.lock"} and "restore/binlog/chain.py" in names
    assert b"--hash=sha256:" in (ROOT / "restore/requirements.lock").read_bytes()


def test_unpacked_it_runs(tmp_path: Path) -> None:
    """As the host installs it: `python -m zipfile -e`, PYTHONPATH on it."""
    (tmp_path / "agent.zip").write_bytes(build(ROOT).content)
    unpack = [sys.executable, "-m", "zipfile", "-e", str(tmp_path / "agent.zip"), str(tmp_path / "app")]
    subprocess.run(unpack, check=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "restore.agent", "--help"],
        env={"PYTHONPATH": str(tmp_path / "app"), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bootstrap" in done.stdout and "retire" in done.stdout
