"""The persistent Node process that runs viewer-request functions."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

HOST = Path(__file__).with_name("router_host.js")
TIMEOUT_S = 2.0


class FunctionError(Exception):
    """The function threw, answered nonsense or took too long: CloudFront answers 503."""


class FunctionRunner:
    """Runs functions one line at a time; started on first use and again when it died."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._starting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    async def run(
        self, code: str, event: dict[str, Any], store: str | None, keys: dict[str, str]
    ) -> dict[str, Any]:
        """{"result": request or response, "origin": None | {"update": …} | {"select": id}}; FunctionError otherwise."""
        process = await self._ensure()
        number = next(self._ids)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        message = {"id": number, "code": code, "event": event, "store": store, "keys": keys}
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
            answer = await asyncio.wait_for(future, TIMEOUT_S)
        except (TimeoutError, OSError) as error:
            raise FunctionError(f"the function did not answer: {error}") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise FunctionError(str(answer["error"]))
        return answer

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        if self._reader:
            self._reader.cancel()

    async def _ensure(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                node = shutil.which("node")
                if node is None:
                    raise FunctionError("no node on PATH: edge/router.js cannot run; install Node.js ≥ 18")
                self._process = await asyncio.create_subprocess_exec(
                    node,
                    str(HOST),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=2**20,
                )
                self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            answer = json.loads(line)
            future = self._waiting.get(answer["id"])
            if future and not future.done():
                future.set_result(answer)
