"""Memory and processor time of processes."""

import contextlib
import os
import time
from typing import NamedTuple

from filewarden.broker.memory import resident_bytes
from filewarden.broker.quiescence import processor_s
from filewarden.broker.status import FrontEndStatus


class Figures(NamedTuple):
    """Resident bytes, percent of one core since the last look, and seconds of processor time since the start."""

    rss_bytes: int = 0
    cpu_percent: float = 0.0
    cpu_seconds: float = 0.0


class _Look(NamedTuple):
    """When a process was looked at, and what it had used by then."""

    at: float
    used_s: float


class ProcessFigures:
    """Looks at the processes that it is asked about, and remembers them for the next look."""

    def __init__(self) -> None:
        self._looks: dict[int, _Look] = {}

    def of(self, pid: int) -> Figures:
        """The figures of a process; zeros for one that is gone, and for what this system does not tell."""
        now, used_s = time.monotonic(), processor_s(pid)
        if used_s is None:
            self._looks.pop(pid, None)
            return Figures(resident_bytes(pid))
        before = self._looks.get(pid)
        self._looks[pid] = _Look(now, used_s)
        share = 0.0 if before is None or now <= before.at else (used_s - before.used_s) / (now - before.at)
        return Figures(resident_bytes(pid), round(100 * share, 1), round(used_s, 2))

    def keep(self, pids: set[int]) -> None:
        """Forget every other process."""
        for pid in self._looks.keys() - pids:
            del self._looks[pid]


def front_end_status() -> FrontEndStatus:
    """The process that we are."""
    return FrontEndStatus(
        pid=os.getpid(),
        rss_bytes=resident_bytes(),
        cpu_seconds=round(time.process_time(), 3),
        open_files=_open_files(),
        max_files=_max_files(),
    )


def _open_files() -> int | None:
    """Counted by proc(5); None where there is no such place, or it is closed to the account that we became."""
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/fd")) - 1
    return None


def _max_files() -> int | None:
    with contextlib.suppress(ImportError):
        import resource

        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return None if soft == resource.RLIM_INFINITY else soft
    return None
