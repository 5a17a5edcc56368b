"""Memory and processor time of processes, by psutil, which is imported at the first look."""

import contextlib
import os
import time
from typing import NamedTuple

from filewarden.broker.memory import resident_bytes
from filewarden.broker.status import FrontEndStatus


class Figures(NamedTuple):
    """Resident bytes, percent of one core since the last look, and seconds of processor time since the start."""

    rss_bytes: int = 0
    cpu_percent: float = 0.0
    cpu_seconds: float = 0.0


class ProcessFigures:
    """Looks at the processes that it is asked about, and remembers them for the next look."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._processes: dict[int, psutil.Process] = {}

    def of(self, pid: int) -> Figures:
        """The figures of a process; zeros for one that is gone."""
        try:
            process = self._processes.get(pid)
            if process is None:
                process = self._processes[pid] = self._psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                return Figures(process.memory_info().rss, process.cpu_percent(), round(times.user + times.system, 2))
        except (self._psutil.Error, ValueError):
            self._processes.pop(pid, None)
            return Figures()

    def keep(self, pids: set[int]) -> None:
        """Forget every other process."""
        for pid in self._processes.keys() - pids:
            del self._processes[pid]


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
