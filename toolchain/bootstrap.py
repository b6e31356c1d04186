"""`make setup`: everything that the drill and the tests need, on a machine that has Python, Node.js and maybe Go.

    python3 -m toolchain.bootstrap [--tests] [--lint]

Finds each tool or builds it into the cache, then links all of them into `.venv/bin`, so that one directory on
PATH is the whole tool box. Exit code 1 and one line a missing piece, each with the command that mends it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if sys.version_info < (3, 11):  # before anything that an older Python cannot read
    sys.exit(
        "python: PlanB needs Python ≥ 3.11, this is "
        + sys.version.split()[0]
        + "\n  mend it: install a newer one and run: make PYTHON=python3.11"
    )

import tomllib

from toolchain import browser, cache, gotools, hosttools, mysql, nodetools, venv, wheels
from toolchain.problem import SetupProblem
from toolchain.progress import say

PINS = Path(__file__).parent / "pins.toml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="toolchain.bootstrap", description="Sets up what PlanB needs.")
    parser.add_argument(
        "--tests", action="store_true", help="also what only the tests need (Chromium, cloud-init)"
    )
    parser.add_argument("--lint", action="store_true", help="also what only `make lint` needs (actionlint)")
    options = parser.parse_args()
    pins = tomllib.loads(PINS.read_text())
    bin_dir = venv.PROJECT / ".venv" / "bin"

    def go_tools() -> dict[str, Path]:
        # One after the other: each build alone already uses every core.
        tools = {
            "kustomize": gotools.kustomize(
                pins["kustomize"]["version"], pins["kustomize"]["minimum"], bin_dir
            ),
            "pulumi": gotools.pulumi(pins["pulumi"]["version"], pins["pulumi"]["minimum"], bin_dir),
        }
        if options.lint:
            tools["actionlint"] = gotools.actionlint(pins["actionlint"]["version"], bin_dir)
        return tools

    def node_tools() -> dict[str, Path]:
        nodetools.node(pins["node"]["minimum"])
        modules = nodetools.packages(pins["azurite"]["version"])
        return {name: modules / name for name in ("azurite-blob", "pyright")}

    def python() -> dict[str, Path]:
        venv.provide(pins["uv"]["version"])
        return {}

    agent_wheels: dict[str, Path] = {}

    def packages() -> dict[str, Path]:
        agent_wheels.update(wheels.provide())
        return {}

    jobs: list[Callable[[], dict[str, Path]]] = [
        go_tools,
        node_tools,
        python,
        lambda: mysql.provide(pins["mysql"]["major"], bin_dir),
        packages,
    ]
    if options.tests:
        jobs.append(lambda: {"chromium": browser.provide()})
        jobs.append(lambda: hosttools.provide(pins["cloud-init"]["series"], bin_dir))
    tools: dict[str, Path] = {}
    problems: list[SetupProblem] = []
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            try:
                tools.update(future.result())
            except SetupProblem as problem:
                problems.append(problem)
    if problems:
        for problem in problems:
            sys.stderr.write(f"\n{problem}\n")
        return 1
    _link(tools, bin_dir)
    for architecture, folder in agent_wheels.items():
        _linked(venv.PROJECT / ".venv" / "agent-wheels" / architecture, folder)
    say("ready", f"{bin_dir}/planb")
    return 0


def _link(tools: dict[str, Path], bin_dir: Path) -> None:
    """Links tools from the cache into `.venv/bin`; what was already on PATH stays where it is."""
    for name, tool in tools.items():
        link = bin_dir / name
        if tool.name == name and not tool.is_relative_to(cache.root()):
            continue
        _linked(link, tool)


def _linked(link: Path, target: Path) -> None:
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


if __name__ == "__main__":
    sys.exit(main())
