"""fsync(2), and what it costs: a file or folder is flushed once for all that wait for it, and all begin together.

Journaling file systems write what has begun in one go, and what the first fsync(2) has brought to the disk the others
find there: two files cost little more than one.
"""

import os
from collections.abc import Iterable

from filewarden.workers.history.writeback import begin_writeback


class Flush:
    """An open file, or folder, that is to outlive a loss of power: it is flushed when that is waited for at the latest.

    `place` is the same of all that one flush covers, if it is begun when each of them has been written.
    """

    __slots__ = ("_is_done", "error", "fd", "is_content", "place")

    def __init__(self, fd: int, place: object = None, *, is_content: bool = False) -> None:
        """With `is_content`, of what is told about a file only its length matters (fdatasync)."""
        self.fd = fd
        self.place = fd if place is None else place
        self.is_content = is_content
        self.error: OSError | None = None
        """Why it could not be, as far as that is known."""
        self._is_done = False

    def perform(self) -> None:
        """Flush it; how that ended is told by `finish`."""
        if not self._is_done:
            try:
                (os.fdatasync if self.is_content else os.fsync)(self.fd)
            except OSError as error:
                self.error = error
            self._is_done = True

    def share(self, other: "Flush") -> None:
        """End as another one has ended, of the same place."""
        self._is_done, self.error = True, other.error

    def finish(self) -> None:
        """Have it flushed; raises OSError if it could not be."""
        self.perform()
        if self.error is not None:
            raise self.error


def flush_all(flushes: Iterable[Flush]) -> None:
    """Have files and folders flushed, each once; how that ended, each tells."""
    firsts: dict[object, Flush] = {}
    others = [flush for flush in flushes if firsts.setdefault(flush.place, flush) is not flush]
    if len(firsts) > 1:
        for flush in firsts.values():
            begin_writeback(flush.fd)
    for flush in firsts.values():
        flush.perform()
    for flush in others:
        flush.share(firsts[flush.place])
