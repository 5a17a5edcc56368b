"""One replica as a network of stations, from measured service times; and what many replicas do for many agents.

Replicas share nothing and a load balancer spreads agents evenly, so each stands for all: the figures of R replicas are
R times those of one with an Rth of the agents.
"""

import msgspec

from bench.capacity.closed_forms import least_of_bounds
from bench.capacity.network import Kind, Network, Step, simulate
from bench.growth import Growth

READ, SCAN = "read", "scan"
CALLS = 10_000
NEARLY = 0.95
"""Beyond this share of what is possible at all, waiting is told by Little's law and not simulated."""
LATE_S = 0.05
"""A small read is late when one in a hundred takes longer than this."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that a call takes of each station, and how many there are of it.

    `client_s` is the measuring client's own time and 0 where clients are elsewhere; `delay_s` passes without a
    processor: wake-ups and the network.
    """

    front_end_s: float
    worker_s: float
    scan_s: float
    client_s: float = 0.0
    delay_s: float = 0.0
    cores: int = 4
    workers: int = 4

    @property
    def scan_workers(self) -> int:
        """How many scans run at once, as shipped: one core stays free."""
        return max(1, min(self.cores, self.workers) - 1)

    def network(self, agents: int, think_s: float, scans: float) -> Network:
        """Under so many agents, of whose calls a share `scans` are scans."""
        half = Step("front-end", self.front_end_s / 2)
        before = [Step("client", self.client_s), Step("delay", self.delay_s, takes_core=False), half]
        kinds = [
            Kind(READ, 1 - scans, [*before, Step("worker", self.worker_s), half]),
            Kind(SCAN, scans, [*before, Step("scan worker", self.scan_s), half]),
        ]
        servers = {
            "client": 1,
            "front-end": 1,
            "worker": self.workers,
            "scan worker": self.scan_workers,
        }
        return Network(agents=agents, think_s=think_s, kinds=kinds, servers=servers, cores=self.cores)

    def most(self, agents: int, think_s: float, scans: float) -> float:
        """Calls a second that cannot be exceeded: by the busiest station, by the cores, or by the agents themselves."""
        work_s = (1 - scans) * self.worker_s
        demands = [
            (self.client_s, 1),
            (self.front_end_s, 1),
            (work_s, self.workers),
            (scans * self.scan_s, self.scan_workers),
            (self.client_s + self.front_end_s + work_s + scans * self.scan_s, self.cores),
        ]
        thinking_s = think_s + self.delay_s
        return least_of_bounds(agents, thinking_s, demands)


class Row(msgspec.Struct, frozen=True):
    """What one replica does: calls a second, the 99th percentile of small reads, and whether it is beyond its means."""

    rate: float
    p99_s: float
    is_saturated: bool


def measured(growth: Growth, *, cores: int | None = None, with_client: bool = False) -> Replica:
    """The replica that was measured; with the measuring client on its cores, or without."""
    service, first = growth.service, growth.clients[0]
    spent_ms = service.client_ms + service.front_end_ms + service.worker_ms
    return Replica(
        front_end_s=service.front_end_ms / 1000,
        worker_s=service.worker_ms / 1000,
        scan_s=next(point.p50_ms for point in growth.entries if point.at == 10_000) / 1000,
        client_s=service.client_ms / 1000 if with_client else 0.0,
        delay_s=max(0.0, first.p50_ms - spent_ms) / 1000 if with_client else 0.0,
        cores=cores or growth.machine.cores,
    )


def curve(growth: Growth) -> list[tuple[int, float, float]]:
    """Clients, calls a second as measured, and as simulated on the same cores."""
    replica = measured(growth, with_client=True)
    return [
        (point.at, point.rate, simulate(replica.network(point.at, 0.0, 0.0), calls=10_000).rate)
        for point in growth.clients
    ]


def row(replica: Replica, agents: int, think_s: float, scans: float) -> Row:
    """So many agents on one replica. Beyond its means a call takes what agents and rate say (Little's law)."""
    most = replica.most(1 << 40, think_s, scans)
    if agents / think_s < NEARLY * most:
        found = simulate(replica.network(agents, think_s, scans), calls=CALLS)
        return Row(found.rate, found.p99_s[READ], is_saturated=False)
    return Row(most, max(0.0, agents / most - think_s), is_saturated=True)


def bend(replica: Replica, think_s: float, scans: float, late_s: float = LATE_S) -> int:
    """The most agents for whom small reads are not late, to two digits: sought below what saturates the replica."""
    low, high = 1, max(2, int(replica.most(1 << 40, think_s, scans) * think_s))
    while high - low > max(1, high // 20):
        middle = (low + high) // 2
        if _is_in_time(replica, middle, think_s, scans, late_s):
            low = middle
        else:
            high = middle
    return int(float(f"{low:.2g}"))


def _is_in_time(replica: Replica, agents: int, think_s: float, scans: float, late_s: float) -> bool:
    found = row(replica, agents, think_s, scans)
    return not found.is_saturated and found.p99_s <= late_s
