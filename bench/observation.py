"""What it costs to be observed: the audit log, the counters and the status, on and off in turn."""

import os
import time

import msgspec

from bench.connection import Connection, bare_environment
from bench.peers import Peer, Question
from bench.pipelining import calls_per_second
from bench.stats import percentile
from filewarden.config.folders import runtime_folder
from filewarden.transports.local_socket import query

SLICES = 20
LOOK_S = 1.0
"""How often somebody who watches the status asks for it."""
PATIENCE_S = 10.0
FIGURES = {
    "read 1 KB, observed / not": "times",
    "read 1 KB, 32 in flight, observed / not": "times",
    "processor time of the front-end, observed / not": "times",
}


def costs(peer: Peer, home: str, calls: int, pipelined_calls: int) -> dict[str, float]:
    """Every figure of `FIGURES`; the peer is ours. Latency grows and throughput falls with what observing costs."""
    question = peer.questions["read"]
    with Connection(_observed(peer, home), home) as observed, Connection(_unobserved(peer), home) as bare:
        for _ in range(20):
            observed.ask(question)
            bare.ask(question)
        pairs = [(observed.ask(question), bare.ask(question)) for _ in range(calls)]
        latency = percentile([one for one, _ in pairs], 0.5) / percentile([other for _, other in pairs], 0.5)
        figures = (latency, *_in_turn(observed, bare, question, pipelined_calls // 3, home))
    return dict(zip(FIGURES, figures, strict=True))


def _in_turn(observed: Connection, bare: Connection, question: Question, calls: int, home: str) -> tuple[float, float]:
    """The ratios of throughput and of the front-ends' processor time, by slices that are taken in turn."""
    speeds: list[float] = []
    spent = [0, 0]
    look_at = 0.0
    for number in range(SLICES):
        found = {}
        if time.monotonic() >= look_at:
            began_ns = _processor_ns(observed.pid)
            _look(observed.pid, home)
            spent[0] += _processor_ns(observed.pid) - began_ns
            look_at = time.monotonic() + LOOK_S
        for server in (observed, bare) if number % 2 else (bare, observed):
            began_ns = _processor_ns(server.pid)
            found[server] = calls_per_second(server, question, calls)
            spent[server is bare] += _processor_ns(server.pid) - began_ns
        speeds.append(found[observed] / found[bare])
    return percentile(speeds, 0.5), spent[0] / spent[1]


def _processor_ns(pid: int) -> int:
    """The time that a process has run, its threads included."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def _look(pid: int, home: str) -> None:
    """As whoever watches the status does."""
    folder = runtime_folder(bare_environment(os.environ, home), os.geteuid())
    query(os.path.join(folder, f"{pid}.sock"), PATIENCE_S)


def _observed(peer: Peer, home: str) -> Peer:
    path = os.path.join(home, "observed.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'[audit]\nfile = "{os.path.join(home, "audit.jsonl")}"\n')
    return msgspec.structs.replace(peer, command=(*peer.command, "--config", path))


def _unobserved(peer: Peer) -> Peer:
    return msgspec.structs.replace(peer, command=(*peer.command, "--status", "off"))
