"""What nobody waits for: the last descriptor of a file that has no name any more is closed after the answer.

The kernel gives the file's blocks back with that.
"""

import contextlib
import os


class LetGo:
    """Open descriptors that are of no use any more; without an owner who rests now and then, none is kept."""

    def __init__(self, *, rests: bool = False) -> None:
        self._rests = rests
        self._fds: list[int] = []

    def add(self, fd: int) -> None:
        """Close a descriptor at `rest`."""
        self._fds.append(fd)
        if not self._rests:
            self.rest()

    def rest(self) -> None:
        """Nobody waits."""
        while self._fds:
            with contextlib.suppress(OSError):
                os.close(self._fds.pop())
