"""A real MySQL server and its clients: unpacked from Debian's packages, without root and without installing them.

The packages' own dynamic loader runs the programs, so an older Debian below them does not matter. Elsewhere MySQL or
MariaDB from PATH will do.
"""

from __future__ import annotations

import platform
from pathlib import Path

from toolchain import cache, debian, found
from toolchain.problem import SetupProblem
from toolchain.progress import run, say

PROGRAMS = {
    "mysqld": "usr/sbin/mysqld",
    "mysql": "usr/bin/mysql",
    "mysqldump": "usr/bin/mysqldump",
    "mysqlbinlog": "usr/bin/mysqlbinlog",
    "mysqladmin": "usr/bin/mysqladmin",
}
PACKAGES = ["mysql-server-core", "mysql-client", "mysql-client-core", "libc6"]
MEND = "sudo apt-get install mariadb-server, or install MySQL ≥ 8.0 so that mysqld and mysqldump are on PATH"
_WRAPPER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
lib="$here/root/usr/lib/{triplet}"
exec "$lib/{loader}" --library-path "$lib" "$here/root/{program}" "$@"
"""
_ARCHITECTURES = {
    "x86_64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


def provide(major: str, own: Path) -> dict[str, Path]:
    """Program name → path of a MySQL server with its clients; MariaDB's programs under the same names."""
    mirror = debian.mirror()
    if mirror and platform.machine() in _ARCHITECTURES:
        try:
            home = cache.provide(
                cache.directory("mysql", major, [Path(__file__), Path(debian.__file__)]),
                lambda scratch: _unpack(scratch, mirror),
            )
        except SetupProblem as problem:
            say("mysql", f"Debian's MySQL could not be unpacked: {problem.what.splitlines()[-1].strip()}")
        else:
            return {name: home / name for name in PROGRAMS}
    return _from_path(own)


def _from_path(own: Path) -> dict[str, Path]:
    """MySQL or MariaDB that the machine has."""
    programs: dict[str, Path] = {}
    for name in PROGRAMS:
        alternative = {"mysqld": "mariadbd", "mysql": "mariadb"}.get(name, name.replace("mysql", "mariadb-"))
        tool = found.which(name, without=own) or found.which(alternative, without=own)
        if tool is None:
            raise SetupProblem(f"mysql: no {name} here: the drill runs on a real database", MEND)
        programs[name] = tool
    return programs


def _unpack(scratch: Path, mirror: str) -> None:
    debian.unpack("mysql", scratch, mirror, "sid", PACKAGES, mend=MEND)
    triplet, loader = _ARCHITECTURES[platform.machine()]
    for name, program in PROGRAMS.items():
        wrapper = scratch / name
        wrapper.write_text(_WRAPPER.format(triplet=triplet, loader=loader, program=program))
        wrapper.chmod(0o755)
    answer = run("mysql", [f"{scratch}/mysqld", "--version"], doing="asking for its version", mend=MEND)
    say("mysql", answer.split(" Ver ")[-1])
