"""All that is below a folder, looked at and removed by descriptors: no path is ever put together from names."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.mounts import is_crossing
from filewarden.workers.paths.names import echo
from filewarden.workers.paths.reserved import is_draft
from filewarden.workers.paths.resolution import Names
from filewarden.workers.writing.write_failures import PartlyError

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.writing.target import Target

MOST_LEVELS = 200
MOST_OPEN = 16
"""So many of the folders on the way down are open at a time: a worker may have 64 descriptors in all."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Extent(msgspec.Struct, frozen=True):
    """How much lies below a folder, itself not counted; bytes of regular files."""

    files: int
    folders: int
    bytes: int


class Found(msgspec.Struct, frozen=True):
    """One name below: the open folder that holds it, and its names below the start."""

    folder: Handle
    name: bytes
    state: os.stat_result
    below: Names


def survey(context: "Context", target: "Target", destination: Names | None = None) -> Extent:
    """Count what a folder holds, and refuse it as a whole where a part of it must stay as it is and where it is.

    `destination` is where it is to be moved to.

    Raises:
        ToolFailure: it is a root or holds one; something in it is closed to clients, read-only, a mount, or would
            become protected.
    """
    _require_no_root(context, target, target.names)
    files = folders = size = 0
    for found in walk(context, target):
        _require_free(context, target, found, destination)
        if stat.S_ISDIR(found.state.st_mode):
            _require_no_root(context, target, (*target.names, *found.below))
            folders += 1
        else:
            files += 1
            size += found.state.st_size if stat.S_ISREG(found.state.st_mode) else 0
    return Extent(files, folders, size)


def _never() -> bool:
    return False


def remove(target: "Target", name: bytes, folder: int, is_overdue: Callable[[], bool] = _never) -> int:
    """Remove a name in an open folder, and all that is below it if it is a folder; how many there were.

    Links are removed and not followed; what is mounted in it stops it.

    Raises:
        ToolFailure: it is nested too deep, or something is mounted in it.
        OSError: something cannot be removed, PartlyError after other things were, or TimeoutError.
    """
    if is_overdue():
        raise TimeoutError
    way, count = _Way(target), 0
    try:
        count += _remove_or_enter(way, target, folder, name, ())
        while way.is_within:
            if is_overdue():
                raise TimeoutError
            inner, names = way.lowest
            if names:
                each = names.pop()
                count += _remove_or_enter(way, target, inner.fd, each, (*inner.names[len(target.names) :], each))
            else:
                way.leave()
                if way.is_within:
                    os.rmdir(inner.names[-1], dir_fd=way.lowest[0].fd)
                else:
                    os.rmdir(name, dir_fd=folder)
                count += 1
    except TimeoutError:
        raise
    except OSError as error:
        raise PartlyError(error.errno, os.strerror(error.errno or 0)) if count else error from None
    finally:
        way.close()
    return count


def _remove_or_enter(way: "_Way", target: "Target", folder: int, name: bytes, below: Names) -> int:
    """Remove what is no folder, and go down into what is one; how many were removed."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=folder)
        return 1
    _require_no_mount(target, folder, name)
    way.enter(folder, name, below)
    return 0


def _require_no_mount(target: "Target", folder: int, name: bytes) -> None:
    if is_crossing(target.folder.root.fd, folder, name):
        raise ToolFailure(
            Code.UNSUPPORTED, f"'{echo(target.asked)}' holds what is mounted there, which is neither moved nor removed."
        )


class _Way:
    """The folders from a start down to where we are, each with the names in it that are still to come.

    Those high above are closed meanwhile; whoever comes back by `..` sees that it is the same folder.
    """

    def __init__(self, target: "Target") -> None:
        self._target = target
        self._held: list[tuple[Handle, list[bytes]]] = []

    @property
    def is_within(self) -> bool:
        """Whether we are in any."""
        return bool(self._held)

    @property
    def lowest(self) -> tuple[Handle, list[bytes]]:
        """Where we are."""
        return self._held[-1]

    def enter(self, folder: int, name: bytes, below: Names) -> None:
        """Go down into a folder; `below` are its names below the start. Raises ToolFailure, OSError."""
        if len(self._held) == MOST_LEVELS:
            raise ToolFailure(
                Code.UNSUPPORTED, f"'{echo(self._target.asked)}' is nested deeper than {MOST_LEVELS} folders."
            )
        self._held.append(_listed(os.open(name, _FLAGS, dir_fd=folder), self._target, below))
        if len(self._held) > MOST_OPEN:
            self._held[-1 - MOST_OPEN][0].close()

    def leave(self) -> None:
        """Go back up; raises OSError, where the folder above is another by now."""
        folder, _ = self._held.pop()
        with folder:
            if self._held and self._held[-1][0].fd < 0:
                above = self._held[-1][0]
                above.fd = os.open("..", _FLAGS, dir_fd=folder.fd)
                if not os.path.samestat(os.fstat(above.fd), above.stat):
                    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def close(self) -> None:
        for folder, _ in self._held:
            folder.close()


def walk(context: "Context", target: "Target") -> Iterator[Found]:
    """Every name below a folder, a folder before what it holds.

    Raises:
        ToolFailure: it is nested too deep, holds a mount, or there is no time for it.
        OSError: a part of it cannot be read.
    """
    top, way = target.names, _Way(target)
    try:
        way.enter(target.folder.fd, target.name, ())
        while way.is_within:
            folder, names = way.lowest
            if not names:
                way.leave()
                continue
            name = names.pop()
            below = (*folder.names[len(top) :], name)
            state = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            if context.is_overdue():
                raise ToolFailure(Code.TIMEOUT, f"Timeout: '{echo(target.asked)}' holds too much. Nothing was changed.")
            yield Found(folder, name, state, below)
            if stat.S_ISDIR(state.st_mode):
                _require_no_mount(target, folder.fd, name)
                way.enter(folder.fd, name, below)
    finally:
        way.close()


def _listed(fd: int, target: "Target", below: Names) -> tuple[Handle, list[bytes]]:
    try:
        with os.scandir(fd) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
        return Handle(fd, target.folder.root, (*target.names, *below), "", os.fstat(fd)), names
    except BaseException:
        os.close(fd)
        raise


def _require_free(context: "Context", target: "Target", found: Found, destination: Names | None) -> None:
    space, shown = context.space, echo(target.asked)
    names = (*target.names, *found.below)
    if is_draft(found.name):
        return
    if space.closes(found.folder, found.name, found.state):
        raise ToolFailure(
            Code.ACCESS_DENIED,
            f"Access denied: '{shown}' holds something that is closed to clients, so it has to stay.",
        )
    if not space.may_write(found.folder.root, names):
        raise ToolFailure(Code.READ_ONLY, f"'{shown}' holds a root that is read-only, so it has to stay.")
    if destination is not None:
        require_sleeping(context, target, found, destination)


def _require_no_root(context: "Context", target: "Target", names: Names) -> None:
    """Refuse to take a root away from its place, which its own path would then lead away with."""
    if context.space.is_root(target.folder.root, names):
        raise ToolFailure(
            Code.ACCESS_DENIED, f"Access denied: '{echo(target.asked)}' is a root or holds one, so it has to stay."
        )


def require_sleeping(context: "Context", target: "Target", found: Found, destination: Names) -> None:
    """Refuse a move by which something would become protected; raises ToolFailure(access_denied)."""
    if context.writing.protection.awakes(destination, found.below):
        raise ToolFailure(
            Code.ACCESS_DENIED,
            f"Access denied: '{echo(target.asked)}' holds what the policy code-execution protects at the place it "
            "would come to. The operator can change that with writes.protect or writes.protected.",
            policy="code-execution",
        )
