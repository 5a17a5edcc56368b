"""How latency and memory grow: with clients, calls in flight, entries of a tree, and the size of a file."""

import os
import time
from collections.abc import Mapping, Sequence

import msgspec

from bench.connection import Connection
from bench.ground import FILES_PER_FOLDER
from bench.http_clients import repeat
from bench.http_server import HttpServer
from bench.machine import Machine
from bench.memory import MIB, tree, tree_pss_bytes
from bench.peers import Peer, Question
from bench.pipelining import answered_times
from bench.stats import percentile

CLIENTS = (1, 2, 5, 10, 20, 50, 100, 200)
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64)
ENTRIES = (1_000, 10_000, 100_000, 1_000_000)
SIZES = (1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 900_000)
SECONDS = 1.5
PIPELINED = 2000
REPEATS = 5
SETTINGS = {"FILEWARDEN_HTTP_MAX_SESSIONS": "1000", "FILEWARDEN_LIMITS_PER_CLIENT_IN_FLIGHT": "256"}
SERVICE_AT = 20
"""With how many clients the processor time of a call is taken: busy, and not yet crowded."""


class Point(msgspec.Struct, frozen=True):
    """What was seen at one size of something; `p50_ms` and `p99_ms` of one call, `mib` of the whole process tree."""

    at: int
    p50_ms: float
    p99_ms: float
    rate: float
    mib: float


class Service(msgspec.Struct, frozen=True):
    """Milliseconds of processor time that one small read takes, over HTTP, by who spends it."""

    client_ms: float
    front_end_ms: float
    worker_ms: float


class Growth(msgspec.Struct, frozen=True):
    """A whole run; `cores` are those of the machine that all of it, the clients too, shared."""

    machine: Machine
    service: Service
    clients: Sequence[Point]
    in_flight: Sequence[Point]
    entries: Sequence[Point]
    bytes: Sequence[Point]


def measure(machine: Machine, peer: Peer, home: str) -> Growth:
    """All of it, about two minutes on a quiet machine."""
    clients, service = _clients(peer, home)
    with Connection(msgspec.structs.replace(peer, environ=SETTINGS), home) as server:
        in_flight = [_in_flight(server, peer, number) for number in IN_FLIGHT]
        sizes = [_file(server, peer, size) for size in SIZES]
        entries = [_tree(server, peer, number) for number in ENTRIES]
    return Growth(machine, service, clients, in_flight, entries, sizes)


def _clients(peer: Peer, home: str) -> tuple[list[Point], Service]:
    points, service = [], Service(0.0, 0.0, 0.0)
    with HttpServer(peer, home, SETTINGS) as server:
        repeat(server, peer.questions["read"], 5, 0.5)
        for number in CLIENTS:
            before, own = _run_ns(server.pid), time.process_time_ns()
            rate, times = repeat(server, peer.questions["read"], number, SECONDS)
            if number == SERVICE_AT:
                spent = _spent_ns(before, _run_ns(server.pid))
                front_end, calls = spent.pop(server.pid), 1e6 * len(times)
                own_ns = time.process_time_ns() - own
                service = Service(own_ns / calls, front_end / calls, sum(spent.values()) / calls)
            points.append(_point(number, times, rate, server.pid))
    return points, service


def _in_flight(server: Connection, peer: Peer, number: int) -> Point:
    times, took_s = answered_times(server, peer.questions["read"], PIPELINED, number)
    return _point(number, times, PIPELINED / took_s, server.pid)


def _tree(server: Connection, peer: Peer, entries: int) -> Point:
    folder = f"grown-{entries}"
    _grow(os.path.join(peer.ground, folder), entries)
    arguments = {"path": folder, "pattern": "**/*.never", "recursive": True}
    return _repeated(server, entries, Question("tools/call", {"name": "search_files", "arguments": arguments}))


def _file(server: Connection, peer: Peer, size: int) -> Point:
    name = f"size-{size}.txt"
    path = os.path.join(peer.ground, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(("The quick brown fox jumps over the lazy dog.\n" * (size // 45 + 1))[:size])
    os.chmod(path, 0o644)
    return _repeated(server, size, Question("tools/call", {"name": "read_file", "arguments": {"path": name}}), 40)


def _repeated(server: Connection, at: int, question: Question, repeats: int = REPEATS) -> Point:
    times = [server.ask(question) for _ in range(repeats + 1)][1:]
    return _point(at, times, len(times) / sum(times), server.pid)


def _point(at: int, times: Sequence[float], rate: float, pid: int) -> Point:
    middle, late = (round(percentile(times, share) * 1000, 4) for share in (0.5, 0.99))
    return Point(at, middle, late, round(rate, 2), round(tree_pss_bytes(pid) / MIB, 2))


def _run_ns(pid: int) -> dict[int, int]:
    """Nanoseconds that the threads of the process, and of each below it, have run."""
    return {member: _threads_ns(member) for member in tree(pid)}


def _spent_ns(before: Mapping[int, int], after: Mapping[int, int]) -> dict[int, int]:
    """What each has run meanwhile; of workers that were replaced, what the new ones have."""
    return {pid: total - before.get(pid, 0) for pid, total in after.items()}


def _threads_ns(pid: int) -> int:
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
                total += int(file.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def _grow(place: str, entries: int) -> None:
    """Folders of links to one file each, which is the same work for whoever walks."""
    for number in range(max(1, entries // FILES_PER_FOLDER)):
        folder = os.path.join(place, f"folder-{number:04}")
        os.makedirs(folder, mode=0o755)
        seed = os.path.join(folder, "file-0000.txt")
        with open(seed, "w", encoding="ascii"):
            os.chmod(seed, 0o644)
        for other in range(1, min(FILES_PER_FOLDER, entries)):
            os.link(seed, os.path.join(folder, f"file-{other:04}.txt"))


UNITS: Mapping[str, str] = {
    "clients": "clients",
    "in_flight": "calls in flight",
    "entries": "entries",
    "bytes": "bytes",
}
