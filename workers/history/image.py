"""What was there before a change that is about to be made, on its way into a file of the history."""

import contextlib
import os
from collections.abc import Callable
from typing import Self

from filewarden.workers.history import entry
from filewarden.workers.history.flush import Flush
from filewarden.workers.history.recorded import Recorded
from filewarden.workers.history.segment import Segment

Place = Callable[[str, int], Segment]
"""Gives the file that takes a change of so many bytes."""


class Image:
    """One change. Nothing is written before it is announced, unless it was given a file of its own for a long image."""

    def __init__(self, identifier: str, place: Place, own: Segment | None) -> None:
        self.identifier = identifier
        self._place = place
        self._segment = own
        self._is_long = own is not None
        self._at = 0
        self._size = 0
        self._parts: list[bytes | memoryview] = []
        self._is_begun = False

    def write(self, data: bytes | memoryview) -> None:
        """Add to the bytes that were there."""
        if self._segment is None:
            self._parts.append(data)
        else:
            _write(self._segment.fd, data, entry.HEAD_BYTES + self._size)
        self._size += len(data)

    def announce(self, recorded: Recorded) -> None:
        """Say what is going to be done: once this lasts as long as the change will, the change may be made.

        Raises:
            ToolFailure: too_large, if there is no room for it.
            OSError: the file system has none.
        """
        told = entry.told_of(recorded)
        head = entry.head_of(self.identifier, self._size, told)
        length = len(head) + self._size + len(told)
        segment = self._segment
        if segment is not None:
            _write(segment.fd, told, len(head) + self._size)
            _write(segment.fd, head, 0)
        else:
            segment = self._segment = self._place(self.identifier, length)
            self._at = segment.end
            _write(segment.fd, b"".join((head, *self._parts, told)), self._at)
        segment.begin(self.identifier, self._at + length)
        self._is_begun = True

    def flush(self) -> Flush | None:
        """What makes that which was announced outlive a loss of power, once it is performed; raises OSError."""
        if self._segment is None:
            return None
        self._segment.last()
        return Flush(self._segment.fd, is_content=True)

    def settle(self) -> None:
        """Say that it was done."""
        self._end(entry.MADE)

    def forget(self) -> None:
        """Say that it was not done."""
        self._end(entry.UNMADE)

    def release(self) -> None:
        """Make it no more: whoever looks may find out whether it was done."""
        self._end(entry.LEFT)

    def close(self) -> None:
        """Give its file back; what was not said to be done or not is to be found out."""
        with contextlib.suppress(OSError):
            self.release()
        if self._is_long and self._segment is not None:
            self._segment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self, mark: bytes) -> None:
        if not self._is_begun or self._segment is None:
            return
        self._is_begun = False
        try:
            self._segment.mark(self.identifier, self._at, mark)
        finally:
            self._segment.leave(self.identifier)


def _write(fd: int, data: bytes | memoryview, at: int) -> None:
    done = os.pwrite(fd, data, at)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], at + done)
