"""How fast what must end has ended: hung and stopped workers, cancelled calls, and everything below a killed server."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.campaign import SETTINGS, Campaign, Plan
from tests.chaos.clients import Stdio
from tests.chaos.servers import Server
from tests.chaos.tally import Tally

TIMES = 20
HARD_S = 0.75
SHORT = {
    "FILEWARDEN_DEADLINES_READ_S": "0.5",
    "FILEWARDEN_DEADLINES_GRACE_S": "0.25",
    "FILEWARDEN_POOL_WORKERS": "4",
    "FILEWARDEN_POOL_SCAN_WORKERS": "1",
}
KILLS = 1000
KILL_EVERY_S = 0.04
LOOK_S = 0.002
FIGURES: Mapping[str, str] = {
    "spinning worker: error after the hard deadline, worst": "ms",
    "stopped worker: error after the hard deadline, worst": "ms",
    "stopped worker: slot back after the hard deadline, worst": "ms",
    "cancel to slot free, worst": "ms",
    "cancel: worker's processor time after it, worst": "ms",
    "front-end killed: last process gone, worst": "ms",
    "random kills under load": "kills",
    "calls beside the kills": "calls",
    "lost, double or crossed answers": "answers",
}


async def measure(ground: Path, environ: dict[str, str]) -> dict[str, float]:
    """Every figure of `FIGURES`."""
    server = await Server.start(ground, {**environ, **SHORT})
    client = Stdio(Tally(HARD_S), server.process)
    await client.open()
    spinning = [await _timed(client.call("spin", {"seconds": 30.0 + number})) for number in range(TIMES)]
    stopped = [await _stopped(server, client, number) for number in range(TIMES)]
    cancelled = [await _cancelled(server, client, number) for number in range(TIMES)]
    await client.close()
    await server.end()
    gone = [await _killed(ground, {**environ, **SHORT}) for _ in range(TIMES // 2)]
    figures = (
        max(spinning) - HARD_S,
        max(error_s for error_s, _slot_s in stopped) - HARD_S,
        max(slot_s for _error_s, slot_s in stopped) - HARD_S,
        max(free_s for free_s, _used_s in cancelled),
        max(used_s for _free_s, used_s in cancelled),
        max(gone),
    )
    return dict(zip(FIGURES, [*(1000 * each for each in figures), *await _kills(ground, environ)], strict=True))


async def _timed(action: Any) -> float:
    started = time.monotonic()
    await action
    return time.monotonic() - started


async def _busy(server: Server) -> int:
    """The worker that runs the one call."""
    while True:
        status = await server.status()
        for row in status["workers"] if status else ():
            if row["state"] == "busy":
                return int(row["pid"])


async def _until(server: Server, is_so: Callable[[Any], bool]) -> None:
    while not ((status := await server.status()) and is_so(status)):  # noqa: ASYNC110 - another process
        await asyncio.sleep(LOOK_S)


async def _stopped(server: Server, client: Stdio, number: int) -> tuple[float, float]:
    """Seconds until the error, and until the slot had a ready worker, from the call on."""
    started = time.monotonic()
    call = asyncio.create_task(client.call("sleep", {"seconds": 60.0 + number}))
    os.kill(await _busy(server), signal.SIGSTOP)
    await call
    error_s = time.monotonic() - started
    await _until(server, lambda status: status["pool"]["ready"] == 4)
    slot_s = time.monotonic() - started
    await _until(server, lambda status: status["pool"]["spares"] == 1)
    return error_s, slot_s


async def _cancelled(server: Server, client: Stdio, number: int) -> tuple[float, float]:
    """Seconds until the slot was free again, and the processor time that the worker used meanwhile."""
    ident = client.begin("spin", {"seconds": 90.0 + number})
    pid = await _busy(server)
    before_s = _processor_s(pid)
    started = time.monotonic()
    client.notify("notifications/cancelled", {"requestId": ident})
    await asyncio.sleep(0)
    used_s = before_s
    while (now_s := _processor_s(pid)) >= 0:
        used_s = now_s
        await asyncio.sleep(LOOK_S)
    await _until(server, lambda status: status["pool"]["ready"] == 4 and not status["pool"]["busy"])
    free_s = time.monotonic() - started
    await _until(server, lambda status: status["pool"]["spares"] == 1)
    return free_s, used_s - before_s


def _processor_s(pid: int) -> float:
    """What a process has used; -1 once it is gone."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            times = process.cpu_times()
            return float(times.user + times.system)
    return -1.0


async def _killed(ground: Path, environ: dict[str, str]) -> float:
    server = await Server.start(ground, environ)
    family = psutil.Process(server.pid).children(recursive=True)
    started = time.monotonic()
    await server.end()
    while any(_processor_s(each.pid) >= 0 for each in family):  # noqa: ASYNC110 - other processes
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - started


async def _kills(ground: Path, environ: dict[str, str]) -> tuple[float, float, float]:
    """Workers killed at random under load: kills, calls, and answers that were lost, double or not the caller's."""
    campaign = Campaign(Plan(seed=random.SystemRandom().randrange(10**9)), ground, {**environ, **SETTINGS})
    await campaign.begin()
    campaign.unleash()
    try:
        while campaign.mischief.done["kill"] < KILLS:
            await campaign.mischief.once("kill")
            await asyncio.sleep(KILL_EVERY_S)
        await campaign.calm()
    finally:
        await campaign.end()
    return KILLS, campaign.tally.asked, campaign.tally.broken_total
