"""The launcher of a server whose workers open whatever a client says, by name: nothing but the kernel holds them.

The argument `no-namespaces` takes the mount namespace away too, so that Landlock is alone; `no-landlock` does it the
other way round, as on a kernel without it.
"""

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from filewarden.workers import attached, worker
from filewarden.workers.confine import landlock, namespaces
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.resolution import FOLDER, Names, Resolved, Start, Unresolved
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space


class ByName:
    """A resolver that joins strings: `..`, absolute paths and links go where they like."""

    def open(self, start: Start, names: Names, flags: int) -> Resolved:
        return Resolved(self.open_plain(start, names, flags), names)

    def open_plain(self, start: Start, names: Names, flags: int) -> int:
        try:
            return os.open(b"/".join(names) or b".", flags | os.O_CLOEXEC, dir_fd=start.fd)
        except OSError as error:
            raise Unresolved(error.errno or 0, ()) from None

    def opener(self, start: Start) -> Callable[[Names], int]:
        return lambda names: self.open_plain(start, names, FOLDER)

    def can_read(self, _fd: int) -> bool | None:
        return None

    def can_write(self, _fd: int) -> bool | None:
        return None


class UncheckedSpace(Space):
    """A space that looks at no path and denies no object."""

    def __init__(self, roots: tuple[Root, ...], _denied: frozenset[tuple[int, int]]) -> None:
        super().__init__(roots, resolver=ByName())

    def _locate(self, path: str) -> tuple[int, Names]:
        return 0, tuple(os.fsencode(path).split(b"/"))

    def _open(self, path: str, flags: int) -> Handle:
        return self._reach(*self._locate(path), flags, path)


def absent(*_arguments: object) -> NoReturn:
    """As the system call of a kernel without Landlock."""
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def serve_zygote(control: attached.Socket, isolation: namespaces.Isolation) -> None:
    from filewarden.workers.catalogue import CATALOGUE
    from filewarden.workers.zygote import serve

    setattr(worker, "Space", UncheckedSpace)  # noqa: B010 - a name that the module does not offer
    serve(control, isolation, CATALOGUE)


if __name__ == "__main__":
    from filewarden.workers.launcher import main

    if "no-namespaces" in sys.argv:
        namespaces.isolate = lambda: namespaces.Isolation(is_active=False, why="switched off by a test")
    if "no-landlock" in sys.argv:
        setattr(landlock, "query", absent)  # noqa: B010 - a name of another module
        setattr(landlock, "restrict", absent)  # noqa: B010
    main(serve_zygote)
