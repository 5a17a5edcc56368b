"""How long a thread keeps a processor before one that wakes up gets it: short for what answers, long for scans.

Theory. A call's way is a chain of threads that wake each other, the client's among them, and a scan keeps a processor
busy all the while. By default all slices are equal, and whoever wakes up on the scan's processor may wait until the
scan's slice has ended, which Linux notices at the next tick: some 3.5 ms, more than a small read takes in all. Since
Linux 6.12 a thread may have a slice of its own (sched_setattr(2), sched_runtime), and one that wakes up takes the
processor at once from one with a longer slice. Nobody gets more processor time by it, and no right is needed. Older
kernels take no notice.

A slice shorter than one call takes would be over in the middle of it: then a tick gives the processor back to the scan
until the next tick. And who wakes up gets the processor only where its slice ends before what is left of the scan's:
the longer that one is, the more often it does.
"""

import contextlib
import ctypes
import struct

from filewarden.workers.confine.syscalls import syscall

ANSWERING_S = 0.0003
"""Enough for a small read, and shorter than anybody's default (0.7 ms at least)."""
SCANNING_S = 0.1
"""The longest that Linux takes, and short enough for scans to take turns with each other."""

_ATTRIBUTES = struct.Struct("=IIQiIQ24x")
"""struct sched_attr: size, policy, flags, niceness, priority, runtime in nanoseconds; the rest is not for us."""
_ORDINARY = (0, 3)
"""SCHED_OTHER and SCHED_BATCH: for other policies the runtime means something else."""


def set_slice(pid: int, seconds: float) -> None:
    """Give a slice to the main thread of a process, or with 0 to this thread and those that it will start."""
    buffer = ctypes.create_string_buffer(_ATTRIBUTES.size)
    with contextlib.suppress(OSError):  # it is gone, or this system knows no slices
        syscall("sched_getattr", pid, ctypes.addressof(buffer), _ATTRIBUTES.size, 0)
        size, policy, flags, niceness, priority, _runtime = _ATTRIBUTES.unpack_from(buffer)
        if policy in _ORDINARY:
            runtime = round(1e9 * seconds)
            _ATTRIBUTES.pack_into(buffer, 0, size, policy, flags, niceness, priority, runtime)
            syscall("sched_setattr", pid, ctypes.addressof(buffer), 0)
