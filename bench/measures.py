"""What is measured, as a table: each measure starts a server of one peer and returns its figures."""

import time
from collections.abc import Callable, Mapping

import msgspec

from bench import (
    bulk,
    crowd_rates,
    malformed,
    observation,
    reliability,
    sandbox,
    search,
    victims,
    walks,
    writes,
)
from bench.connection import Connection
from bench.memory import MIB, tree_pss_bytes
from bench.peers import Peer, Question
from bench.pipelining import calls_per_second
from bench.results import FLOOR, ORIGINAL, OURS, PLAIN, REFERENCE
from bench.stats import percentile


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    tree_entries: int
    calls: int
    pipelined_calls: int
    victim_reads: int
    bomb_reads: int


FULL = Scale(tree_entries=300_000, calls=300, pipelined_calls=3000, victim_reads=150, bomb_reads=500)
BRIEF = Scale(tree_entries=1000, calls=200, pipelined_calls=2000, victim_reads=50, bomb_reads=100)
QUICK = Scale(tree_entries=30_000, calls=60, pipelined_calls=600, victim_reads=50, bomb_reads=100)


class Measure(msgspec.Struct, frozen=True):
    """One row of work: how it is called for `--only`, the units of its figures by their names, and how it is done."""

    name: str
    units: Mapping[str, str]
    take: Callable[[Peer, str, Scale], Mapping[str, float]]
    of: tuple[str, ...] = (OURS, REFERENCE)
    """The peers that it is taken of."""
    is_usual: bool = True
    """Whether it is taken when nothing is named."""


def _startup(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    with Connection(peer, home) as server:
        server.ask(peer.questions["read"])
        return {"start-up to first result": (time.perf_counter() - server.started_s) * 1000}


def _memory(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    with Connection(peer, home) as server:
        for _number in range(50):
            for operation in ("read", "stat", "list", "ping"):
                server.ask(peer.questions[operation])
        return {"memory (PSS, all processes)": tree_pss_bytes(server.pid) / MIB}


def _latency(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    with Connection(peer, home) as server:
        for operation in ("read", "stat", "list"):
            _warm_up(server, peer.questions[operation])
        return {
            name: percentile([server.ask(peer.questions[operation]) for _ in range(scale.calls)], 0.5) * 1000
            for name, operation in LATENCIES.items()
        }


def _throughput(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    with Connection(peer, home) as server:
        for operation in ("read", "stat"):
            _warm_up(server, peer.questions[operation])
        return {
            name: calls_per_second(server, peer.questions[operation], scale.pipelined_calls)
            for name, operation in THROUGHPUTS.items()
        }


def _victim(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    return victims.beside_scans(peer, home, scale.victim_reads)


def _bombs(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    return victims.beside_bombs(peer, home, scale.bomb_reads, is_quick=scale is QUICK)


def _malformed(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    return malformed.measure(peer, home)


def _walks(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    return walks.measure(peer, home, is_quick=scale is QUICK)


def _http(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    return crowd_rates.measure(peer, home)


def _sandbox(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    return sandbox.costs(peer, home, scale.calls)


def _observation(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    return observation.costs(peer, home, scale.calls, scale.pipelined_calls)


def _bulk(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    return bulk.measure(peer, home)


def _search(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours beside other tools than servers of this protocol."""
    return search.compare(peer, home, is_quick=scale is QUICK)


def _reliability(_peer: Peer, _home: str, _scale: Scale) -> dict[str, float]:
    return reliability.measure()


def _writes(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours beside the bare loop of system calls: others do not write durably."""
    return writes.compare(peer, home, is_quick=scale is QUICK)


LATENCIES = {"ping": "ping", "read 1 KB": "read", "stat": "stat", "list 10": "list"}
THROUGHPUTS = {"read 1 KB, 32 in flight": "read", "stat, 32 in flight": "stat"}
ALL = (OURS, REFERENCE, ORIGINAL, PLAIN, FLOOR)
ALONE = (OURS,)
MEASURES = (
    Measure("startup", {"start-up to first result": "ms"}, _startup, (OURS, REFERENCE, ORIGINAL, FLOOR)),
    Measure("memory", {"memory (PSS, all processes)": "MiB"}, _memory),
    Measure("latency", dict.fromkeys(LATENCIES, "ms"), _latency, (OURS, REFERENCE, ORIGINAL, FLOOR)),
    Measure("throughput", dict.fromkeys(THROUGHPUTS, "calls/s"), _throughput, (OURS, REFERENCE, FLOOR)),
    Measure("bulk", bulk.FIGURES, _bulk, ALL),
    Measure("walks", walks.FIGURES, _walks, (OURS, ORIGINAL)),
    Measure("sandbox", sandbox.FIGURES, _sandbox, ALONE),
    Measure("observation", observation.FIGURES, _observation, ALONE),
    Measure("search", search.FIGURES, _search, ALONE),
    Measure("http", crowd_rates.FIGURES, _http, (OURS, PLAIN)),
    Measure("writes", writes.FIGURES, _writes, ALONE),
    Measure("reliability", reliability.FIGURES, _reliability, ALONE, is_usual=False),
    Measure("victim", victims.SCAN_FIGURES, _victim),
    Measure("bombs", victims.BOMB_FIGURES, _bombs, ALONE),
    Measure("malformed", malformed.FIGURES, _malformed),
)


def _warm_up(server: Connection, question: Question) -> None:
    for _ in range(20):
        server.ask(question)
