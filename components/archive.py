"""The agent's one artefact: its code, its Python packages as wheels, its installer. Host and image install it alike.

The archive is the same on every machine for the same sources: sorted names, one date, no compression (whose output
depends on the library's version), wheels by the lock file's hashes. `make agent` writes it for the image's build.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

LOCK = "requirements.lock"
INSTALLER = "install.sh"
WHEELS = Path(".venv") / "agent-wheels"
"""Where set-up puts them, by architecture."""
ARCHITECTURES = ("x86_64", "arm64")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can say
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class ArchiveError(Exception):
    """The artefact cannot be built as its lock file says."""


@dataclass(frozen=True)
class Archive:
    """The bytes, their hash, and the key under which they are stored."""

    content: bytes
    sha256: str
    key: str


def build(root: Path, architecture: str) -> Archive:
    """The archive of the checkout at `root` for hosts of this architecture; nothing is downloaded.

    Raises:
        ArchiveError: a wheel is missing, or is not one that the lock file names.
    """
    version = str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    package = root / "restore"
    files = {
        f"restore/{path.relative_to(package).as_posix()}": path.read_bytes() for path in package.rglob("*.py")
    }
    files |= {name: (package / name).read_bytes() for name in (LOCK, INSTALLER)}
    files |= _wheels(root / WHEELS / architecture, files[LOCK].decode())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, content)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return Archive(content, digest, f"agent/{version}/planb-agent-{architecture}-{digest[:16]}.zip")


def written(root: Path, archive: Archive) -> Path:
    """The archive as a file below build/, since Pulumi takes binary content from a file only."""
    path = root / "build" / "agent" / Path(archive.key).name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != archive.content:
        scratch = path.with_suffix(".new")
        scratch.write_bytes(archive.content)
        scratch.rename(path)
    return path


def _wheels(folder: Path, lock: str) -> dict[str, bytes]:
    """One wheel a pinned package, each with a hash of the lock file: a cache that was tampered with shows here."""
    pinned = {(_normal(name), version) for name, version in _PINNED.findall(lock)}
    allowed = set(_HASH.findall(lock))
    found: dict[str, bytes] = {}
    there: set[tuple[str, str]] = set()
    for path in sorted(folder.glob("*.whl")):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() not in allowed:
            raise ArchiveError(
                f"{path}: not a wheel that restore/{LOCK} names. Remove it and run make setup."
            )
        name, version = path.name.split("-")[:2]
        there.add((_normal(name), version))
        found[f"wheels/{path.name}"] = content
    if missing := sorted(f"{name} {version}" for name, version in pinned - there):
        raise ArchiveError(
            f"{folder}: no wheel of {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}. "
            "The agent's packages are fetched once, at set-up: run make setup, with a network."
        )
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """`make agent`: the file and its hash, which the image's build takes."""
    parser = argparse.ArgumentParser(prog="components.archive", description="Writes the agent's artefact.")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    root = Path(__file__).parent.parent
    try:
        archive = build(root, parser.parse_args().architecture)
    except ArchiveError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"{archive.sha256}  {written(root, archive).relative_to(root)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
