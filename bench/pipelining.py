"""Calls in flight at the same time: each answer is followed by the next call."""

import time

from bench.connection import PATIENCE_S, Broken, Connection
from bench.peers import Question

IN_FLIGHT = 32


def calls_per_second(server: Connection, question: Question, calls: int) -> float:
    """Make so many calls; how many a second."""
    return calls / answered_times(server, question, calls, IN_FLIGHT)[1]


def answered_times(server: Connection, question: Question, calls: int, in_flight: int) -> tuple[list[float], float]:
    """Make so many calls; the seconds of each, and of all."""
    started = time.perf_counter()
    sent: dict[int, float] = {}
    times: list[float] = []
    for _ in range(min(in_flight, calls)):
        sent[server.send(question)] = time.perf_counter()
    asked = len(sent)
    while len(times) < calls:
        ident = server.receive()
        if ident is None:
            raise Broken(f"an answer did not come within {PATIENCE_S:.0f} s")
        now = time.perf_counter()
        times.append(now - sent.pop(ident))
        if asked < calls:
            sent[server.send(question)] = now
            asked += 1
    return times, time.perf_counter() - started
