"""What a thousand clients that only listen cost: fifty active ones in time, and the server in memory."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from bench.ground import SMALL_FILE
from bench.stats import percentile
from tests.chaos.clients import Modern, Sse
from tests.chaos.servers import Server
from tests.chaos.tally import Tally
from tests.chaos.watch import holding

IDLE = 1000
OPENED_AT_ONCE = 50
ACTIVE = 50
READS = 20
TURNS = 4
PAUSE_S = 0.1
SETTINGS = {"FILEWARDEN_HTTP_MAX_SESSIONS": "2000"}
FIGURES: Mapping[str, str] = {
    "50 active clients alone, p99": "ms",
    "50 active clients beside 1,000 idle streams, p99": "ms",
    "50 active beside 1,000 idle / alone": "times",
    "memory of an idle stream": "KiB",
}


async def measure(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    """Every figure of `FIGURES`. One server has the idle streams, another has none, and they are asked in turn."""
    quiet = await Server.start(ground, {**environ, **SETTINGS}, "--http", "--port", "0")
    crowded = await Server.start(ground, {**environ, **SETTINGS}, "--http", "--port", "0")
    idle = [Sse(Tally(60.0), crowded.port, crowded.token) for _ in range(IDLE)]
    try:
        figures = await _measure(quiet, crowded, idle)
    finally:
        for client in idle:
            await client.close()
        for server in (quiet, crowded):
            await server.end()
    return dict(zip(FIGURES, figures, strict=True))


async def _measure(quiet: Server, crowded: Server, idle: list[Sse]) -> tuple[float, float, float, float]:
    alone, beside = _active(quiet), _active(crowded)
    for clients in (alone, beside):
        await _of_all(clients)
    before = holding(crowded.pid).front_end_bytes
    for start in range(0, IDLE, OPENED_AT_ONCE):
        await asyncio.gather(*(client.open() for client in idle[start : start + OPENED_AT_ONCE]))
    after = holding(crowded.pid).front_end_bytes
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(TURNS):
        for row, clients in zip(taken, (alone, beside), strict=True):
            row += await _of_all(clients)
    for client in (*alone, *beside):
        await client.close()
    first, second = (percentile(row, 0.99) for row in taken)
    return first, second, second / first, (after - before) / IDLE / 1024


def _active(server: Server) -> list[Modern]:
    return [Modern(Tally(60.0), server.port, server.token) for _ in range(ACTIVE)]


async def _of_all(clients: list[Modern]) -> list[float]:
    rows = await asyncio.gather(*(_reads(client, number) for number, client in enumerate(clients)))
    return [each for row in rows for each in row]


async def _reads(client: Modern, number: int) -> list[float]:
    """Milliseconds of each small read; the clients take turns."""
    await asyncio.sleep(PAUSE_S * number / ACTIVE)
    taken = []
    for _ in range(READS):
        started = time.perf_counter()
        await client.call("read_file", {"path": SMALL_FILE})
        taken.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(PAUSE_S)
    return taken
