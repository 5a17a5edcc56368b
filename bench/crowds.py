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
READS = 60
PAUSE_S = 0.1
SETTINGS = {"FILEWARDEN_HTTP_MAX_SESSIONS": "2000"}
FIGURES: Mapping[str, str] = {
    "50 active clients alone, p99": "ms",
    "50 active clients beside 1,000 idle streams, p99": "ms",
    "50 active beside 1,000 idle / alone": "times",
    "memory of an idle stream": "KiB",
}


async def measure(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    """Every figure of `FIGURES`."""
    server = await Server.start(ground, {**environ, **SETTINGS}, "--http", "--port", "0")
    place = Tally(60.0), server.port, server.token
    active = [Modern(*place) for _ in range(ACTIVE)]
    idle = [Sse(*place) for _ in range(IDLE)]
    try:
        await _p99(active)
        alone = await _p99(active)
        before = holding(server.pid).front_end_bytes
        for first in range(0, IDLE, OPENED_AT_ONCE):
            await asyncio.gather(*(client.open() for client in idle[first : first + OPENED_AT_ONCE]))
        after = holding(server.pid).front_end_bytes
        beside = await _p99(active)
    finally:
        for client in (*active, *idle):
            await client.close()
        await server.end()
    return dict(zip(FIGURES, (alone, beside, beside / alone, (after - before) / IDLE / 1024), strict=True))


async def _p99(clients: list[Modern]) -> float:
    rows = await asyncio.gather(*(_reads(client, number) for number, client in enumerate(clients)))
    return percentile([each for row in rows for each in row], 0.99)


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
