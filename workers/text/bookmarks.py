"""Where lines begin in files that were read lately, so that a long file is not read anew from its start for each page.

Kept by each worker for itself. A place is believed as long as the file's stamps are the same, and only where the file
was left alone for longer than the coarsest clock of a file system ticks: within one tick it may change unseen.
"""

import os
from collections import deque

import msgspec

from filewarden.workers.paths.handle import has_settled

MOST_KEPT = 32
LEAST_POSITION = 1 << 20
"""What is nearer to the start is found as fast by reading."""

Stamps = tuple[int, ...]


class Bookmark(msgspec.Struct, frozen=True):
    """A line, counted from 1, and the position in the file where it begins."""

    line: int
    position: int


_kept: deque[tuple[Stamps, str, Bookmark]] = deque(maxlen=MOST_KEPT)


def keep(fd: int, state: os.stat_result, encoding: str, mark: Bookmark) -> None:
    """Remember a place in an open file, whose state was taken before it was read."""
    stamps = stamps_of(state)
    if mark.position >= LEAST_POSITION and stamps == stamps_of(os.fstat(fd)) and has_settled(state):
        _kept.append((stamps, encoding, mark))


def before(state: os.stat_result, encoding: str, line: int) -> Bookmark | None:
    """Give the nearest place that is known at or before a line."""
    if not _kept:
        return None
    stamps = stamps_of(state)
    found = [mark for of, name, mark in _kept if of == stamps and name == encoding and mark.line <= line]
    return max(found, key=lambda mark: mark.line, default=None)


def stamps_of(state: os.stat_result) -> Stamps:
    """What changes with a file."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
