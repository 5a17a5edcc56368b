"""A closed network of stations that share processor cores, by events: agents think, then walk a path of them.

Pure and repeatable: the same seed gives the same figures. A step is begun when its station has a free server and, if it
needs one, a core is free; who waits longest goes first. Steps are not interrupted, so keep long ones off the last core.
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec


class Step(msgspec.Struct, frozen=True):
    """A visit: which station, for how long on average, and whether it takes a core meanwhile (a delay does not)."""

    station: str
    seconds: float
    takes_core: bool = True


class Kind(msgspec.Struct, frozen=True):
    """A kind of call: its share among all (they sum up to 1) and its path."""

    name: str
    share: float
    path: Sequence[Step]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Who is served by what. Without a limit, a station has as many servers as it needs."""

    agents: int
    think_s: float
    kinds: Sequence[Kind]
    servers: Mapping[str, int] = {}
    cores: int = 1 << 30
    is_random: bool = True
    """Whether service times are exponential; otherwise each takes its average."""


class Outcome(msgspec.Struct, frozen=True):
    """Calls a second, and seconds of a call by kind: mean, median and 99th percentile."""

    rate: float
    mean_s: Mapping[str, float]
    p50_s: Mapping[str, float]
    p99_s: Mapping[str, float]


def simulate(network: Network, *, calls: int, seed: int = 1) -> Outcome:
    """Run until so many calls have ended; the first fifth is not counted."""
    return _Run(network, random.Random(seed)).go(calls)  # noqa: S311 - the same in every run


class _Call:
    __slots__ = ("kind", "since", "step")

    def __init__(self, kind: Kind, since: float) -> None:
        self.kind, self.since, self.step = kind, since, 0


class _Run:
    def __init__(self, network: Network, chance: random.Random) -> None:
        self._network, self._chance = network, chance
        self._order = itertools.count()
        self._events: list[tuple[float, int, _Call | None]] = []
        self._waiting: dict[str, deque[tuple[float, int, _Call]]] = {}
        self._busy: dict[str, int] = {}
        self._cores = network.cores
        self._ended: list[tuple[float, str, float]] = []

    def go(self, calls: int) -> Outcome:
        for _ in range(self._network.agents):
            self._later(self._thought(), None)
        while len(self._ended) < calls:
            now, _, call = heapq.heappop(self._events)
            if call is None:
                self._arrive(_Call(self._kind(), now), now)
            else:
                self._leave(call, now)
            self._begin(now)
        return _outcome(self._ended[calls // 5 :])

    def _leave(self, call: _Call, now: float) -> None:
        step = call.kind.path[call.step]
        self._busy[step.station] -= 1
        self._cores += step.takes_core
        call.step += 1
        if call.step < len(call.kind.path):
            self._arrive(call, now)
            return
        self._ended.append((now, call.kind.name, now - call.since))
        self._later(now + self._thought(), None)

    def _arrive(self, call: _Call, now: float) -> None:
        station = call.kind.path[call.step].station
        self._waiting.setdefault(station, deque()).append((now, next(self._order), call))

    def _begin(self, now: float) -> None:
        """Whatever can be begun, longest waiting first."""
        while True:
            ready = [(queue[0][:2], name) for name, queue in self._waiting.items() if queue and self._has_place(name)]
            if not ready:
                return
            _, name = min(ready)
            _, _, call = self._waiting[name].popleft()
            step = call.kind.path[call.step]
            self._busy[name] = self._busy.get(name, 0) + 1
            self._cores -= step.takes_core
            self._later(now + self._served(step.seconds), call)

    def _has_place(self, name: str) -> bool:
        call = self._waiting[name][0][2]
        has_core = self._cores > 0 or not call.kind.path[call.step].takes_core
        return has_core and self._busy.get(name, 0) < self._network.servers.get(name, 1 << 30)

    def _kind(self) -> Kind:
        drawn = self._chance.random()
        for kind in self._network.kinds[:-1]:
            drawn -= kind.share
            if drawn < 0:
                return kind
        return self._network.kinds[-1]

    def _thought(self) -> float:
        return self._chance.expovariate(1 / self._network.think_s) if self._network.think_s else 0.0

    def _served(self, seconds: float) -> float:
        if not self._network.is_random or not seconds:
            return seconds
        return self._chance.expovariate(1 / seconds)

    def _later(self, at: float, call: _Call | None) -> None:
        heapq.heappush(self._events, (at, next(self._order), call))


def _outcome(ended: Sequence[tuple[float, str, float]]) -> Outcome:
    by_kind: dict[str, list[float]] = {}
    for _, name, seconds in ended:
        by_kind.setdefault(name, []).append(seconds)
    for values in by_kind.values():
        values.sort()
    took = ended[-1][0] - ended[0][0]
    return Outcome(
        (len(ended) - 1) / took if took else math.inf,
        {name: sum(values) / len(values) for name, values in by_kind.items()},
        {name: values[len(values) // 2] for name, values in by_kind.items()},
        {name: values[min(len(values) - 1, math.ceil(0.99 * len(values)) - 1)] for name, values in by_kind.items()},
    )
