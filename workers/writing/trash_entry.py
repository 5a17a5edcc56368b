"""One deletion in the trash: a folder of its own, with what was deleted and what is told of it.

`item` is what was deleted. `origin` holds its size in bytes and, after a NUL byte, where it lay beneath the root; one
of an older version holds the place alone. Whoever puts an item there, takes it back or removes it for good holds the
folder's lock (flock(2)), where the file system has one.
"""

import contextlib
import fcntl
import os

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo

ITEM, ORIGIN = b"item", b"origin"
MOST_ORIGIN_BYTES = 4096 + 24
"""A path of the greatest length, and a number."""


class Told(msgspec.Struct, frozen=True):
    """What is told of a deletion: where it lay, with `/`, and its size; None where nobody has counted."""

    place: bytes
    size: int | None

    def encoded(self) -> bytes:
        """As it is kept."""
        return b"%d\0%s" % (self.size or 0, self.place)


class Entry:
    """The open folder of one deletion; `name` is what it is called in the trash."""

    def __init__(self, trash: int, name: str, fd: int) -> None:
        self._trash = trash
        self.name = name
        self.fd = fd

    def told(self) -> Told:
        """What is told of it.

        Raises:
            ToolFailure: not_found.
        """
        try:
            fd = os.open(ORIGIN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.fd)
        except FileNotFoundError:
            raise unknown(self.name) from None
        try:
            text = os.read(fd, MOST_ORIGIN_BYTES)
        finally:
            os.close(fd)
        size, mark, place = text.partition(b"\0")
        return Told(place, int(size)) if mark and size.isdigit() else Told(text, None)

    def state(self) -> os.stat_result:
        """The state of what was deleted.

        Raises:
            ToolFailure: not_found.
        """
        try:
            return os.stat(ITEM, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            raise unknown(self.name) from None

    def claim(self) -> None:
        """Work on it alone from now on, until it is closed.

        Raises:
            ToolFailure: conflict, if somebody else does; not_found, if they have ended it meanwhile.
        """
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolFailure(
                Code.CONFLICT, f"Someone else restores or removes '{echo(self.name)}' right now. Look again."
            ) from None
        except OSError:
            pass  # this file system has no locks, and so nothing is removed on it
        if not self._is_named():
            raise unknown(self.name)

    def condemn(self, name: str) -> None:
        """Work on it alone, and give it a name under which nobody restores it.

        Raises:
            OSError: somebody else works on it, or there is no lock.
        """
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if name != self.name:
            if not self._is_named():
                raise FileNotFoundError
            os.rename(self.name, name, src_dir_fd=self._trash, dst_dir_fd=self._trash)
            self.name = name

    def _is_named(self) -> bool:
        try:
            named = os.stat(self.name, dir_fd=self._trash, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self.fd))

    def end(self) -> None:
        """Remove it, if it holds nothing but where something came from; one that holds an item stays."""
        with contextlib.suppress(OSError):
            os.stat(ITEM, dir_fd=self.fd, follow_symlinks=False)
            return
        with contextlib.suppress(OSError):
            os.unlink(ORIGIN, dir_fd=self.fd)
        with contextlib.suppress(OSError):
            os.rmdir(self.name, dir_fd=self._trash)


def unknown(name: str) -> ToolFailure:
    """Refuse a name that nothing in the trash has."""
    return ToolFailure(
        Code.NOT_FOUND,
        f"Nothing in the trash is called '{echo(name)}'. restore_deleted without a trash_id lists what there is.",
    )
