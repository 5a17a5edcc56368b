"""The files of a history that this process writes: the one that takes the next changes, and those of long images."""

import os
import time

from filewarden.workers.history.folder import Folder
from filewarden.workers.history.image import Image
from filewarden.workers.history.room import LEAST_BYTES, Room
from filewarden.workers.history.segment import LONG_BYTES, Segment


class OwnSegments:
    """Those that are open, by their names."""

    def __init__(self, folder: Folder, room: Room) -> None:
        self._folder = folder
        self._room = room
        self._suffix = os.urandom(4).hex()
        self._newest = 0
        self._current: Segment | None = None
        self._open: dict[bytes, Segment] = {}

    def image(self, size: int) -> Image:
        """What was there before a new change, of `size` bytes; the oldest changes make way.

        Raises:
            ToolFailure: too_large, if there is no such room.
            OSError: the file system has none.
        """
        self._room.check(size + LEAST_BYTES)
        identifier = self._identifier()
        own = self._new(identifier, size + LEAST_BYTES) if size > LONG_BYTES else None
        return Image(identifier, self._place, own)

    def find(self, name: bytes) -> Segment | None:
        """The file of that name, if it is one of these."""
        own = self._open.get(name)
        return None if own is None or own.fd < 0 else own

    def close(self) -> None:
        """Write no more to the file that takes the next changes."""
        if self._current is not None:
            self._current.close()
            self._current = None

    def _identifier(self) -> str:
        self._newest = max(time.time_ns(), self._newest + 1)
        return f"{self._newest:016x}{self._suffix}"

    def _place(self, identifier: str, length: int) -> Segment:
        """The file that takes so many bytes more, of a change that is the first there if the file is new."""
        if self._current is not None and self._takes(self._current, length):
            return self._current
        self.close()
        self._current = self._new(identifier, max(self._room.usual_bytes, length))
        return self._current

    def _takes(self, segment: Segment, length: int) -> bool:
        is_short = segment.end + length <= segment.most_bytes
        return is_short and self._room.may_go_on(segment.count, self._newest - segment.begun_ns)

    def _new(self, identifier: str, most_bytes: int) -> Segment:
        for name in [name for name, segment in self._open.items() if segment.fd < 0]:
            del self._open[name]
        with self._room.made(most_bytes):
            segment = Segment(self._folder.fd, identifier, most_bytes)
        self._open[segment.name] = segment
        return segment
