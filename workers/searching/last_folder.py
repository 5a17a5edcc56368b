"""What the folder held that was searched by itself last: further searches in it need not read it again.

Its stamps tell whether it is still the same; what its names stand for is always looked at anew. Names are kept from the
second search on: most folders are searched once, and then what matches is all that need be looked at.
"""

import os
from itertools import chain, islice

from filewarden.workers.paths.handle import Handle, is_settled
from filewarden.workers.searching.entries import Entries, Reading, Whole

MOST_KEPT = 2048
"""Names. Of a larger folder none is kept."""


class LastFolder:
    """What was asked about it, and all that is in it, where that is known."""

    def __init__(self) -> None:
        self._question: tuple[object, ...] = ()
        self._whole: Whole | None = None

    def read(self, folder: Handle, reading: Reading) -> Entries | None:
        """Read an open folder of which nothing below is of interest, None: nothing in it is; raises OSError."""
        state = folder.stat
        question = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns, reading.inodes, reading.marker)
        if question != self._question:
            self._question, self._whole = question, None
            return reading.of(folder.fd)
        if self._whole is not None:
            return reading.part_of(self._whole)
        return self._read_again(folder, reading) if is_settled(folder) else reading.of(folder.fd)

    def _read_again(self, folder: Handle, reading: Reading) -> Entries | None:
        with os.scandir(folder.fd) as entries:
            first = list(islice(entries, MOST_KEPT + 1))
            if len(first) > MOST_KEPT:
                return reading.among(chain(first, entries))
            whole = Whole.of(reading.anything().among(iter(first)) or Entries())
        if is_settled(folder):
            self._whole = whole
        return reading.part_of(whole)
