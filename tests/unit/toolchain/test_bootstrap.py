"""bootstrap.py and its providers: one line a missing piece, each with its remedy, and nothing half-linked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolchain import bootstrap, browser, debian, gotools, hosttools, mysql, nodetools, venv
from toolchain.problem import SetupProblem


class Machine:
    """What each provider finds; a SetupProblem in the place of a tool is raised."""

    def __init__(self, root: Path) -> None:
        self.bin = root / ".venv" / "bin"
        self.bin.mkdir(parents=True)
        self.cache = root / "cache"
        self.found: dict[str, Any] = {}
        self.asked: list[str] = []

    def provide(self, name: str, value: Any) -> Callable[..., Any]:
        def provider(*arguments: Any) -> Any:
            self.asked.append(name)
            given = self.found.get(name, value)
            if isinstance(given, SetupProblem):
                raise given
            return given

        return provider


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PLANB_CACHE", str(made.cache))
    monkeypatch.setattr(venv, "PROJECT", tmp_path)
    monkeypatch.setattr(venv, "provide", made.provide("python", None))
    for name in ("kustomize", "pulumi", "actionlint"):
        monkeypatch.setattr(gotools, name, made.provide(name, made.cache / name / name))
    monkeypatch.setattr(nodetools, "node", made.provide("node", Path("/usr/bin/node")))
    monkeypatch.setattr(nodetools, "packages", made.provide("packages", made.cache / "node"))
    monkeypatch.setattr(mysql, "provide", made.provide("mysql", {"mysqld": made.cache / "mysql" / "mysqld"}))
    monkeypatch.setattr(browser, "provide", made.provide("browser", Path("/usr/bin/chromium")))
    host_tools = {"cloud-init": made.cache / "cloud-init" / "cloud-init"}
    monkeypatch.setattr(hosttools, "provide", made.provide("hosttools", host_tools))
    monkeypatch.setattr(sys, "argv", ["bootstrap"])
    return made


def test_everything_there_is_linked_and_said(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main() == 0
    assert sorted(path.name for path in machine.bin.iterdir()) == [
        "azurite-blob",
        "kustomize",
        "mysqld",
        "pulumi",
        "pyright",
    ]
    assert (machine.bin / "pulumi").readlink() == machine.cache / "pulumi" / "pulumi"
    said = capfd.readouterr()
    assert f"{machine.bin}/planb" in said.out + said.err
    assert "browser" not in machine.asked and "actionlint" not in machine.asked


def test_options_ask_for_more(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap", "--tests", "--lint"])
    assert bootstrap.main() == 0
    assert {"browser", "actionlint", "hosttools"} <= set(machine.asked)
    assert (machine.bin / "cloud-init").readlink() == machine.cache / "cloud-init" / "cloud-init"
    assert not (machine.bin / "chromium").exists(), "what is on PATH stays where it is"


def test_each_missing_piece_has_a_line_and_its_remedy(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.found |= {
        "node": SetupProblem("node: Node.js ≥ 18 is not on PATH", "install Node.js"),
        "mysql": SetupProblem("mysql: no mysqld here", "sudo apt-get install mariadb-server"),
    }
    assert bootstrap.main() == 1
    said = capfd.readouterr().err
    assert said.count("mend it:") == 2
    for problem in machine.found.values():
        assert f"{problem.what}\n  mend it: {problem.mend}\n" in said
    assert "Traceback" not in said
    assert list(machine.bin.iterdir()) == [], "nothing is linked by half"
    assert "pulumi" in machine.asked and "python" in machine.asked, "the others were looked for all the same"


def test_links_are_renewed(machine: Machine) -> None:
    (machine.bin / "pulumi").symlink_to("/nowhere/old")
    assert bootstrap.main() == 0
    assert (machine.bin / "pulumi").readlink() == machine.cache / "pulumi" / "pulumi"


def executables(directory: Path, *names: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


OWN = Path("/nowhere/.venv/bin")


def test_mysql_from_path_where_debian_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "SOURCES", [])
    there = executables(tmp_path / "bin", *mysql.PROGRAMS)
    monkeypatch.setenv("PATH", str(there))
    assert mysql.provide("9", OWN) == {name: there / name for name in mysql.PROGRAMS}


def test_mariadb_serves_under_mysqls_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "SOURCES", [])
    there = executables(
        tmp_path / "bin", "mariadbd", "mariadb", "mariadb-dump", "mariadb-binlog", "mariadb-admin"
    )
    monkeypatch.setenv("PATH", str(there))
    found = mysql.provide("9", OWN)
    assert found["mysqld"] == there / "mariadbd" and found["mysqldump"] == there / "mariadb-dump"


def test_our_own_links_are_not_taken_for_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "SOURCES", [])
    own = executables(tmp_path / "own", *mysql.PROGRAMS)
    monkeypatch.setenv("PATH", str(own))
    with pytest.raises(SetupProblem, match=r"mysql: no mysqld here[\s\S]*mend it: sudo apt-get install"):
        mysql.provide("9", own)


def test_debians_packages_that_cannot_be_had_fall_back_to_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources := tmp_path / "debian.sources").write_text("Types: deb\nURIs: http://deb.debian.org/debian\n")
    monkeypatch.setattr(debian, "SOURCES", [tmp_path / "missing", sources])
    monkeypatch.setattr(mysql.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path / "cache"))
    mirrors: list[str] = []

    def unpack(scratch: Path, mirror: str) -> None:
        mirrors.append(mirror)
        raise SetupProblem("mysql: downloading failed", "check the network")

    monkeypatch.setattr(mysql, "_unpack", unpack)
    there = executables(tmp_path / "bin", *mysql.PROGRAMS, "apt-get", "dpkg-deb")
    monkeypatch.setenv("PATH", str(there))
    assert mysql.provide("9", OWN)["mysqld"] == there / "mysqld"
    assert mirrors == ["http://deb.debian.org/debian"]


def test_npm_that_is_missing_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupProblem, match=r"npm is not installed[\s\S]*mend it: install Node"):
        nodetools.packages("3.35.0")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


def test_an_old_node_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "bin"
    there.mkdir()
    (there / "node").write_text("#!/bin/sh\necho v16.20.2\n")
    (there / "node").chmod(0o755)
    monkeypatch.setenv("PATH", f"{there}{os.pathsep}/bin")
    with pytest.raises(SetupProblem, match=r"node: Node\.js ≥ 18\.0\.0 is not on PATH"):
        nodetools.node("18.0.0")


def test_an_old_systemd_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = executables(tmp_path / "bin", "systemd-analyze")
    (there / "systemd-analyze").write_text("#!/bin/sh\necho 'systemd 249 (249.11)'\n")
    monkeypatch.setenv("PATH", f"{there}:/bin")
    with pytest.raises(SetupProblem, match=r"no systemd-analyze ≥ 250[\s\S]*mend it: sudo apt-get install"):
        hosttools.provide("25", OWN)


def test_cloud_init_from_path_where_debian_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "SOURCES", [])
    there = executables(tmp_path / "bin", "systemd-analyze", "cloud-init")
    (there / "systemd-analyze").write_text("#!/bin/sh\necho 'systemd 252.39'\n")
    monkeypatch.setenv("PATH", f"{there}:/bin")
    found = hosttools.provide("25", OWN)
    assert found == {name: there / name for name in ("cloud-init", "systemd-analyze")}
    (there / "cloud-init").unlink()
    with pytest.raises(SetupProblem, match=r"cloud-init: none here[\s\S]*mend it"):
        hosttools.provide("25", OWN)
