"""What the folders hold that were searched before: further searches need not list them again.

Their stamps tell whether they are still the same; what their names stand for is always looked at anew. Names are kept
from the second search on: most folders are searched once, and then what matches is all that need be looked at.

What is known makes way for other folders only when it has rested for a while. So a search through more than there is
room for finds a part of it known each time, instead of driving out all that it comes to next.
"""

import os
import time
from collections import OrderedDict
from itertools import islice

import msgspec

from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.handle import Handle, has_settled, is_settled
from filewarden.workers.searching.entries import Entries, Reading, Whole

MOST_NAMES = 2048
"""In one folder. Of a larger one none is kept."""
MOST_FOLDERS = 4096
MOST_BYTES = 2 * 1024 * 1024
"""Of memory, for all names. With what is noted of the folders it may take three times as much."""
RESTED_S = 60.0

_Place = tuple[int, int]
"""The numbers of a device and of an inode on it."""


class _Known(msgspec.Struct):
    question: tuple[object, ...]
    """When the folder was changed last, and what was asked beside names."""
    used_at: float
    whole: Whole | None = None
    is_kept_out: bool = False
    """Whether nothing of it will be kept, as long as it stays the same."""


class KnownFolders:
    """Folders by what they are, and not by what they are called."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Place, _Known] = OrderedDict()
        self._bytes = 0

    def whole(self, folder: Handle, reading: Reading, systems: FileSystems) -> Whole | None:
        """All that an open folder holds; None where it is not known: then it is to be read. Raises OSError."""
        state = folder.stat
        place = state.st_dev, state.st_ino
        question = state.st_mtime_ns, state.st_ctime_ns, reading.inodes, reading.marker
        known, now = self._known.get(place), time.monotonic()
        if known is None or known.question != question:
            self._note(place, question, now)
            return None
        self._known.move_to_end(place)
        known.used_at = now
        if known.whole is None and not known.is_kept_out and has_settled(state) and self._has_room(now, 0):
            if systems.tell_changes(folder):
                self._learn(known, folder, reading)
            else:
                known.is_kept_out = True
        return known.whole

    def _note(self, place: _Place, question: tuple[object, ...], now: float) -> None:
        if place in self._known:
            self._drop(place)
        if self._has_room(now, 1):
            self._known[place] = _Known(question, now)

    def _learn(self, known: _Known, folder: Handle, reading: Reading) -> None:
        """Read the folder, and keep what it holds where that will stay true until its stamps change."""
        with os.scandir(folder.fd) as entries:
            first = list(islice(entries, MOST_NAMES + 1))
        known.is_kept_out = len(first) > MOST_NAMES
        if not known.is_kept_out:
            whole = Whole.of(reading.anything().among(iter(first)) or Entries())
            if is_settled(folder):
                known.whole = whole
                self._bytes += whole.bytes

    def _has_room(self, now: float, more: int) -> bool:
        """Make room for more folders, and for names, if what rests gives any."""
        while len(self._known) + more > MOST_FOLDERS or self._bytes >= MOST_BYTES:
            place, oldest = next(iter(self._known.items()))
            if now - oldest.used_at < RESTED_S:
                return False
            self._drop(place)
        return True

    def _drop(self, place: _Place) -> None:
        whole = self._known.pop(place).whole
        self._bytes -= whole.bytes if whole is not None else 0
