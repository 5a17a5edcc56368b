"""A first look into many small files at once: which of them may hold a match.

The files of a folder are read one behind the other into one buffer, which is searched as a whole: of files without a
match, nearly all in most searches, nothing else is ever done. What the buffer held is never shown. A file that is named
here is opened again, examined, and read again by whoever shows it.
"""

import errno
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from filewarden.workers.paths.resolution import READ
from filewarden.workers.text.patterns import Pattern

CAPACITY = 1024 * 1024
FULL_BYTES = 384 * 1024
"""When so much is there it is searched; whatever is larger than the rest of the buffer is looked into by itself."""
BINARY_HEAD_BYTES = 8192
"""A file with a NUL byte in its beginning is no text, as Git has it."""
MARKS = b"\x00\xef\xfe\xff"
"""What a byte-order mark can begin with."""
_MOST_FILES = 256
_LINE_FEED = 10
_FLAGS = READ | getattr(os, "O_NOFOLLOW", 0)


class FirstLook:
    """The buffer, bound to one pattern, and what was counted in one call."""

    def __init__(self, buffer: bytearray, pattern: Pattern, is_overdue: Callable[[], bool]) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._found = pattern.over(buffer)
        self._is_overdue = is_overdue
        self.files = 0
        """Files that are done with, those named here included."""
        self.bytes = 0
        self.binary = 0
        self.skipped = 0
        """Files that could not be read."""
        self.stopped: bytes | None = None
        """The last name that is done with, when the deadline ended the look."""

    def candidates(self, folder_fd: int, names: Sequence[bytes]) -> Iterator[bytes]:
        """Name, in order, each file that may hold a match or cannot be looked into here."""
        at = 0
        while at < len(names):
            at, batch, alone = self._gather(folder_fd, names, at)
            self.bytes += batch.end
            yield from self._of_interest(batch)
            if alone is not None:
                self.files += 1
                yield alone
            if at < len(names) and self._is_overdue():
                self.stopped = names[at - 1]
                return

    def _gather(self, folder_fd: int, names: Sequence[bytes], begin: int) -> tuple[int, "_Batch", bytes | None]:
        """Read files until there is enough to search, or one must be looked into by itself; say how far this went."""
        buffer, view = self._buffer, self._view
        open_, readv, close = os.open, os.readv, os.close  # this is the loop that a search spends its time in
        batch = _Batch()
        starts, kept = batch.starts, batch.names
        at, alone, number = 0, None, begin
        for name in names[begin : begin + _MOST_FILES]:
            number += 1
            try:
                fd = open_(name, _FLAGS, dir_fd=folder_fd)
                try:
                    end = at + readv(fd, (view[at:],))
                finally:
                    close(fd)
            except OSError as error:
                self.skipped += error.errno != errno.ENOENT
                continue
            if end == at:
                self.files += 1
                continue
            if end == CAPACITY or buffer[at] in MARKS:
                alone = name
                break
            starts.append(at)
            kept.append(name)
            buffer[end] = _LINE_FEED  # so that no match reaches from one file into the next
            at = end + 1
            if at > FULL_BYTES:
                break
        batch.end = at
        return number, batch, alone

    def _of_interest(self, batch: "_Batch") -> Iterable[bytes]:
        """Name those of the batch that may hold a match. Most batches hold none and no NUL byte, as two looks tell."""
        count = len(batch.starts)
        if self._buffer.find(0, 0, batch.end) >= 0:
            return chain.from_iterable(self._search(batch, first, behind) for first, behind in self._texts(batch))
        match = self._found.may_hold_in_text(0, batch.end - 1) if count else None
        if match is None:
            self.files += count
            return ()
        first = bisect_right(batch.starts, match[0]) - 1
        self.files += first
        return self._search(batch, first, count)

    def _search(self, batch: "_Batch", first: int, behind: int) -> Iterator[bytes]:
        """Name those of the batch that may hold a match, from the first on."""
        starts = batch.starts
        end = starts[behind] if behind < len(starts) else batch.end
        while first < behind:
            match = self._found.may_hold(starts[first], end - 1)
            if match is None:
                break
            found = bisect_right(starts, match[0], first) - 1
            self.files += found + 1 - first
            first = found + 1
            yield batch.names[found]
        self.files += behind - first

    def _texts(self, batch: "_Batch") -> list[tuple[int, int]]:
        """Tell which files of the batch are text: ranges of them."""
        starts, find = batch.starts, self._buffer.find
        ranges, first = [], 0
        for number, (start, end) in enumerate(zip(starts, (*starts[1:], batch.end), strict=True)):
            if find(0, start, min(end, start + BINARY_HEAD_BYTES)) >= 0:
                ranges.append((first, number))
                first = number + 1
        ranges.append((first, len(starts)))
        binary = len(ranges) - 1
        self.binary += binary
        self.files += binary
        return ranges


class _Batch:
    """Files that stand in the buffer one behind the other: where each begins, and where the last one ends."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.starts: list[int] = []
        self.end = 0
