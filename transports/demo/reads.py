"""Small reads in the background: one every few milliseconds, each timed, grouped by what else goes on."""

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

from filewarden.transports.demo.client import Client
from filewarden.transports.demo.facts import DemoFailure

PAUSE_S = 0.01


class Latencies(NamedTuple):
    """The reads of one phase, in seconds."""

    reads: int
    median_s: float
    p99_s: float
    slowest_s: float


class SmallReads:
    """Reads one small file over and over with a client of its own, from `start` to `stop`."""

    def __init__(self, client: Client, path: str, expected_bytes: int) -> None:
        self._client = client
        self._path = path
        self._expected_bytes = expected_bytes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._taken: dict[str, list[float]] = {}
        self.phase = "before"
        self.failures: list[str] = []

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; safe to call twice, and before the start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def latencies(self, *phases: str) -> Latencies:
        """Sum up these phases, or all of them but the first one when none is named."""
        wanted = phases or tuple(list(self._taken)[1:])
        return summed_up([taken for phase in wanted for taken in self._taken.get(phase, ())])

    def phases(self) -> list[str]:
        """The phases that had reads, in their order."""
        return list(self._taken)

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            phase = self.phase
            try:
                answer = self._client.call("read_file", path=self._path)
            except DemoFailure as failure:
                self.failures.append(str(failure))
                return
            if answer.error or len(answer.text) != self._expected_bytes:
                self.failures.append(answer.error or "the content was not the file's")
            self._taken.setdefault(phase, []).append(answer.elapsed_s)


def summed_up(taken_s: Sequence[float]) -> Latencies:
    """Median, 99th percentile (nearest rank) and maximum; zeros when there is nothing."""
    ordered = sorted(taken_s)
    if not ordered:
        return Latencies(0, 0.0, 0.0, 0.0)
    return Latencies(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.99), ordered[-1])


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
