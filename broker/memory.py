"""How much memory a process holds, cheaply: /proc where it exists, psutil elsewhere."""

import contextlib
import functools
import os
import sys

from filewarden.workers.allocator import tune_allocator

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
GC_THRESHOLD = 20_000
"""Allocations between two collections: what a call or a closed connection leaves behind is no cycle."""


def resident_bytes(pid: int | None = None) -> int:
    """The resident set of `pid` (default: this process), 0 when it is gone (proc(5), statm)."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{'self' if pid is None else pid}/statm", "rb", buffering=0) as statm:
                return int(statm.read(128).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError, ValueError):
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


class OwnMemoryWatch:
    """Whether this process grows beyond what its work explains.

    A worker can make ZeroMQ's library (`pool.zeromq`) buffer without end by frames of a message that never ends; no
    socket option bounds that. Whoever serves the links, the front-end looks at itself. Pure: figures in, verdict out.
    """

    ALLOWANCE_BYTES = 64 * 1024 * 1024

    def __init__(self) -> None:
        self._calm = 0

    def is_excessive(self, resident: int, expected: int) -> bool:
        """Whether `resident` exceeds the calm state by more than `expected` bytes of work and the allowance."""
        if self._calm == 0 or resident < self._calm:
            self._calm = resident  # also after a verdict, or each attack would lift the bar for the next one
        return resident > self._calm + expected + self.ALLOWANCE_BYTES

    def accept(self, resident: int) -> None:
        """Take the present figure for calm: what the allocator keeps must not condemn twice."""
        self._calm = resident


def limit_own_data(headroom_bytes: int, *, own_bytes: int = 0) -> None:
    """Put a last fuse under this process: no more private memory than it has now and `headroom_bytes` (setrlimit(2)).

    It is for the moment when the watch cannot run, so it leaves room for any honest load. A lower limit stays, unless
    it is one of ours from before, for `own_bytes` of headroom.
    """
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/statm", "rb", buffering=0) as statm:
        wanted = int(statm.read(128).split()[5]) * _PAGE_BYTES + headroom_bytes
    if resource.RLIM_INFINITY in (soft, hard) or wanted < soft or own_bytes:
        resource.setrlimit(
            resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def give_back_memory() -> None:
    """Return what is free to the system (malloc_trim(3)): kept, it would pass for growth. Nothing without glibc."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@functools.cache
def keep_big_blocks() -> None:
    """Let what a large answer has lain in be used for the next one: whoever makes the first asks for it."""
    tune_allocator()


def settle_down() -> None:
    """Keep big blocks of memory, and spare the collector what lives for ever."""
    import gc

    keep_big_blocks()
    gc.enable()  # it rests while the start imports
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
