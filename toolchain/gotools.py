"""Tools built from Go modules, each pinned by its own go.mod and go.sum under toolchain/go/."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from toolchain import cache, found
from toolchain.progress import run

MODULES = Path(__file__).parent / "go"
PULUMI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def pulumi(version: str, minimum: str, own: Path) -> Path:
    """The CLI: from PATH when it is new enough, else built (six minutes on two cores, once)."""
    there = found.new_enough("pulumi", minimum, "version", without=own)
    if there:
        return there
    return build(
        "pulumi",
        version,
        PULUMI_PACKAGE,
        flags=["-X", f"{VERSION_VARIABLE}={version}"],
        finish=_language_host,
        mend=f"install Pulumi ≥ {minimum} (https://www.pulumi.com/docs/install/) or Go ≥ 1.26, then run make again",
    )


def kustomize(version: str, minimum: str, own: Path) -> Path:
    """kustomize: from PATH when it is new enough, else built."""
    there = found.new_enough("kustomize", minimum, "version", without=own)
    mend = f"install kustomize ≥ {minimum} (https://kubectl.docs.kubernetes.io/installation/kustomize/) or Go ≥ 1.26"
    return there or build("kustomize", version, "sigs.k8s.io/kustomize/kustomize/v5", mend=mend)


def actionlint(version: str, own: Path) -> Path:
    """actionlint, for `make lint`."""
    mend = "install actionlint (https://github.com/rhysd/actionlint) or Go ≥ 1.26"
    there = found.which("actionlint", without=own)
    return there or build("actionlint", version, "github.com/rhysd/actionlint/cmd/actionlint", mend=mend)


def build(
    name: str,
    version: str,
    package: str,
    *,
    mend: str,
    flags: list[str] | None = None,
    finish: Callable[[Path, Path], None] | None = None,
) -> Path:
    """Builds one pinned package into the cache and returns the binary."""
    module = MODULES / name
    target = cache.directory(name, version, [module / "go.mod", module / "go.sum", Path(__file__)])

    def make(scratch: Path) -> None:
        linker = " ".join(["-s", "-w", *(flags or [])])
        run(
            name,
            ["go", "build", "-v", "-mod=readonly", "-ldflags", linker, "-o", f"{scratch}/{name}", package],
            doing=f"building {version} from its Go module",
            mend=mend,
            cwd=module,
            env={**os.environ, "GOFLAGS": "", "CGO_ENABLED": "0"},
            measure=lambda lines: f"{sum('downloading' not in line for line in lines)} packages compiled",
        )

        if finish:
            finish(module, scratch)

    return cache.provide(target, make) / name


def _language_host(module: Path, scratch: Path) -> None:
    """What the CLI needs beside it for Python: our host, and the SDK module's own starter of programs.

    The host runs with the Python that leads PATH, which is the project's virtual environment wherever we call it.
    """
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]
    found = run("pulumi", command, doing="finding its Python starter", mend="run make again", cwd=module)
    starter = Path(found.splitlines()[-1]) / "python" / "cmd" / "pulumi-language-python-exec"
    host = scratch / "pulumi-language-python"
    host.write_text('#!/bin/sh\nexec python -m toolchain.language_host "$@"\n')
    for target, content in ((scratch / starter.name, starter.read_text()), (host, host.read_text())):
        target.write_text(content)
        target.chmod(0o755)
