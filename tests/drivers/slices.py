"""The slice of a thread, as the kernel tells it."""

import ctypes
import struct

from filewarden.workers.confine.syscalls import syscall


def attributes_of(thread: int) -> tuple[int, int, float]:
    """Policy, niceness and slice in seconds (sched_getattr(2)); the slice is 0 where the kernel has none."""
    buffer = ctypes.create_string_buffer(56)
    syscall("sched_getattr", thread, ctypes.addressof(buffer), 56, 0)
    _size, policy, _flags, niceness, _priority, runtime = struct.unpack_from("=IIQiIQ", buffer)
    return policy, niceness, runtime / 1e9
