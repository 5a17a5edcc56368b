"""What one client's greed and hanging calls cost the others, over HTTP."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bench.connection import Broken
from bench.ground import MISSING_PATTERN, SMALL_FILE, TREE_FOLDER
from bench.stats import percentile
from tests.chaos.clients import Client, Modern, Session
from tests.chaos.servers import Server
from tests.chaos.tally import Tally

READS = 500
PAUSE_S = 0.01
PIPES = 64
POLITE = 9
GREEDY = 100
REFUSALS = 500
DEADLINE_S = 20.0
SETTINGS = {"FILEWARDEN_DEADLINES_READ_S": "10"}
FIGURES: Mapping[str, str] = {
    "small read over HTTP alone, p99": "ms",
    "small read beside a scan, p99": "ms",
    "small read beside a scan / alone": "times",
    "small read while another client reads 64 pipes, p99": "ms",
    "small read beside 64 pipes / alone": "times",
    "small read while 64 calls of another client hang, p99": "ms",
    "small read beside 64 hanging calls / alone": "times",
    "nine polite clients alone, p99": "ms",
    "nine polite clients beside one with 100 in flight, p99": "ms",
    "polite beside greedy / alone": "times",
    "overload refusal, p99": "ms",
}


async def measure(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    """Every figure of `FIGURES`."""
    for number in range(PIPES):
        path = ground / f"pipe-{number}"
        os.mkfifo(path)
        path.chmod(0o644)
    server = await Server.start(ground, {**environ, **SETTINGS}, "--http", "--port", "0")
    try:
        figures = await _measure(server)
    finally:
        await server.end()
    return dict(zip(FIGURES, figures, strict=True))


async def _measure(server: Server) -> list[float]:
    victim, other = _client(server, Modern), _client(server, Session)
    await other.open()
    await _p99(victim)
    alone = await _p99(victim)
    scan = {"path": TREE_FOLDER, "pattern": MISSING_PATTERN, "recursive": True}
    beside_scan = await _beside(victim, lambda: other.call("search_files", scan))
    beside_pipes = await _beside(victim, lambda: _at_once(other, PIPES, "read_file", "path", "pipe-{}"))
    beside_hanging = await _beside(victim, lambda: _at_once(other, PIPES, "sleep", "seconds", 60.0))
    await other.close()
    polite = [_client(server, Modern) for _ in range(POLITE)]
    polite_alone = await _polite(polite)
    greedy = _client(server, Session)
    await greedy.open()
    is_over = asyncio.Event()
    wanting = [asyncio.create_task(_want(greedy, is_over)) for _ in range(GREEDY)]
    polite_beside = await _polite(polite)
    is_over.set()
    await asyncio.gather(*wanting)
    refusal = await _refusal(greedy)
    figures = [alone, beside_scan, beside_scan / alone, beside_pipes, beside_pipes / alone]
    figures += [beside_hanging, beside_hanging / alone]
    return [*figures, polite_alone, polite_beside, polite_beside / polite_alone, refusal]


def _client(server: Server, kind: type[Modern] | type[Session]) -> Client:
    return kind(Tally(DEADLINE_S), server.port, server.token)


async def _reads(client: Client, count: int) -> list[float]:
    """Milliseconds of each small read, one every `PAUSE_S`."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await client.call("read_file", {"path": SMALL_FILE})
        taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(PAUSE_S)
    return taken


async def _p99(client: Client) -> float:
    return percentile(await _reads(client, READS), 0.99)


async def _beside(victim: Client, trouble: Callable[[], Awaitable[object]]) -> float:
    """The victim's reads while the other does it again and again."""
    is_over = asyncio.Event()

    async def again() -> None:
        while not is_over.is_set():
            await trouble()

    task = asyncio.create_task(again())
    await asyncio.sleep(0.2)
    figure = await _p99(victim)
    is_over.set()
    await task
    return figure


async def _at_once(client: Client, count: int, tool: str, name: str, value: str | float) -> None:
    def argument(number: int) -> str | float:
        return value.format(number) if isinstance(value, str) else value + number

    await asyncio.gather(*(client.call(tool, {name: argument(number)}) for number in range(count)))
    await asyncio.sleep(PAUSE_S)


async def _polite(clients: list[Client]) -> float:
    rows = await asyncio.gather(*(_reads(client, READS // 2) for client in clients))
    return percentile([each for row in rows for each in row], 0.99)


async def _want(client: Client, is_over: asyncio.Event) -> None:
    """One of a hundred requests that are always under way; one that is refused is sent again when it may be."""
    while not is_over.is_set():
        if await client.call("read_file", {"path": SMALL_FILE}) != "ok":
            await asyncio.sleep(0.05)


async def _refusal(greedy: Client) -> float:
    """How long it takes to hear that there are too many, while as many calls as a client may have are under way."""
    holding = [asyncio.create_task(greedy.call("sleep", {"seconds": 5.0 + number})) for number in range(GREEDY)]
    await asyncio.sleep(0.5)
    taken: list[float] = []
    for _ in range(REFUSALS):
        started = time.perf_counter()
        if await greedy.call("read_file", {"path": SMALL_FILE}) == "overloaded":
            taken.append(1000 * (time.perf_counter() - started))
    await asyncio.gather(*holding)
    if len(taken) < REFUSALS // 2:
        raise Broken(f"only {len(taken)} of {REFUSALS} calls beyond the limit were refused")
    return percentile(taken, 0.99)
