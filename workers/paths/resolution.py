"""How the names of a path become an open descriptor beneath a root, in one race-free step.

Two resolvers give the same answers. The first asks the kernel (openat2, sandbox brief 7.1) for a path without any
link, which is nearly every path, and hands the rest to the second, which walks component by component on descriptors
of its own (7.3): `..` goes back to a directory that we hold, so nothing renamed meanwhile can lead out.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol

import msgspec

from filewarden.workers.paths.mounts import unless_crossing

MAX_LINKS = 40
MAX_HELD = 32
_RACES = 128

O_PATH = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)
"""Where the system has no O_PATH, a descriptor for reading stands in."""
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Names = tuple[bytes, ...]


class Resolved(msgspec.Struct, frozen=True):
    """An open object and where it really lies beneath its root, all links followed."""

    fd: int
    names: Names


class Unresolved(OSError):
    """The path led to nothing that may be opened; `names` is how far it is known to lie beneath the root."""

    def __init__(self, code: int, names: Names) -> None:
        super().__init__(code, os.strerror(code))
        self.names = names


class Start(msgspec.Struct, frozen=True):
    """Where a resolution starts: an open root, the absolute paths that mean it, and which places nobody may pass."""

    fd: int
    prefixes: tuple[Names, ...]
    is_denied: Callable[[Names], bool]
    is_closed: Callable[[os.stat_result], bool] | None = None
    """Which folders nobody may pass, whatever they are called; None where there are none."""
    one_filesystem: bool = False
    """Whether a mount on the way is a way out."""


class Resolver(Protocol):
    """Opens paths beneath a root. Errors are `Unresolved`: EXDEV and ELOOP for a way out, else as open(2) says."""

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        """Open `names` (`.`, `..` and a last empty name are allowed), following links that stay inside."""
        ...

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        """Open a path of real names that holds no link at all."""
        ...

    def opener(self, start: Start) -> Callable[[Names], int]:
        """Tell how to open folders by such paths, of which there will be many; raises OSError."""
        ...

    def can_read(self, fd: int) -> bool | None:
        """Whether an open object may be opened for reading; None where only trying tells."""
        ...

    def can_write(self, fd: int) -> bool | None:
        """Whether whoever may write here could change an open object; None where only trying tells."""
        ...


NOT_NAMES = frozenset((b"", b".", b".."))
"""What stands between slashes and names nothing."""


def normalise(names: Names) -> Names | None:
    """Give the names without `.`, empty names and `..`; None when they climb above the start."""
    if b".." not in names:
        if b"" not in names and b"." not in names:
            return names
        return tuple(name for name in names if name not in (b"", b"."))
    kept: list[bytes] = []
    for name in names:
        if name == b"..":
            if not kept:
                return None
            kept.pop()
        elif name not in (b"", b"."):
            kept.append(name)
    return tuple(kept)


class KernelResolver:
    """openat2 without links for the whole path; a path with a link goes to the walker."""

    def __init__(self) -> None:
        # Loads ctypes, which the front-end must not.
        from filewarden.workers.paths import openat2, permission

        self._openat2 = openat2.openat2
        self.can_read, self.can_write = permission.can_read, permission.can_write
        plain = openat2.BENEATH | openat2.NO_MAGICLINKS | openat2.NO_SYMLINKS
        self._how = (plain, plain | openat2.NO_XDEV)
        """By whether a mount on the way is a way out."""
        self._walker = WalkingResolver()

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        """See `Resolver`."""
        real = names if NOT_NAMES.isdisjoint(names) else normalise(names)
        if real is None:
            raise Unresolved(errno.EXDEV, ())
        if start.is_closed is not None and b".." in names:
            return self._walker.open(start, names, flags)  # which looks at every folder that the path passes
        try:
            fd = self._openat2(start.fd, b"/".join(names) or b".", flags, self._how[start.one_filesystem])
        except OSError as error:
            is_told_by_walking = error.errno in (errno.ELOOP, errno.EXDEV) or b".." in names  # where did it end?
            if not is_told_by_walking:
                raise Unresolved(error.errno or errno.EIO, real) from None
        else:
            return Resolved(fd, real)
        return self._walker.open(start, names, flags)

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        """See `Resolver`."""
        try:
            return self._openat2(start.fd, b"/".join(names) or b".", flags, self._how[start.one_filesystem])
        except OSError as error:
            raise Unresolved(error.errno or errno.EIO, names) from None

    def opener(self, start: Start) -> Callable[[Names], int]:
        """See `Resolver`."""
        openat2, top, how = self._openat2, start.fd, self._how[start.one_filesystem]
        return lambda names: openat2(top, b"/".join(names) or b".", FOLDER, how)


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


def beneath(names: Names, prefixes: tuple[Names, ...]) -> Iterator[Names]:
    """For each prefix that an absolute path begins with, the rest of it. Both are split at `/`."""
    count = len(names)
    for prefix in prefixes:
        at = 0
        for wanted in prefix:
            while at < count and names[at] in (b"", b"."):
                at += 1
            if at == count or names[at] != wanted:
                break
            at += 1
        else:
            yield names[at:]


def _open_below(start: Start, top: int, name: bytes, flags: int) -> int:
    """Open a name in a folder, which must not be a mount where mounts are a way out; raises OSError."""
    fd = _open(top, name, flags)
    return unless_crossing(start.fd, fd) if start.one_filesystem else fd


def _open(top: int, name: bytes, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
