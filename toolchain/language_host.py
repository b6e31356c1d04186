"""Pulumi's Python language host, for the CLI that we built ourselves.

The official host is not to be had as a Go module. The engine starts `pulumi-language-python`, reads a port from
its standard output and talks gRPC (`pulumi/language.proto`): `Run` starts the program through
`pulumi-language-python-exec` of the Python SDK, `RunPlugin` a policy pack. Where an official Pulumi is on PATH,
its own host is used and this one is not installed.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

BAIL_EXIT_CODE = 32  # the program failed and the engine has already said why (pulumi-language-python-exec)


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and policy packs with the Python of the project's virtual environment."""

    def __init__(self, engine_address: str) -> None:
        self._engine = engine_address
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        # None: the engine then asks for a provider when the first resource needs it, which is also when a
        # debug provider takes over.
        return language_pb2.GetRequiredPackagesResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        installed = sorted((d.metadata["Name"], d.version) for d in metadata.distributions())
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version) for name, version in installed
            ]
        )

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield language_pb2.InstallDependenciesResponse(stdout=b"make setup installs PlanB's dependencies\n")

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        python, script = _interpreter(request.info)
        command = [
            python,
            "-u",
            script,
            "--monitor",
            request.monitor_address,
            "--engine",
            self._engine,
            "--project",
            request.project,
            "--root_directory",
            request.info.root_directory,
            "--stack",
            request.stack,
            "--pwd",
            request.pwd,
            "--dry_run",
            "true" if request.dryRun else "false",
            "--organization",
            request.organization,
            "--parallel",
            str(request.parallel),
            request.info.entry_point or ".",
            *request.args,
        ]
        env = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        process = subprocess.Popen(command, cwd=request.info.program_directory or request.pwd, env=env)
        code = self._wait(process)
        if code == 0:
            return language_pb2.RunResponse()
        if code == BAIL_EXIT_CODE:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        python, _ = _interpreter(request.info)
        directory = request.info.program_directory
        if request.kind == "analyzer":  # a policy pack runs in its own directory
            command, cwd = [python, "-u", "-m", "pulumi.policy", *request.args, directory], directory
        else:
            command, cwd = [python, "-u", directory, *request.args], request.pwd
        env: dict[str, str] = dict(entry.split("=", 1) for entry in request.env)
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        context.add_callback(process.terminate)
        stdout = cast("io.BufferedReader", process.stdout)
        while chunk := stdout.read1(65536):
            yield language_pb2.RunPluginResponse(stdout=chunk)
        yield language_pb2.RunPluginResponse(exitcode=self._wait(process))

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            for process in self._children:
                process.terminate()
        return empty_pb2.Empty()

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        with self._lock:
            self._children.add(process)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._children.discard(process)


def _interpreter(info: Any) -> tuple[str, str]:
    """The Python of the project's `virtualenv` option, else the one that runs this host; and the program starter."""
    python = sys.executable
    virtualenv = json_format.MessageToDict(info.options).get("virtualenv")
    if virtualenv:
        candidate = Path(info.root_directory, str(virtualenv), "bin", "python")
        if candidate.exists():
            python = str(candidate)
    cli = shutil.which("pulumi") or "pulumi"  # the starter came with the CLI, beside it
    return python, str(Path(cli).resolve().with_name("pulumi-language-python-exec"))


def main() -> None:
    """Serves until the engine interrupts us, which it does when it is done (and waits five seconds for)."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=32),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    # A terminal's Ctrl-C does not come here: the engine gives its plugins a process group of their own.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(sys.argv[-1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
