"""The agent's Python packages as wheels for the hosts that it runs on, by the hashes of its lock file.

They go into the agent's artefact (components/archive.py), so a host asks no package registry for anything.
"""

from __future__ import annotations

from pathlib import Path

from toolchain import cache
from toolchain.progress import run
from toolchain.venv import BASE_PYTHON, MEND

LOCK = Path(__file__).parent.parent / "restore" / "requirements.lock"
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""The setting's word → the wheels' word."""
PYTHON = "3.11"
GLIBC = (34, 28, 17)
"""Amazon Linux 2023 has glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html"""


def provide() -> dict[str, Path]:
    """Architecture → directory with one wheel for each package of the lock file."""
    found: dict[str, Path] = {}
    for architecture, word in ARCHITECTURES.items():
        target = cache.directory("agent-wheels", architecture, [LOCK, Path(__file__)])
        found[architecture] = cache.provide(target, lambda scratch, word=word: _download(scratch, word))
    return found


def _download(scratch: Path, word: str) -> None:
    abi = f"cp{PYTHON.replace('.', '')}"
    tags = ["--implementation", "cp", "--python-version", PYTHON]
    tags += [part for one in (abi, "abi3", "none") for part in ("--abi", one)]
    tags += [part for minor in GLIBC for part in ("--platform", f"manylinux_2_{minor}_{word}")]
    tags += ["--platform", f"manylinux2014_{word}"]
    command = [BASE_PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", *tags, "--dest", str(scratch), "-r", str(LOCK)]
    run("agent", command, doing=f"getting the agent's packages for {word}", mend=MEND)
