"""What one client's greed and hanging calls cost the others, over HTTP."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
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
    victim = _client(server, Modern)
    await _p99(victim)
    alone = await _p99(victim)
    figures = [alone]
    for kind in ("scan", "pipes", "hang"):
        beside = await _beside(server, kind, lambda: _p99(victim))
        figures += [beside, beside / alone]
    polite = [_client(server, Modern) for _ in range(POLITE)]
    polite_alone = await _polite(polite)
    polite_beside = await _beside(server, "greed", lambda: _polite(polite))
    return [*figures, polite_alone, polite_beside, polite_beside / polite_alone, await _refusal(server)]


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


async def _beside(server: Server, kind: str, measure: Callable[[], Awaitable[float]]) -> float:
    """A figure while another client makes trouble of a kind, in a process of its own (bench/trouble.py)."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "bench.trouble", str(server.port), server.token, kind)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None  # noqa: S101 - it was asked for
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        await process.stdout.readline()
        await asyncio.sleep(SETTLE_S)
        return await measure()
    finally:
        process.stdin.close()
        await process.wait()


async def _polite(clients: list[Client]) -> float:
    rows = await asyncio.gather(*(_reads(client, READS // 2) for client in clients))
    return percentile([each for row in rows for each in row], 0.99)


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
    await asyncio.gather(*holding)
    if len(taken) < REFUSALS // 2:
        raise Broken(f"only {len(taken)} of {REFUSALS} calls beyond the limit were refused")
    return percentile(taken, 0.99)
