"""What is done to servers while they work, at random from one seed: kill, stop, starve, leak, corrupt, flood."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import psutil

from tests.chaos.clients import Client
from tests.chaos.servers import FILES, Server

LITTER = (
    b"\x00" * 40,
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n{",
    b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b'{"jsonrpc":"2.0","id":1,',
    b"GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
)
"""For a connection of its own, which is left at once."""
FLOOD = 100


class Mischief:
    """Each kind of harm by its name. What it asks of a server is asked by a client and counted as any other call."""

    def __init__(self, servers: list[Server], culprits: list[Client], chance: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._servers = servers
        self._culprits = culprits
        self._chance = chance
        self._under_way: set[asyncio.Task[object]] = set()
        self.kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": lambda: self._signal(signal.SIGKILL),
            "stop": lambda: self._signal(signal.SIGSTOP),
            "kill zygote": self._kill_zygote,
            "starve": lambda: self._ask("spin", {"seconds": 30.0}),
            "leak": lambda: self._ask("eat", {"megabytes": 1000 + self._chance.randrange(1000)}),
            "crash": lambda: self._ask("die", {"number": self._chance.choice((6, 11))}),
            "corrupt": self._corrupt,
            "flood": self._flood,
        }

    async def once(self, name: str = "") -> None:
        """Do something, or a certain thing."""
        name = name or self._chance.choice(list(self.kinds))
        self.done[name] += 1
        await self.kinds[name]()

    async def settle(self) -> None:
        """Wait for the answers of everything that was asked on the way."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def _signal(self, number: signal.Signals) -> None:
        workers = await self._chance.choice(self._servers).workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._chance.choice(workers), number)

    async def _kill_zygote(self) -> None:
        """The parent of all workers: they end with it."""
        workers = await self._chance.choice(self._servers).workers()
        with contextlib.suppress(OSError, IndexError, psutil.Error):
            os.kill(psutil.Process(workers[0]).ppid(), signal.SIGKILL)

    async def _ask(self, tool: str, arguments: Mapping[str, object]) -> None:
        self._begin(self._chance.choice(self._culprits), tool, arguments)

    async def _flood(self) -> None:
        culprit = self._chance.choice(self._culprits)
        for _ in range(FLOOD):
            self._begin(culprit, "get_file_info", {"path": FILES[0]})

    async def _corrupt(self) -> None:
        server = self._chance.choice([each for each in self._servers if each.port])
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(self._chance.choice(LITTER))
            writer.transport.abort()

    def _begin(self, culprit: Client, tool: str, arguments: Mapping[str, object]) -> None:
        task = asyncio.create_task(culprit.call(tool, arguments))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
