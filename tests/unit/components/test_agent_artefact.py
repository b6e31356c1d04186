"""The agent's archive: the same bytes from the same sources, whole, and its installer run for real."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from components.archive import ARCHITECTURES, WHEELS, ArchiveError, build

ROOT = Path(__file__).parents[3]
X86 = ARCHITECTURES[0]


def copy(target: Path) -> Path:
    shutil.copytree(ROOT / "restore", target / "restore", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    for architecture in ARCHITECTURES:
        shutil.copytree(ROOT / WHEELS / architecture, target / WHEELS / architecture)
    return target


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = copy(tmp_path / "a"), copy(tmp_path / "b")
    for path in sorted((second / "restore").rglob("*.py"), reverse=True):
        path.touch()
        path.chmod(0o755)
    one, other = build(first, X86), build(second, X86)
    assert one == other == build(ROOT, X86)
    assert build(ROOT, "arm64").sha256 != one.sha256
    (second / "restore" / "agent.py").write_text("# another agent\n")
    changed = build(second, X86)
    assert changed.sha256 != one.sha256 and changed.key != one.key


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_holds_the_agent_its_installer_and_a_wheel_of_every_package(architecture: str) -> None:
    with zipfile.ZipFile(io.BytesIO(build(ROOT, architecture).content)) as archive:
        names = set(archive.namelist())
        assert archive.read("requirements.lock") == (ROOT / "restore/requirements.lock").read_bytes()
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "restore").rglob("*.py")}
    wheels = {name for name in names if name.startswith("wheels/")}
    assert names - wheels == sources | {"requirements.lock", "install.sh"}
    assert "restore/binlog/chain.py" in names
    lock = (ROOT / "restore/requirements.lock").read_text()
    assert len(wheels) == lock.count("==") - lock.count("'==") and "--hash=sha256:" in lock
    foreign = {"x86_64": "aarch64", "arm64": "x86_64"}[architecture]
    assert not [name for name in wheels if foreign in name]


def test_a_wheel_that_the_lock_file_does_not_name_is_refused(tmp_path: Path) -> None:
    root = copy(tmp_path)
    victim = next((root / WHEELS / X86).glob("six-*"))
    victim.write_bytes(victim.read_bytes() + b" ")
    with pytest.raises(ArchiveError, match=r"not a wheel that restore/requirements\.lock names"):
        build(root, X86)
    victim.unlink()
    with pytest.raises(ArchiveError, match=r"no wheel of six .*run make setup"):
        build(root, X86)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("agent")
    (place / "agent.zip").write_bytes(build(ROOT, X86).content)
    unpack = [sys.executable, "-m", "zipfile", "-e", str(place / "agent.zip"), str(place / "app")]
    subprocess.run(unpack, check=True)
    return place


class TestInstaller:
    """restore/install.sh on the unpacked archive; the system's package manager, curl and client are stand-ins."""

    FINGERPRINT = "BCA43417C3B485DD128EC6D4B7B3B788A8D3785C"

    @pytest.fixture
    def place(self, tmp_path: Path, unpacked: Path) -> Path:
        """A machine: no MySQL, a dnf that installs one, a Python 3.11 that is the real one or only notes its calls."""
        shutil.copytree(unpacked / "app", tmp_path / "opt/app", ignore=shutil.ignore_patterns("wheels"))
        (tmp_path / "opt/app/wheels").symlink_to(unpacked / "app/wheels")
        for folder in ("bin", "local", "etc/pki/rpm-gpg", "etc/yum.repos.d"):
            (tmp_path / folder).mkdir(parents=True)
        note = f"echo \"$(basename $0) $*\" >> '{tmp_path}/calls'"
        venv = f'{note}; mkdir -p "$3/bin"; printf \'#!/bin/sh\\nexit 0\\n\' > "$3/bin/pip"; chmod +x "$3/bin/pip"'
        client = "".join(
            f"printf '#!/bin/sh\\necho --set-gtid-purged\\n' > '{tmp_path}/bin/{name}';"
            f" chmod +x '{tmp_path}/bin/{name}';"
            for name in ("mysql", "mysqldump", "mysqlbinlog")
        )
        self.tool(tmp_path, "python3.11", venv)
        self.tool(tmp_path, "dnf", f"{note}; cp '{tmp_path}/etc/yum.repos.d/'* '{tmp_path}/repo'; {client}")
        # curl is called with `--output FILE URL`.
        self.tool(
            tmp_path,
            "curl",
            f'{note}; while [ "$1" != --output ]; do shift; done; cp \'{tmp_path}/key\' "$2"',
        )
        return tmp_path

    @staticmethod
    def tool(place: Path, name: str, script: str) -> None:
        (place / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / "bin" / name).chmod(0o755)

    def install(self, place: Path, *, fingerprint: str = "") -> subprocess.CompletedProcess[str]:
        script = place / "opt/app/install.sh"
        if fingerprint:
            script.write_text(script.read_text().replace(self.FINGERPRINT, fingerprint))
        needed = ("gpg", "gpg-agent", "sh", "awk", "mktemp", "rm", "dirname", "basename", "grep", "cat", "cp")
        for name in (*needed, "install", "chmod", "mkdir"):
            tool = shutil.which(name, path="/usr/bin:/bin")
            if tool and not (place / "bin" / name).exists():
                (place / "bin" / name).symlink_to(tool)
        env = {"PATH": f"{place}/bin", "ETC": f"{place}/etc", "BIN": f"{place}/local", "HOME": str(place)}
        return subprocess.run(["/bin/sh", str(script)], env=env, capture_output=True, text=True, check=False)

    def key(self, place: Path, *names: str) -> list[str]:
        """A key file with these people's keys; their fingerprints."""
        home = place / "gnupg"
        home.mkdir(mode=0o700)
        gpg = ["gpg", "--batch", "--homedir", str(home)]
        for name in names:
            made = [*gpg, "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never"]
            subprocess.run(made, check=True, capture_output=True)
        (place / "key").write_bytes(
            subprocess.run([*gpg, "--export", "--armor"], check=True, capture_output=True).stdout
        )
        listed = [*gpg, "--with-colons", "--list-keys"]
        said = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        return [line.split(":")[9] for line in said.splitlines() if line.startswith("fpr")]

    def test_it_takes_mysqls_client_by_key_and_version(self, place: Path) -> None:
        (own,) = self.key(place, "release")
        done = self.install(place, fingerprint=own)
        assert done.returncode == 0, done.stderr
        calls = (place / "calls").read_text()
        assert "--enablerepo=planb-mysql install mysql-community-client-8.4.8-1.el9" in calls
        repository = dict(
            line.split("=", 1) for line in (place / "repo").read_text().splitlines() if "=" in line
        )
        assert repository["baseurl"] == "https://repo.mysql.com/yum/mysql-8.4-community/el/9/$basearch/"
        assert (repository["gpgcheck"], repository["sslverify"], repository["enabled"]) == ("1", "1", "0")
        assert Path(repository["gpgkey"].removeprefix("file://")).read_bytes() == (place / "key").read_bytes()
        agent = (place / "local/planb-agent").read_text()
        assert agent.endswith('-m restore.agent "$@"\n') and f"PYTHONPATH={place}/opt/app" in agent

    def test_another_key_is_not_trusted(self, place: Path) -> None:
        (other,) = self.key(place, "somebody else")
        done = self.install(place)
        assert done.returncode == 1
        assert f"is not MySQL's release key ({self.FINGERPRINT}): found {other}" in done.stderr
        assert "dnf" not in (place / "calls").read_text() and not (place / "local/planb-agent").exists()

    def test_nor_one_beside_the_right_one(self, place: Path) -> None:
        first, _ = self.key(place, "release", "stowaway")
        assert self.install(place, fingerprint=first).returncode == 1

    def test_a_client_that_lacks_what_we_need_is_told(self, place: Path) -> None:
        (own,) = self.key(place, "release")
        self.tool(place, "dnf", "exit 0")
        done = self.install(place, fingerprint=own)
        assert done.returncode == 1 and "no mysql, mysqlbinlog and mysqldump of MySQL 8.0" in done.stderr
        assert not (place / "local/planb-agent").exists()

    def test_where_there_is_one_nothing_is_fetched(self, place: Path) -> None:
        for name in ("mysql", "mysqldump", "mysqlbinlog"):
            self.tool(place, name, "echo --set-gtid-purged")
        assert self.install(place).returncode == 0
        calls = (place / "calls").read_text()
        assert "dnf" not in calls and "curl" not in calls

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="the wheels in it are this machine's")
    def test_its_own_wheels_are_enough_without_a_network(self, place: Path, tmp_path: Path) -> None:
        for name in ("mysql", "mysqldump", "mysqlbinlog"):
            self.tool(place, name, "echo --set-gtid-purged")
        python = getattr(sys, "_base_executable", sys.executable)
        self.tool(place, "python3.11", f'exec {python} "$@"')
        done = self.install(place)
        assert done.returncode == 0, done.stderr
        bare = {"PATH": "/usr/bin:/bin"}
        agent = str(place / "local/planb-agent")
        shown = subprocess.run(
            [agent, "--help"], env=bare, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert shown.returncode == 0 and "bootstrap" in shown.stdout, shown.stderr
        # Everything that it imports late comes from the archive too.
        late = "import boto3, azure.identity, azure.storage.blob, zstandard, cryptography, restore.pitr, sys;"
        where = "print(restore.pitr.__file__, boto3.__file__)"
        python = str(place / "opt/venv/bin/python")
        done = subprocess.run(
            [python, "-P", "-c", late + where],
            env=bare | {"PYTHONPATH": str(place / "opt/app")},
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert all(path.startswith(str(place / "opt")) for path in done.stdout.split())
