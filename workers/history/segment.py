"""A file of the history that this process writes: one change after another, until it is full, and then no more.

Its lock is held as long as it is written, so whoever finds one that is open by its name and not locked knows that its
writer is gone. It has its greatest length from the start, so that what it may come to is counted; what is not written
yet are zeros, and cut off in the end.
"""

import contextlib
import fcntl
import os

from filewarden.workers.history import entry

OPEN = b".open"
"""How its name ends while it is written, and until each of its changes is known to be made or not."""
LONG_BYTES = 1 << 18
"""What was there is held in memory up to this size, and written with what is told in one go."""


class Segment:
    """One file, open. `identifier` is that of its first change; raises OSError if it cannot be made."""

    def __init__(self, folder: int, identifier: str, most_bytes: int) -> None:
        self.name = identifier.encode() + OPEN
        self.most_bytes = most_bytes
        self.begun_ns = entry.time_of(identifier)
        self.end = 0
        self.count = 0
        self.is_lasting = False
        """Whether its name outlives a loss of power."""
        self.is_full = False
        self._folder = folder
        self._has_made = False
        self._unsettled: set[str] = set()
        self._held: set[str] = set()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(self.name, flags, 0o600, dir_fd=folder)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else knows it yet
            os.ftruncate(self.fd, most_bytes)
        except BaseException:
            os.close(self.fd)
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=folder)
            raise

    def is_making(self, identifier: str) -> bool:
        """Whether a change in it is being made."""
        return identifier in self._held

    def last(self) -> None:
        """Make its name outlive a loss of power; raises OSError."""
        if not self.is_lasting:
            readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                os.fsync(readable)
            finally:
                os.close(readable)
            self.is_lasting = True

    def begin(self, identifier: str, end: int) -> None:
        """Count a change that has been written up to `end`."""
        self.end = end
        self.count += 1
        self._held.add(identifier)
        self._unsettled.add(identifier)

    def mark(self, identifier: str, at: int, mark: bytes) -> None:
        """Say how far one of its changes has come; raises OSError."""
        entry.set_mark(self.fd, at, mark)
        self._has_made |= mark == entry.MADE
        if mark != entry.LEFT:
            self._unsettled.discard(identifier)

    def leave(self, identifier: str) -> None:
        """A change is being made no more."""
        self._held.discard(identifier)
        if self.is_full:
            self.close()

    def close(self) -> None:
        """Write no more to it; while a change in it is being made, that is put off."""
        self.is_full = True
        if self._held or self.fd < 0:
            return
        with contextlib.suppress(OSError):  # then whoever looks for what was interrupted does it
            if not self._unsettled:
                finish(self._folder, self.name, self.fd, self.end, self.count if self._has_made else 0)
        os.close(self.fd)
        self.fd = -1


def finish(folder: int, name: bytes, fd: int, end: int, count: int) -> None:
    """Give a file its last length and name: every change in it is known to be made or not; with no `count`, it goes.

    Raises OSError.
    """
    if not count:
        os.unlink(name, dir_fd=folder)
        return
    os.ftruncate(fd, end)
    os.rename(name, name.removesuffix(OPEN) + b".%d" % count, src_dir_fd=folder, dst_dir_fd=folder)
