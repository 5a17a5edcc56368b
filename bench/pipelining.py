"""Calls in flight at the same time: each answer is followed by the next call."""

import time

from bench.connection import PATIENCE_S, Broken, Connection
from bench.peers import Question

IN_FLIGHT = 32


def calls_per_second(server: Connection, question: Question, calls: int) -> float:
    """Make so many calls; how many a second."""
    started = time.perf_counter()
    sent = min(IN_FLIGHT, calls)
    server.send_all([question] * sent)
    for _ in range(calls):
        if server.receive() is None:
            raise Broken(f"an answer did not come within {PATIENCE_S:.0f} s")
        if sent < calls:
            server.send(question)
            sent += 1
    return calls / (time.perf_counter() - started)
