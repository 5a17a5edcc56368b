"""All that is below a folder, looked at and removed by descriptors: no path is ever put together from names."""

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

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.writing.target import Target

MOST_LEVELS = 200
"""Each level holds a descriptor, of which a worker may have a few hundred."""
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
        ToolFailure: something in it is closed to clients, read-only, a mount, or would become protected.
    """
    files = folders = size = 0
    for found in walk(context, target):
        _require_free(context, target, found, destination)
        if stat.S_ISDIR(found.state.st_mode):
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
        OSError: something cannot be removed, or TimeoutError; what was removed before stays so.
    """
    return _Removal(target, is_overdue).remove(folder, name, 0)


class _Removal:
    """The removal of one tree."""

    def __init__(self, target: "Target", is_overdue: Callable[[], bool]) -> None:
        self._target = target
        self._is_overdue = is_overdue

    def remove(self, folder: int, name: bytes, level: int) -> int:
        if self._is_overdue():
            raise TimeoutError
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
            return 1
        if level == MOST_LEVELS:
            raise _too_deep(self._target)
        if is_crossing(self._target.folder.root.fd, folder, name):
            raise _mounted(self._target)
        fd = os.open(name, _FLAGS, dir_fd=folder)
        try:
            with os.scandir(fd) as entries:
                names = [os.fsencode(entry.name) for entry in entries]
            count = sum(self.remove(fd, each, level + 1) for each in names)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=folder)
        return count + 1


def walk(context: "Context", target: "Target") -> Iterator[Found]:
    """Every name below a folder, a folder before what it holds.

    Raises:
        ToolFailure: it is nested too deep, holds a mount, or there is no time for it.
        OSError: a part of it cannot be read.
    """
    root, top = target.folder.root, target.names
    fd = os.open(target.name, _FLAGS, dir_fd=target.folder.fd)
    held: list[tuple[Handle, list[bytes]]] = []
    try:
        held.append(_listed(fd, target, ()))
        while held:
            folder, names = held[-1]
            if not names:
                held.pop()[0].close()
                continue
            name = names.pop()
            below = (*folder.names[len(top) :], name)
            state = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            if context.is_overdue():
                raise ToolFailure(Code.TIMEOUT, f"Timeout: '{echo(target.asked)}' holds too much. Nothing was changed.")
            yield Found(folder, name, state, below)
            if stat.S_ISDIR(state.st_mode):
                if len(held) == MOST_LEVELS:
                    raise _too_deep(target)
                if is_crossing(root.fd, folder.fd, name):
                    raise _mounted(target)
                held.append(_listed(os.open(name, _FLAGS, dir_fd=folder.fd), target, below))
    finally:
        for folder, _ in held:
            folder.close()


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


def require_sleeping(context: "Context", target: "Target", found: Found, destination: Names) -> None:
    """Refuse a move by which something would become protected; raises ToolFailure(access_denied)."""
    if context.writing.protection.awakes(destination, found.below):
        raise ToolFailure(
            Code.ACCESS_DENIED,
            f"Access denied: '{echo(target.asked)}' holds what the policy code-execution protects at the place it "
            "would come to. The operator can change that with writes.protect or writes.protected.",
            policy="code-execution",
        )


def _too_deep(target: "Target") -> ToolFailure:
    return ToolFailure(Code.UNSUPPORTED, f"'{echo(target.asked)}' is nested deeper than {MOST_LEVELS} folders.")


def _mounted(target: "Target") -> ToolFailure:
    return ToolFailure(
        Code.UNSUPPORTED, f"'{echo(target.asked)}' holds what is mounted there, which is neither moved nor removed."
    )
