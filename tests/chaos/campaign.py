"""Load from many clients on all transports, mischief beside it, and the promises checked all the time."""

import asyncio
import random
import time
from pathlib import Path

import msgspec
import psutil

from tests.chaos.clients import Client, Modern, Session, Sse, Stdio
from tests.chaos.mischief import Mischief
from tests.chaos.servers import FILES, Server, build_files
from tests.chaos.tally import Tally
from tests.chaos.watch import Holding, holding

LAG_EVERY_S = 0.02
LAG_MEMORY_S = 3.0
SETTLE_S = 0.5
CALM_S = 20.0
"""How long servers get to be whole again after the last mischief."""
GONE_S = 1.0
"""Within which every process has ended once its front-end was killed."""
SETTINGS = {
    "FILEWARDEN_POOL_WORKERS": "4",
    "FILEWARDEN_POOL_SCAN_WORKERS": "1",
    "FILEWARDEN_DEADLINES_READ_S": "1.5",
    "FILEWARDEN_DEADLINES_SCAN_S": "1.5",
    "FILEWARDEN_LOG_LEVEL": "error",
}
DEADLINE_S = 1.75
"""The hard one of these settings."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what, and from which seed."""

    seed: int
    clients: int = 4
    """Of each of the three kinds over HTTP."""
    pause_s: float = 0.0
    """Between the calls of one client."""
    mischief_every_s: float = 0.25


class Campaign:
    """Two servers, their clients, and what has become of them."""

    def __init__(self, plan: Plan, root: Path, environ: dict[str, str]) -> None:
        self.tally = Tally(DEADLINE_S)
        self.servers: list[Server] = []
        self._plan = plan
        self._root = root
        self._environ = {**SETTINGS, **environ}
        self._chance = random.Random(plan.seed)
        self._clients: list[Client] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False
        self._everybody: set[Client] = set()
        self.mischief: Mischief

    async def begin(self) -> None:
        """Start the servers and connect everybody."""
        build_files(self._root)
        over_http = await Server.start(self._root, self._environ, "--http", "--port", "0")
        self.servers.append(over_http)
        on_stdio = await Server.start(self._root, self._environ)
        self.servers.append(on_stdio)
        place = self.tally, over_http.port, over_http.token
        kinds = (Modern, Session, Sse)
        self._clients = [kind(*place) for kind in kinds for _ in range(self._plan.clients)]
        stdio = Stdio(self.tally, on_stdio.process)
        culprits: list[Client] = [*(kind(*place) for kind in kinds), stdio]
        self._clients.append(stdio)
        self.mischief = Mischief(self.servers, culprits, self._chance)
        for client in {*self._clients, *culprits}:
            await client.open()
        self._everybody = {*self._clients, *culprits}

    def unleash(self) -> None:
        """Let everybody call, again and again."""
        self._tasks = [asyncio.create_task(self._call_on(client)) for client in self._clients]
        self._tasks.append(asyncio.create_task(self._measure_lag()))

    async def harm(self, seconds: float) -> None:
        """Do mischief for a time; every kind at least once, if there is time."""
        give_up_at = time.monotonic() + seconds
        first = list(self.mischief.kinds)
        self._chance.shuffle(first)
        while time.monotonic() < give_up_at:
            await self.mischief.once(first.pop() if first else "")
            await asyncio.sleep(self._plan.mischief_every_s * self._chance.uniform(0.5, 1.5))

    async def calm(self) -> None:
        """Let the calls end, and wait until the servers are whole again."""
        self._is_over = True
        await self.mischief.settle()
        await asyncio.gather(*self._tasks)
        give_up_at = time.monotonic() + CALM_S
        for server in self.servers:
            while not await server.is_whole():
                if time.monotonic() > give_up_at:
                    self.tally.breaks(f"a server is not whole again after {CALM_S:.0f} s: {await server.status()}")
                    return
                await asyncio.sleep(0.1)

    async def holdings(self) -> list[Holding]:
        """What each server holds when no connection is kept for later."""
        for client in self._everybody:
            client.rest()
        give_up_at = time.monotonic() + CALM_S
        held, before = self.held(), None
        while time.monotonic() < give_up_at and before != [(each.descriptors, each.processes) for each in held]:
            before = [(each.descriptors, each.processes) for each in held]
            await asyncio.sleep(SETTLE_S)  # until the servers have noticed
            held = self.held()
        return held

    def held(self) -> list[Holding]:
        """What each server holds now."""
        return [holding(server.pid) for server in self.servers]

    async def end(self) -> None:
        """Kill the front-ends; everything below them must be gone at once."""
        for client in self._everybody:
            await client.close()
        for server in self.servers:
            family = psutil.Process(server.pid).children(recursive=True)
            await server.end()
            _gone, alive = psutil.wait_procs(family, GONE_S)
            alive = [each for each in alive if _still_runs(each)]
            if alive:
                self.tally.breaks(f"{len(alive)} processes outlived their front-end by {GONE_S:.0f} s")

    async def _call_on(self, client: Client) -> None:
        while not self._is_over:
            await client.call(*self._something())
            if self._plan.pause_s:
                await asyncio.sleep(self._plan.pause_s)

    def _something(self) -> tuple[str, dict[str, object], str]:
        """A call, and the path that its answer must be about."""
        path = self._chance.choice(FILES)
        match self._chance.randrange(20):
            case 0:
                return "search_files", {"path": "many", "pattern": f"*{path[-6:]}"}, ""
            case 1:
                return "list_directory", {"path": "many"}, "many"
            case 2 | 3 | 4 | 5 | 6 | 7:
                return "read_file", {"path": path}, path
            case _:
                return "get_file_info", {"path": path}, path

    async def _measure_lag(self) -> None:
        """How late this loop runs: what it sees may be late by that."""
        lags: list[float] = []
        while not self._is_over:
            due = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            lags = [*lags[-int(LAG_MEMORY_S / LAG_EVERY_S) :], time.monotonic() - due]
            self.tally.lag_s = sum(lag for lag in lags if lag > LAG_EVERY_S)


def _still_runs(process: psutil.Process) -> bool:
    """Whether it is there, and not only its entry, which nobody has collected."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # it went between the two looks
        return False
