"""Whether idle workers are idle: an honest one burns no processor time without a call."""

import sys
import time
from collections.abc import Iterable

from filewarden.broker.lifecycle import State
from filewarden.broker.worker import Worker

LOOK_EVERY_S = 0.25
WINDOW_S = 10.0
"""How long the time that an idle worker used adds up before it is forgotten: an honest one wakes up now and then."""
ALLOWED_S = 0.1
"""What a worker may use in that time: it frees what its last call held after it has answered."""
_CPUCLOCK_SCHED = 2


def processor_s(pid: int) -> float | None:
    """Seconds of processor time that all threads of `pid` have used; None where it cannot be asked or is gone.

    By the process's own clock, whose number is made of its id as clock_getcpuclockid(3) does: a microsecond, and no
    file of /proc to open.
    """
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)
    except OSError:
        return None


class Rest:
    """An idle worker at the start of a window."""

    __slots__ = ("calls", "since", "used_s")

    def __init__(self, calls: int, used_s: float, since: float) -> None:
        self.calls = calls
        self.used_s = used_s
        self.since = since


class Quiescence:
    """The processor time of every idle worker; a microsecond for each, four times a second."""

    def __init__(self) -> None:
        self._rests: dict[int, Rest] = {}
        self._next_look = 0.0

    def restless(self, workers: Iterable[Worker], now: float) -> list[Worker]:
        """The idle workers that work."""
        if now < self._next_look:
            return []
        self._next_look = now + LOOK_EVERY_S
        before, self._rests = self._rests, {}
        return [
            worker
            for worker in workers
            if worker.state is State.IDLE and not self._is_quiet(worker, before.get(worker.serial), now)
        ]

    def _is_quiet(self, worker: Worker, rest: Rest | None, now: float) -> bool:
        used_s = None if worker.pid is None else processor_s(worker.pid)
        if used_s is None:
            return True
        if rest is None or rest.calls != worker.calls_total or now - rest.since > WINDOW_S:
            rest = Rest(worker.calls_total, used_s, now)
        self._rests[worker.serial] = rest
        return used_s - rest.used_s <= ALLOWED_S
