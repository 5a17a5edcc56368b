"""A first look into many small files at once: which of them may hold a match.

The files of a folder are read one behind the other into one buffer, which is searched as a whole: of files without a
match, nearly all in most searches, nothing else is ever done. What the buffer held is never shown. A file that is named
here is opened again, examined, and read again by whoever shows it.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from filewarden.workers.paths import READ
from filewarden.workers.patterns import Pattern

CAPACITY = 512 * 1024
FULL_BYTES = 128 * 1024
"""When so much is there it is searched; whatever is larger than the rest of the buffer is looked into by itself."""
BINARY_HEAD_BYTES = 8192
"""A file with a NUL byte in its beginning is no text, as Git has it."""
MARKS = b"\x00\xef\xfe\xff"
"""What a byte-order mark can begin with."""
_CHECK_EVERY = 64
_LINE_FEED = 10
_FLAGS = READ | getattr(os, "O_NOFOLLOW", 0)


class FirstLook:
    """The buffer, bound to one pattern, and what was counted in one call."""

    def __init__(self, buffer: bytearray, pattern: Pattern, is_overdue: Callable[[], bool]) -> None:
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._may_hold = pattern.over(buffer).may_hold
        self._is_overdue = is_overdue
        self.files = 0
        """Files that are done with, those named here included."""
        self.bytes = 0
        self.binary = 0
        self.skipped = 0
        """Files that could not be read."""
        self.stopped: bytes | None = None
        """The last name that is done with, when the deadline ended the look; empty: none."""

    def candidates(self, folder_fd: int, names: Sequence[bytes]) -> Iterator[bytes]:
        """Name, in order, each file that may hold a match or cannot be looked into here."""
        buffer, view = self._buffer, self._view
        starts: list[int] = []
        batch: list[bytes] = []
        at = 0
        last = b""
        for count, name in enumerate(names, 1):
            got = self._read(folder_fd, name, view[at:])
            if got <= 0:
                self.files += got == 0
            elif at + got == CAPACITY or buffer[at] in MARKS:
                yield from self._search(starts, batch, at)
                starts, batch, at = [], [], 0
                self.files += 1
                yield name
            elif buffer.find(0, at, min(at + got, at + BINARY_HEAD_BYTES)) >= 0:
                self.files += 1
                self.binary += 1
            else:
                starts.append(at)
                batch.append(name)
                at += got
                buffer[at] = _LINE_FEED  # so that no match reaches from one file into the next
                at += 1
            if at > FULL_BYTES or count % _CHECK_EVERY == 0:
                yield from self._search(starts, batch, at)
                starts, batch, at = [], [], 0
                last = name
                if self._is_overdue():
                    self.stopped = last
                    return
        yield from self._search(starts, batch, at)

    def _read(self, folder_fd: int, name: bytes, view: memoryview) -> int:
        """Read what fits; -1 when the file cannot be read. A short read is the end of a regular file."""
        try:
            fd = os.open(name, _FLAGS, dir_fd=folder_fd)
        except FileNotFoundError:
            return -1
        except OSError:
            self.skipped += 1
            return -1
        try:
            return os.readv(fd, [view])
        except OSError:
            self.skipped += 1
            return -1
        finally:
            os.close(fd)

    def _search(self, starts: list[int], batch: list[bytes], end: int) -> Iterator[bytes]:
        done = 0
        begin = 0
        self.bytes += end
        while done < len(batch):
            match = self._may_hold(begin, end - 1)
            if match is None:
                break
            found = bisect_right(starts, match[0]) - 1
            self.files += found + 1 - done
            done = found + 1
            yield batch[found]
            begin = starts[done] if done < len(batch) else end
        self.files += len(batch) - done
