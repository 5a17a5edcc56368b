"""The act of the demonstration with five clients at once over HTTP+SSE, in the dialect of the original design."""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from filewarden.transports.demo.client import Client
from filewarden.transports.demo.facts import DemoFailure
from filewarden.transports.demo.http_client import Address, SseWire
from filewarden.transports.demo.report import Report, milliseconds

CLIENTS = 5
ROUNDS = 3
WALL_S = 0.25


class Visit(NamedTuple):
    """What one client did in one round; the times in seconds, those of events since the round began."""

    client_id: str
    greeted_s: float
    calls_s: tuple[tuple[str, float], ...]
    done_s: float


def show_crowd(report: Report, address: Address, file: str | None) -> None:
    """Let five clients in at once, three times, and show the best round. `file` is one that all of them read."""
    rounds = [_round(address, file) for _ in range(ROUNDS)]
    best = min(rounds, key=_wall_s)
    tools = [tool for tool, _ in best[0].calls_s]
    report.table(
        ["client", "its id", "connected", *tools, "done after"],
        [
            [
                f"client {number}",
                visit.client_id[:8],
                milliseconds(visit.greeted_s),
                *(milliseconds(taken_s) for _, taken_s in visit.calls_s),
                milliseconds(visit.done_s),
            ]
            for number, visit in enumerate(best, start=1)
        ],
    )
    report.note("all rounds: " + ", ".join(milliseconds(_wall_s(visits)) for visits in rounds))
    ids = {visit.client_id for visits in rounds for visit in visits}
    report.claim("every client got an id of its own and the answers to its own calls", len(ids) == CLIENTS * ROUNDS)
    report.claim(
        f"five clients connect and make {len(tools)} calls each in {milliseconds(_wall_s(best))} "
        f"(under {milliseconds(WALL_S)})",
        _wall_s(best) < WALL_S,
    )


def _round(address: Address, file: str | None) -> list[Visit]:
    visits: list[Visit] = []
    failures: list[DemoFailure] = []
    begun: list[float] = []
    gate = threading.Barrier(CLIENTS, action=lambda: begun.append(time.perf_counter()))

    def visit() -> None:
        gate.wait()
        try:
            visits.append(_visit(address, file, begun[0]))
        except DemoFailure as failure:
            failures.append(failure)

    threads = [threading.Thread(target=visit, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return visits


def _visit(address: Address, file: str | None, begun: float) -> Visit:
    wire = SseWire(address)
    try:
        client = Client(wire)
        client.greet(revision=None)
        greeted_s = time.perf_counter() - begun
        calls_s = tuple(_call(client, tool, arguments) for tool, arguments in _errands(file))
        return Visit(wire.client_id, greeted_s, calls_s, time.perf_counter() - begun)
    finally:
        wire.close()


def _errands(file: str | None) -> list[tuple[str, dict[str, object]]]:
    errands: list[tuple[str, dict[str, object]]] = [
        ("list_directory", {"path": "."}),
        ("search_files", {"pattern": "*", "max_results": 5}),
        ("get_file_info", {"path": "." if file is None else file}),
    ]
    if file is not None:
        errands.insert(2, ("read_file", {"path": file, "head": 5}))
    return errands


def _call(client: Client, tool: str, arguments: dict[str, object]) -> tuple[str, float]:
    answer = client.call(tool, **arguments)
    if answer.text.startswith("Error: "):
        raise DemoFailure(f"{tool}: {answer.text}")
    return tool, answer.elapsed_s


def _wall_s(visits: Sequence[Visit]) -> float:
    return max(visit.done_s for visit in visits)
