"""The resolver that walks, component by component, on descriptors of its own.

`..` goes back to a directory that we hold, so nothing renamed meanwhile can lead out.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import NoReturn

from filewarden.workers.paths.mounts import unless_crossing
from filewarden.workers.paths.resolution import FOLDER, O_PATH, Names, Resolved, Start, Unresolved, beneath, normalise

MAX_LINKS = 40
MAX_HELD = 32
_RACES = 128


class WalkingResolver:
    """Component by component, on descriptors of our own."""

    def can_read(self, _fd: int) -> bool | None:
        """See `Resolver`."""
        return None

    def can_write(self, _fd: int) -> bool | None:
        """See `Resolver`."""
        return None

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        """See `Resolver`."""
        walk = _Walk(start, names, flags)
        try:
            return walk.run()
        finally:
            walk.close()

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        """See `Resolver`."""
        fd = os.open(".", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=start.fd)
        try:
            for name in names[:-1]:
                below = _open_below(start, fd, name, O_PATH | os.O_DIRECTORY)
                os.close(fd)
                fd = below
            return _open_below(start, fd, names[-1], flags) if names else _open(fd, b".", flags)
        except OSError as error:
            raise Unresolved(error.errno or errno.EIO, names) from None
        finally:
            os.close(fd)

    def opener(self, start: Start) -> Callable[[Names], int]:
        """See `Resolver`."""
        return lambda names: self.open_plain(start, names, FOLDER)


class _Walk:
    """One walk: the directories it holds, the names that led there, and the names still to come."""

    def __init__(self, start: Start, names: Names, flags: int) -> None:
        self._start = start
        self._flags = flags
        self._held: list[int] = []
        self._names: list[bytes] = []
        self._pending = list(reversed(names))
        self._links = 0
        self._races = 0

    def close(self) -> None:
        for fd in self._held:
            os.close(fd)

    def run(self) -> Resolved:
        while self._pending:
            name = self._pending.pop()
            if name == b"..":
                self._climb()
            elif name not in (b"", b"."):
                fd = self._step(name)
                if fd is not None:
                    return Resolved(fd, (*self._names, name))
        try:
            return Resolved(_open(self._top, b".", self._flags), tuple(self._names))
        except OSError as error:
            self._fail(error.errno or errno.EIO)

    @property
    def _top(self) -> int:
        return self._held[-1] if self._held else self._start.fd

    def _climb(self) -> None:
        if not self._held:
            self._fail(errno.EXDEV)
        os.close(self._held.pop())
        self._names.pop()

    def _step(self, name: bytes) -> int | None:
        """Enter a directory or follow a link; a descriptor when `name` was the last and is what was asked for."""
        if self._start.is_denied((*self._names, name)):
            self._fail(errno.EACCES, name)
        is_last = not self._pending
        try:
            fd = _open_below(self._start, self._top, name, self._flags if is_last else O_PATH)
        except OSError as error:
            if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and self._is_link(name)):
                self._follow(name, self._target(name, None))
                return None
            self._fail(error.errno or errno.EIO, name)
        try:
            state = os.fstat(fd)
            mode = state.st_mode
            if self._start.is_closed is not None and self._start.is_closed(state):
                self._fail(errno.EACCES, name)
            if stat.S_ISLNK(mode):
                self._follow(name, self._target(name, fd))
            elif is_last:
                kept, fd = fd, -1
                return kept
            elif stat.S_ISDIR(mode):
                self._enter(name, fd)
                fd = -1
            else:
                self._fail(errno.ENOTDIR, name)
        finally:
            if fd >= 0:
                os.close(fd)
        return None

    def _enter(self, name: bytes, fd: int) -> None:
        if len(self._held) == MAX_HELD:
            self._fail(errno.ENAMETOOLONG, name)
        self._held.append(fd)
        self._names.append(name)

    def _is_link(self, name: bytes) -> bool:
        try:
            return stat.S_ISLNK(os.stat(name, dir_fd=self._top, follow_symlinks=False).st_mode)
        except OSError as error:
            self._fail(error.errno or errno.EIO, name)

    def _target(self, name: bytes, fd: int | None) -> bytes | None:
        """Read what the link says, from the link that was opened where the system can; None: it changed."""
        try:
            return os.readlink(name, dir_fd=self._top) if fd is None else os.readlink(b"", dir_fd=fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                self._fail(error.errno or errno.EIO, name)
            return None

    def _follow(self, name: bytes, target: bytes | None) -> None:
        if target is None:
            self._races += 1
            if self._races > _RACES:
                self._fail(errno.ELOOP, name)
            self._pending.append(name)
            return
        self._links += 1
        if self._links > MAX_LINKS:
            self._fail(errno.ELOOP, name)
        names: Names = tuple(target.split(b"/"))
        if target.startswith(b"/"):
            names = self._within(names)
            while self._held:
                os.close(self._held.pop())
            self._names.clear()
        self._pending.extend(reversed(names))
        if len(self._pending) > 4096:
            self._fail(errno.ENAMETOOLONG, name)

    def _within(self, names: Names) -> Names:
        """Make an absolute target relative to the root; one that does not begin with a path of the root leads out."""
        rest = next(beneath(names, self._start.prefixes), None)
        if rest is None:
            self._fail(errno.EXDEV)
        return rest

    def _fail(self, code: int, *names: bytes) -> NoReturn:
        raise Unresolved(code, (*self._names, *names, *(normalise(tuple(reversed(self._pending))) or ())))


def _open_below(start: Start, top: int, name: bytes, flags: int) -> int:
    """Open a name in a folder, which must not be a mount where mounts are a way out; raises OSError."""
    fd = _open(top, name, flags)
    return unless_crossing(start.fd, fd) if start.one_filesystem else fd


def _open(top: int, name: bytes, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
