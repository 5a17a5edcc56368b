"""The broker's end of a worker's shelf: the memory where it finds a long text that the worker has laid there."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filewarden.workers.shelf import FREE, MARK_AT, MEMORY_BYTES, SAME, SHELF_BYTES

if TYPE_CHECKING:
    from mmap import mmap

PIECE_BYTES = 256 * 1024
"""Of text at a time: shorter ones wake the client too often, longer ones let it wait."""


class Shelf:
    """An unnamed file in memory. It can neither grow nor shrink, whoever holds it (memfd_create(2), sealing)."""

    def __init__(self) -> None:
        """Make it; raises OSError where there is no room for it."""
        import fcntl

        self._memory: mmap | None = None
        """Mapped when there is something to be fetched, which many workers never have."""
        self._latest: list[bytes] = []
        """What was fetched last."""
        self.fd = os.memfd_create("fw-shelf", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, MEMORY_BYTES)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        except OSError:
            os.close(self.fd)
            raise

    def fetch(self, length: int) -> Iterator[bytes]:
        """Copies of the pieces of the text that lies there; once all have been taken, another may be laid.

        A piece that is the same as the one that was in its place the time before is that very object. Where the worker
        says that all of it is the same, what lies there is not looked at.

        Raises:
            ValueError: no text is as long.
            OSError: there is no room to map it.
        """
        if not 0 < length <= SHELF_BYTES:
            raise ValueError(length)
        return self._pieces(self._memory or self._map(), length)

    def _pieces(self, memory: "mmap", length: int) -> Iterator[bytes]:
        if memory[MARK_AT:] == SAME and sum(map(len, self._latest)) == length:
            yield from self._latest  # a worker that is wrong about it has answered with another text of its own
            memory[MARK_AT:] = FREE
            return
        before, self._latest = self._latest, []
        for place, begin in enumerate(range(0, length, PIECE_BYTES)):
            end = min(begin + PIECE_BYTES, length)
            with memoryview(memory)[begin:end] as there:
                known = before[place] if place < len(before) else b""
                # By memcmp(3): what lies there may change at any time, so that nothing else may depend on it.
                piece = known if len(known) == len(there) and known.startswith(there) else bytes(there)
            self._latest.append(piece)
            yield piece
        memory[MARK_AT:] = FREE

    @property
    def mapped_bytes(self) -> int:
        """At most so much of it counts as memory of this process."""
        return 0 if self._memory is None else MEMORY_BYTES

    def forget(self) -> None:
        """Keep what was fetched last no longer."""
        self._latest = []

    def _map(self) -> "mmap":
        from mmap import mmap

        self._memory = mmap(self.fd, MEMORY_BYTES)
        os.close(self.fd)  # it keeps one of its own
        return self._memory

    def close(self) -> None:
        """Leave it to the worker, with whom it goes."""
        if self._memory is None:
            os.close(self.fd)
        else:
            self._memory.close()
