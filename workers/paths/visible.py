"""The names in an open folder that clients may see, in no order, and of so many only as can be looked at in time."""

import os
import sys
from collections.abc import Callable, Iterator

from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.space import Space

MOST_LOOKED_AT = 50_000
_CHECK_EVERY = 1024
_ENCODING = sys.getfilesystemencoding()


class VisibleNames:
    """Iterate once; `is_complete` then says whether the folder was read to its end."""

    def __init__(
        self, space: Space, folder: Handle, is_overdue: Callable[[], bool], *, shows_dotted: bool = False
    ) -> None:
        self._space = space
        self._folder = folder
        self._is_overdue = is_overdue
        self._shows_dotted = shows_dotted
        self.is_complete = False

    def __iter__(self) -> Iterator[bytes]:
        """Raises OSError when the folder cannot be read."""
        with os.scandir(self._folder.fd) as entries:
            for count, entry in enumerate(entries, 1):
                if count > MOST_LOOKED_AT or (count % _CHECK_EVERY == 0 and self._is_overdue()):
                    return
                if self._shows_dotted or entry.name[0] != ".":
                    name = entry.name.encode(_ENCODING, "surrogateescape")
                    if not self._is_closed(entry, name):
                        yield name
        self.is_complete = True

    def _is_closed(self, entry: "os.DirEntry[str]", name: bytes) -> bool:
        space, folder = self._space, self._folder
        judge = space.judge(folder.root)
        if judge is not None and judge((*folder.names, name)):
            return True
        if not space.judges_objects and entry.inode() not in space.denied_inodes:
            return False
        try:
            return space.examine(folder, name) is None
        except OSError:
            return True
