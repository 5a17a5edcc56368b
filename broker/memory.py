"""How much memory a process holds, cheaply: /proc where it exists, psutil elsewhere."""

import os
import sys

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


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

    A worker can make ZeroMQ buffer without end by frames of a message that never completes; no socket option bounds
    that, so the front-end looks at itself. Pure: figures in, verdict out.
    """

    ALLOWANCE_BYTES = 64 * 1024 * 1024

    def __init__(self) -> None:
        self._highest_explained = 0

    def is_excessive(self, resident: int, expected: int) -> bool:
        """Whether `resident` exceeds the calmest state seen by more than `expected` bytes of work and the allowance.

        After a verdict the figure becomes the new calm state: what the allocator keeps must not condemn twice.
        """
        if self._highest_explained == 0:
            self._highest_explained = resident
        if resident <= self._highest_explained + expected + self.ALLOWANCE_BYTES:
            return False
        self._highest_explained = resident
        return True
