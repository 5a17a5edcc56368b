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
FREE, TAKEN, SAME = b"\0", b"\1", b"\2"
"""SAME: taken, by the text that was fetched before. Whoever has kept that need not fetch it."""
_PIECE_BYTES = 128 * 1024
"""Of a file at a time: what a processor has at hand."""


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
        self._given_bytes = 0
        """How long the text is that lies there as it was given last; 0 where it does not any more."""
        self._room = bytearray()

    def lay(self, text: bytes) -> bool:
        """Put a text there; False, where it has no room."""
        if len(text) > SHELF_BYTES or self._memory[MARK_AT:] != FREE:
            return False
        self._given_bytes = 0
        self._memory[: len(text)] = text
        self.give(len(text))
        return True

    def read(self, fd: int, size: int) -> memoryview | None:
        """Put there what a file holds, if that is as long and has room: it is to be given yet. Raises OSError.

        What lies there already is not written again, and where that is all, `is_same`.
        """
        if size >= SHELF_BYTES or self._memory[MARK_AT:] != FREE:
            return None
        room = self._room = self._room or bytearray(_PIECE_BYTES)
        if self._given_bytes != size:
            self._given_bytes = 0
        at = 0
        while count := os.readv(fd, [room]):
            if at + count > size:
                return None
            with self._view[at : at + count] as there:
                if not (self._given_bytes and room.startswith(there)):
                    self._given_bytes = 0
                    there[:] = memoryview(room)[:count]
            at += count
        return self._view[:size] if at == size else None

    @property
    def is_same(self) -> bool:
        """Whether what was read is the text that was given before."""
        return self._given_bytes > 0

    def give(self, size: int) -> None:
        """Leave so much of what lies there to the broker, until it has fetched it."""
        self._memory[MARK_AT:] = SAME if self._given_bytes == size else TAKEN
        self._given_bytes = size


def shelf_of(fds: list[int]) -> Shelf | None:
    """The shelf behind the first of the descriptors; None where there are none, or it cannot be had."""
    with contextlib.suppress(OSError, ValueError):
        return Shelf(fds[0]) if fds else None
    return None
