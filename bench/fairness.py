"""What one client's greed and hanging calls cost the others, over HTTP."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from bench.connection import Broken
from bench.ground import SMALL_FILE
from bench.stats import percentile
from bench.trouble import GREEDY, PIPES
from tests.chaos.clients import Client, Modern, Session
from tests.chaos.servers import Server
from tests.chaos.tally import Tally

READS = 500
PAUSE_S = 0.01
POLITE = 9
SETTLE_S = 0.3
TURNS = 4
"""Into how many parts each measurement is divided."""
TROUBLES = ("scan", "pipes", "hang")
REFUSALS = 500
REFUSAL_PAUSE_S = 0.005
"""So that they cover some seconds: without, all of them are over within the one mood of the machine."""
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
    victim = _client(server, Modern)
    await _reads(victim, READS)
    rows = [await _compared(server, kind, [victim], READS) for kind in TROUBLES]
    figures = [rows[0][0]]
    for alone, beside in rows:
        figures += [beside, beside / alone]
    polite = [_client(server, Modern) for _ in range(POLITE)]
    alone, beside = await _compared(server, "greed", polite, READS // 2)
    return [*figures, alone, beside, beside / alone, await _refusal(server)]


async def _compared(server: Server, kind: str, clients: list[Client], reads: int) -> tuple[float, float]:
    """The 99th percentiles without trouble and beside it, in turn, so that both share the moods of the machine."""
    alone, beside = list[float](), list[float]()
    for _ in range(TURNS):
        alone += await _of_all(clients, reads)
        async with _trouble(server, kind):
            beside += await _of_all(clients, reads)
    return percentile(alone, 0.99), percentile(beside, 0.99)


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


async def _of_all(clients: list[Client], reads: int) -> list[float]:
    rows = await asyncio.gather(*(_reads(client, reads // TURNS) for client in clients))
    return [each for row in rows for each in row]


@contextlib.asynccontextmanager
async def _trouble(server: Server, kind: str) -> AsyncIterator[None]:
    """Another client makes trouble of a kind, in a process of its own (bench/trouble.py)."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "bench.trouble", str(server.port), server.token, kind)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        await process.stdout.readline()
        await asyncio.sleep(SETTLE_S)
        yield
    finally:
        process.stdin.close()
        await process.wait()


async def _refusal(server: Server) -> float:
    """How long it takes to hear that there are too many, while as many calls as a client may have are under way."""
    greedy = _client(server, Session)
    await greedy.open()
    holding = [asyncio.create_task(greedy.call("sleep", {"seconds": 5.0 + number})) for number in range(GREEDY)]
    await asyncio.sleep(0.5)
    taken: list[float] = []
    for _ in range(REFUSALS):
        started = time.perf_counter()
        if await greedy.call("read_file", {"path": SMALL_FILE}) == "overloaded":
            taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(REFUSAL_PAUSE_S)
    await asyncio.gather(*holding)
    if len(taken) < REFUSALS // 2:
        raise Broken(f"only {len(taken)} of {REFUSALS} calls beyond the limit were refused")
    return percentile(taken, 0.99)
