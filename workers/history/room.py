"""How much a history keeps: for what is new, the oldest changes make way, file by file."""

import contextlib
import os
import struct
import time
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.folder import Folder
from filewarden.workers.history.segment import OPEN

MOST_CHANGES = 10_000
"""Whatever their size: a page of the list looks at all their heads."""
LEAST_BYTES = 4096
"""What a small file takes on most file systems, and more than what is told of a change mostly takes."""
MOST_SEGMENT_BYTES = 1 << 20
PARTS, PARTS_OF_CHANGES = 16, 64
"""The oldest changes go file by file: no file holds more than one part in so many of what there may be, nor is written
for longer than such a part of the greatest age."""
USAGE_LOCK_S = 1.0
"""How long another server may hold the lock: to make a file takes moments. One that was stopped while it held it must
not hold everybody up."""
TICK_NS = 10_000_000
"""So far may the time of a file lag behind the clock."""
_USAGE = struct.Struct("<Q")
"""When the last of the changes was made that had to make way, in nanoseconds."""


class Room:
    """The bounds of a history, in bytes and nanoseconds, and what is in its folder, whoever wrote it."""

    def __init__(self, folder: Folder, max_bytes: int, max_age_ns: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_ns = max_age_ns

    def check(self, size: int) -> None:
        """Raise ToolFailure (too_large) if a change of so many bytes could never be kept."""
        if size > self._max_bytes:
            raise _no_room(size, self._max_bytes)

    @property
    def usual_bytes(self) -> int:
        """How long a file of several changes may become."""
        return min(MOST_SEGMENT_BYTES, self._max_bytes // PARTS)

    def may_go_on(self, count: int, age_ns: int) -> bool:
        """Whether another change may come to a file that holds `count` of them and was begun so long ago."""
        return count < _most_in_one() and age_ns < self._max_age_ns // PARTS

    def is_forgotten(self, changed_ns: int) -> bool:
        """Whether what was changed then is too old to be told of."""
        return changed_ns < time.time_ns() - self._max_age_ns

    def alone(self) -> contextlib.AbstractContextManager[int]:
        """Let nobody else make or finish files within; raises BlockingIOError when somebody does for too long."""
        return self._folder.locked("usage", USAGE_LOCK_S)

    @contextlib.contextmanager
    def made(self, taken: int) -> Iterator[None]:
        """Make room for a file of so many bytes, which is to be made within.

        Raises:
            ToolFailure: too_large, where what is being written right now takes the room.
            BlockingIOError: another server is at it for too long.
        """
        with self.alone() as usage:
            forgotten = self._make_way(taken)
            if forgotten > _forgotten(usage):
                os.pwrite(usage, _USAGE.pack(forgotten), 0)
            yield

    def forgotten_ns(self) -> int:
        """When the last of the changes was made that had to make way, in nanoseconds; 0 where none had to."""
        with self.alone() as usage:
            return _forgotten(usage)

    def _make_way(self, taken: int) -> int:
        """Remove the oldest files; the time of the last that was forgotten."""
        files = sorted(self._files())
        total, count = sum(size for _, _, size, _ in files) + taken, sum(each[1] for each in files) + 1
        oldest_ns = time.time_ns() - self._max_age_ns
        forgotten = 0
        for name, changes, size, changed_ns in files:
            is_due = total > self._max_bytes or count > MOST_CHANGES or changed_ns < oldest_ns
            if is_due and self._folder.remove(name):
                total, count, forgotten = total - size, count - changes, max(forgotten, changed_ns + TICK_NS)
        if total > self._max_bytes:
            raise _no_room(taken, self._max_bytes)
        return forgotten

    def _files(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Name, number of changes, size and time of the last change of each, the times in nanoseconds."""
        most = _most_in_one()
        for name, ending in self._folder.names():
            with contextlib.suppress(FileNotFoundError):
                state = self._folder.state(name)
                changes = most if ending == OPEN else int(ending[1:])
                yield name, changes, max(LEAST_BYTES, state.st_size), state.st_mtime_ns


def _forgotten(usage: int) -> int:
    data = os.pread(usage, _USAGE.size, 0)
    forgotten: int = _USAGE.unpack(data)[0] if len(data) == _USAGE.size else 0
    return forgotten


def _most_in_one() -> int:
    """How many changes one file holds."""
    return max(1, MOST_CHANGES // PARTS_OF_CHANGES)


def _no_room(taken: int, most: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"What is there now could not be kept, so the change could not be undone: it takes {taken:,} bytes, and "
        f"{most:,} are all there is for it (history.max_bytes). Nothing was changed.",
        size=taken,
        limit=most,
    )
