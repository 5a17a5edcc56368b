"""The worker's end of its shelf: memory that it shares with the broker, where a long text is laid to be fetched.

Through the link a text is copied twice more, a little at a time, and each side is woken for each little. The frame that
would hold it says instead how many bytes lie on the shelf; whatever does not fit, or finds the shelf taken, is sent.

It is mapped before the worker confines itself, which may map nothing shared afterwards. All that the broker ever does
is to copy out of it: a worker may change what lies there at any time.
"""

import contextlib
import os

SHELF_BYTES = 1024 * 1024
"""The largest file that is read as a whole by default, as UTF-8."""
MARK_AT = SHELF_BYTES
"""Where a byte behind the text says whether it may be laid there: it is FREE again once the broker has fetched one."""
MEMORY_BYTES = SHELF_BYTES + 1
FREE, TAKEN = b"\0", b"\1"


class Shelf:
    """Room for one text at a time."""

    def __init__(self, fd: int) -> None:
        """Map the memory behind `fd`, which is closed; raises OSError or ValueError where it is none."""
        from mmap import mmap  # the broker, which needs none of it at its start, takes the figures from here

        try:
            self._memory = mmap(fd, MEMORY_BYTES)
        finally:
            os.close(fd)
        self._view = memoryview(self._memory)

    def lay(self, text: bytes) -> bool:
        """Put a text there; False, where it has no room."""
        if len(text) > SHELF_BYTES or self._memory[MARK_AT:] != FREE:
            return False
        self._memory[: len(text)] = text
        self.give()
        return True

    def read(self, fd: int, size: int) -> memoryview | None:
        """Put there what a file holds, if that is as long and has room: it is to be given yet. Raises OSError."""
        if size >= SHELF_BYTES or self._memory[MARK_AT:] != FREE:
            return None
        found = os.readv(fd, [self._view[: size + 1]])  # with room for what a longer one would have
        return self._view[:size] if found == size else None

    def give(self) -> None:
        """Leave what lies there to the broker, until it has fetched it."""
        self._memory[MARK_AT:] = TAKEN


def shelf_of(fds: list[int]) -> Shelf | None:
    """The shelf behind the first of the descriptors; None where there are none, or it cannot be had."""
    with contextlib.suppress(OSError, ValueError):
        return Shelf(fds[0]) if fds else None
    return None
