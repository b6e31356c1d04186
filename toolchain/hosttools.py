"""What checks a host's first boot before there is one: cloud-init's schema and systemd's own verifier. Tests only.

cloud-init is unpacked from Debian's package and run by the virtual environment's Python, which has all that its schema
check imports but configobj. systemd-analyze is the machine's (systemd 252 is Amazon Linux 2023's).
"""

from __future__ import annotations

from pathlib import Path

from toolchain import cache, debian, found
from toolchain.problem import SetupProblem
from toolchain.progress import run, say

SUITE = "trixie"  # stricter about unknown keys than Amazon Linux's own 22.2
PACKAGES = ["cloud-init", "python3-configobj"]
MEND_CLOUD_INIT = "sudo apt-get install cloud-init"
MEND_SYSTEMD = "sudo apt-get install systemd"
_WRAPPER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec python3 -c 'import sys; sys.path.append(sys.argv.pop(1)); from cloudinit.cmd.main import main; sys.exit(main())' \
  "$here/root/usr/lib/python3/dist-packages" "$@"
"""


def provide(version: str, own: Path) -> dict[str, Path]:
    """`cloud-init` (its `schema` verb) and `systemd-analyze`."""
    analyze = found.new_enough("systemd-analyze", "250", without=own)
    if analyze is None:
        raise SetupProblem(
            "systemd: no systemd-analyze ≥ 250 here: tests verify the hosts' units", MEND_SYSTEMD
        )
    return {"cloud-init": _cloud_init(version, own), "systemd-analyze": analyze}


def _cloud_init(version: str, own: Path) -> Path:
    mirror = debian.mirror()
    if mirror is None:
        there = found.which("cloud-init", without=own)
        if there is None:
            raise SetupProblem("cloud-init: none here: tests check user data by its schema", MEND_CLOUD_INIT)
        return there
    pins = [Path(__file__), Path(debian.__file__)]
    home = cache.provide(
        cache.directory("cloud-init", version, pins), lambda scratch: _unpack(scratch, mirror)
    )
    return home / "cloud-init"


def _unpack(scratch: Path, mirror: str) -> None:
    debian.unpack("cloud-init", scratch, mirror, SUITE, PACKAGES, mend=MEND_CLOUD_INIT, alone=True)
    wrapper = scratch / "cloud-init"
    wrapper.write_text(_WRAPPER)
    wrapper.chmod(0o755)
    text = "from cloudinit.version import version_string; print(version_string())"
    modules = f"import sys; sys.path.append({str(scratch / 'root/usr/lib/python3/dist-packages')!r}); "
    say(
        "cloud-init",
        run(
            "cloud-init",
            ["python3", "-c", modules + text],
            doing="asking for its version",
            mend=MEND_CLOUD_INIT,
        ).strip(),
    )
