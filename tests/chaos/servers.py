"""The two servers under load, with misbehaving tools beside their own: one on stdio, one on HTTP."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from filewarden.config.folders import runtime_folder
from filewarden.transports.local_socket import query
from tests.drivers.process import FAULTY, LISTENS
from tests.drivers.tether import tie

START_S = 30.0
FILES = tuple(f"many/file-{number:03}.txt" for number in range(300))
"""Many, for a call that loses its worker twice within a minute is refused for a while."""


def build_files(root: Path) -> None:
    """Make them, each with its path for its text."""
    for path in FILES:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
        file.chmod(0o644)
    (root / "many").chmod(0o755)


class Server:
    """One process and what operators see of it."""

    def __init__(self, process: asyncio.subprocess.Process, environ: dict[str, str]) -> None:
        self.process = process
        self.port = 0
        self.token = ""
        self._environ = environ
        self._errors: list[str] = []
        self._draining: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, root: Path, environ: dict[str, str], *arguments: str) -> "Server":
        """Start one and wait until it is ready."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *FAULTY, "serve", str(root), *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environ,
            limit=1 << 20,
        )  # fmt: skip
        tie(process.pid)
        server = cls(process, environ)
        try:
            await asyncio.wait_for(server._prepare(is_http="--http" in arguments), START_S)
        except TimeoutError:
            status = await server.status()
            await server.end()
            raise AssertionError(f"never whole: {status}\n{server.errors}") from None
        except BaseException:
            await server.end()
            raise
        return server

    async def _prepare(self, *, is_http: bool) -> None:
        assert self.process.stderr is not None
        while is_http:
            line = (await self.process.stderr.readline()).decode()
            assert line, "".join(self._errors)
            self._errors.append(line)
            if line.startswith(LISTENS):
                self.port = int(line.rpartition("/")[0].rpartition(":")[2])
                self.token = (Path(self._environ["XDG_STATE_HOME"]) / "filewarden" / "token").read_text().strip()
                break
        self._draining = asyncio.create_task(self._drain())
        while not await self.is_whole():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)

    async def _drain(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self._errors.append(line.decode())
            del self._errors[:-200]

    @property
    def pid(self) -> int:
        """The front-end."""
        return self.process.pid

    @property
    def errors(self) -> str:
        """The latest lines of its log."""
        return "".join(self._errors)

    async def status(self) -> Any:
        """Its status, by the socket of the command line; None while it does not answer."""
        path = os.path.join(runtime_folder(self._environ, os.geteuid()), f"{self.pid}.sock")
        with contextlib.suppress(OSError, ValueError):
            return json.loads(await asyncio.to_thread(query, path, 5))
        return None

    async def workers(self) -> list[int]:
        """The processes of its slots."""
        status = await self.status()
        return [row["pid"] for row in status["workers"] if row["pid"]] if status else []

    async def is_whole(self) -> bool:
        """Whether every slot and spare is ready."""
        status = await self.status()
        if status is None:
            return False
        pool = status["pool"]
        return bool(pool["ready"] == pool["size"] and pool["spares"] == 1 and pool["busy"] == 0)

    async def end(self) -> None:
        """Kill the front-end alone: what else lives must notice."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await asyncio.wait_for(self.process.wait(), START_S)
        if self._draining is not None:
            self._draining.cancel()
