"""Debian's packages without root or installation: a private apt configuration downloads, dpkg-deb unpacks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from toolchain import found
from toolchain.progress import run

SOURCES = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror() -> str | None:
    """The Debian mirror that this machine is set up for; None when it is no Debian."""
    if not (found.which("apt-get") and found.which("dpkg-deb")):
        return None
    for source in SOURCES:
        if source.exists():
            match = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+)", source.read_text(), re.MULTILINE)
            if match and "debian" in match.group(1):
                return match.group(1)
    return None


def unpack(
    tool: str, scratch: Path, url: str, suite: str, packages: list[str], *, mend: str, alone: bool = False
) -> Path:
    """Packages of a suite under `scratch`/root, with all that they depend on unless `alone`; returns that directory."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / "apt" / folder).mkdir(parents=True, exist_ok=True)
    (scratch / "root").mkdir(exist_ok=True)
    apt = scratch / "apt"
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {url} {suite} main\n")
    options = [
        f"Dir::Etc::sourcelist={apt}/sources.list",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={apt}/lists",
        f"Dir::Cache={apt}/cache",
        f"Dir::State::status={apt}/status",
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=",  # the scratch directory is ours alone
        "Debug::NoLocking=true",
    ]
    command = ["apt-get", *(part for option in options for part in ("-o", option))]
    archives = apt / "cache" / "archives"
    run(tool, [*command, "update"], doing="reading Debian's package lists", mend=mend)
    if alone:
        # `download` puts them where it runs.
        fetch = ["sh", "-c", 'cd "$0" && exec "$@"', str(archives), *command, "download", *packages]
    else:
        fetch = [*command, "install", "--download-only", "-y", *packages]
    run(tool, fetch, doing="downloading", mend=mend)
    found_packages = sorted(archives.glob("*.deb"))
    loop = 'for package; do dpkg-deb -x "$package" "$0" || exit 1; done'
    unpacking = ["sh", "-c", loop, f"{scratch}/root", *map(str, found_packages)]
    run(tool, unpacking, doing=f"unpacking {len(found_packages)} packages", mend=mend)
    shutil.rmtree(apt)
    return scratch / "root"
