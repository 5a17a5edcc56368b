"""What is measured, as a table: each measure starts a server of one peer and returns its figures."""

import collections
import time
from collections.abc import Callable, Mapping

import msgspec

from bench import bulk, observation, reliability, sandbox, search, writes
from bench.connection import PATIENCE_S, Broken, Connection
from bench.memory import MIB, tree_pss_bytes
from bench.peers import Peer, Question
from bench.pipelining import calls_per_second
from bench.results import OURS
from bench.stats import percentile

VICTIM_PAUSE_S = 0.02


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    tree_entries: int
    calls: int
    pipelined_calls: int
    victim_reads: int


FULL = Scale(tree_entries=300_000, calls=300, pipelined_calls=3000, victim_reads=150)
QUICK = Scale(tree_entries=30_000, calls=60, pipelined_calls=600, victim_reads=50)


class Measure(msgspec.Struct, frozen=True):
    """One row of work: how it is called for `--only`, the units of its figures by their names, and how it is done."""

    name: str
    units: Mapping[str, str]
    take: Callable[[Peer, str, Scale], Mapping[str, float]]
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
    figures = {}
    for scans in (0, 1, 4):
        with Connection(peer, home) as server:
            _warm_up(server, peer.questions["read"])
            taken = _reads_beside_scans(server, peer, scans, scale.victim_reads)
        beside = f"beside {scans} scan{'s' if scans > 1 else ''}" if scans else "alone"
        figures[f"small read {beside}, median"] = percentile(taken, 0.5) * 1000
        figures[f"small read {beside}, p99"] = percentile(taken, 0.99) * 1000
    return figures


def _sandbox(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours alone: nothing of the kind stands around others."""
    return sandbox.costs(peer, home, scale.calls) if peer.name == OURS else {}


def _observation(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours alone, likewise."""
    return observation.costs(peer, home, scale.calls, scale.pipelined_calls) if peer.name == OURS else {}


def _bulk(peer: Peer, home: str, _: Scale) -> dict[str, float]:
    return bulk.compare(peer, home)


def _search(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours beside other tools than servers of this protocol."""
    return search.compare(peer, home, is_quick=scale is QUICK) if peer.name == OURS else {}


def _reliability(peer: Peer, _home: str, _scale: Scale) -> dict[str, float]:
    """Of ours alone."""
    return reliability.measure() if peer.name == OURS else {}


def _writes(peer: Peer, home: str, scale: Scale) -> dict[str, float]:
    """Of ours beside the bare loop of system calls: others do not write durably."""
    return writes.compare(peer, home, is_quick=scale is QUICK) if peer.name == OURS else {}


LATENCIES = {"ping": "ping", "read 1 KB": "read", "stat": "stat", "list 10": "list"}
THROUGHPUTS = {"read 1 KB, 32 in flight": "read", "stat, 32 in flight": "stat"}
VICTIMS = tuple(
    f"small read {beside}, {share}"
    for beside in ("alone", "beside 1 scan", "beside 4 scans")
    for share in ("median", "p99")
)
MEASURES = (
    Measure("startup", {"start-up to first result": "ms"}, _startup),
    Measure("memory", {"memory (PSS, all processes)": "MiB"}, _memory),
    Measure("latency", dict.fromkeys(LATENCIES, "ms"), _latency),
    Measure("throughput", dict.fromkeys(THROUGHPUTS, "calls/s"), _throughput),
    Measure("bulk", bulk.FIGURES, _bulk),
    Measure("sandbox", sandbox.FIGURES, _sandbox),
    Measure("observation", observation.FIGURES, _observation),
    Measure("search", search.FIGURES, _search),
    Measure("writes", writes.FIGURES, _writes),
    Measure("reliability", reliability.FIGURES, _reliability, is_usual=False),
    Measure("victim", dict.fromkeys(VICTIMS, "ms"), _victim),
)


def _warm_up(server: Connection, question: Question) -> None:
    for _ in range(20):
        server.ask(question)


def _reads_beside_scans(server: Connection, peer: Peer, scans: int, reads: int) -> list[float]:
    """Read a small file every 20 ms while scans run, each started again when it ends; the seconds of each read.

    A read is timed from the moment it was due: one that could not be sent because the pipe was full has waited too.
    """
    running = {server.send(peer.questions["scan"]) for _ in range(scans)}
    sent: collections.OrderedDict[int, float] = collections.OrderedDict()
    taken: list[float] = []
    due = time.perf_counter() + VICTIM_PAUSE_S
    give_up = due + reads * VICTIM_PAUSE_S + PATIENCE_S
    asked = 0
    while len(taken) < reads:
        now = time.perf_counter()
        if now > give_up:
            raise Broken(f"{reads - len(taken)} small reads of {reads} had no answer within {PATIENCE_S:.0f} s")
        if asked < reads and now >= due:
            sent[server.send(peer.questions["read"])] = due
            asked += 1
            due += VICTIM_PAUSE_S
            continue
        ident = server.receive(due - now if asked < reads else 1.0)
        if ident is None:
            continue
        if ident in sent:
            taken.append(time.perf_counter() - sent.pop(ident))
        elif ident in running:
            running.remove(ident)
            running.add(server.send(peer.questions["scan"]))
    return taken
