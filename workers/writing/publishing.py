"""How every tool puts new content in its place: room is made sure of, orphans are swept, what must stay is kept."""

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.recorded import FileState
from filewarden.workers.paths.names import echo
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.unkept import Unkept
from filewarden.workers.steps import Claim, Steps
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import KEPT_MODE, NEW_MODE, Draft, changed, sweep, sync_folder
from filewarden.workers.writing.identity import is_same_object
from filewarden.workers.writing.old_version import open_old
from filewarden.workers.writing.recording import early_content_change, state_of
from filewarden.workers.writing.target import Target, require_own
from filewarden.workers.writing.write_failures import failures_of, made, write_failure

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class Published(NamedTuple):
    """What is there now, and what could not be kept of what was replaced."""

    state: FileState
    unkept: tuple[Unkept, ...] = ()


def create(context: "Context", target: Target, data: bytes) -> Steps[Published]:
    """Make a new file; what it is.

    Raises:
        ToolFailure: already_exists, if somebody was faster; or what the file system says.
    """
    require_room(context, target, len(data))
    tidy(target)
    after = state_of(data, NEW_MODE)
    try:
        with (
            early_content_change(context, target, after) as change,
            Draft(target.folder.fd, context.writing.durability) as new,
        ):
            new.write(data)
            new.take_mode(NEW_MODE)
            yield change.flushes + new.flushes
            new.flush()
            change.last()
            new.create(target.name)
            with made():
                yield new.last_flushes(place_of_folder(target))
                new.last()
    except OSError as error:
        raise write_failure(error, target.asked) from None
    return Published(after)


def replace(context: "Context", target: Target, seen: os.stat_result, data: bytes) -> Steps[Published]:
    """Put a new version in the place of a file that is still as it was `seen`: mode and attributes stay.

    Raises:
        ToolFailure: conflict, if it is not; or what the file system says.
    """
    require_own(target, seen)
    require_room(context, target, len(data))
    tidy(target)
    try:
        after = state_of(data, seen.st_mode & KEPT_MODE)
        with (
            early_content_change(context, target, after) as change,
            Draft(target.folder.fd, context.writing.durability) as new,
        ):
            keep(new, target)
            new.write(data)
            yield change.flushes + new.flushes
            new.flush()
            change.last()
            new.replace(target.name, seen)
            with made():
                yield new.last_flushes(place_of_folder(target))
                new.last()
    except OSError as error:
        raise write_failure(error, target.asked) from None
    let_go(context, target)
    return Published(after, new.unkept)


def claimed(target: Target, size: int) -> Steps[Target]:
    """Say that another content comes to a target, for which `size` bytes are held in memory; it is closed at an end."""
    try:
        yield _claim(target, size)
    except BaseException:
        target.close()
        raise
    return target


def _claim(target: Target, size: int) -> Claim:
    places: tuple[object, ...] = ((place_of_folder(target), target.name),)
    if target.state is not None:
        places += ((target.state.st_dev, target.state.st_ino),)  # by another name it is the same file
        size += target.state.st_size
    return Claim(places, size)


def place_of_folder(target: Target) -> object:
    """What tells a target's folder from others."""
    state = target.folder.stat
    return "folder", state.st_dev, state.st_ino


def keep(new: Draft, target: Target) -> None:
    """Give a draft the rights and the attributes of the file that it replaces; raises ToolFailure, OSError."""
    old = open_old(target)
    new.take_attributes(old.fd)
    new.take_rights(old.stat.st_mode, old.stat.st_uid, old.stat.st_gid)


def let_go(context: "Context", target: Target) -> None:
    """Close what was replaced, which has no name any more: its blocks go with that, and nobody has to wait for it."""
    if target.old is not None:
        context.journal.let_go.add(target.old.release())


def settle_move(source: Target, destination: Target) -> None:
    """See that what was renamed is what was looked at.

    What came in its place meanwhile is put back, unless something was replaced for it.

    Raises:
        ToolFailure: conflict.
    """
    with failures_of(source.asked):
        with made():
            moved = destination.now()
        if moved is not None and source.state is not None and not is_same_object(moved, source.state):
            if destination.state is None:
                renames.without_replacing(destination.folder.fd, destination.name, source.folder.fd, source.name)
                raise changed()
            raise ToolFailure(
                Code.CONFLICT,
                f"'{echo(source.asked)}' became something else at the moment of its move, and that was moved. Look at "
                "both places.",
                outcome="unknown",
            )


def last_move(context: "Context", source: Target, destination: Target) -> None:
    """Make both names of a move last; raises ToolFailure."""
    if context.writing.durability is Durability.FULL:
        with failures_of(source.asked):
            sync_folder(source.folder.fd)
            sync_folder(destination.folder.fd)


def require_room(context: "Context", target: Target, size: int) -> None:
    """Refuse what would leave less free space than the operator wants left.

    Raises:
        ToolFailure: io_error.
    """
    floor = context.writing.min_free_bytes
    if not floor:
        return
    with failures_of(target.asked):
        state = os.fstatvfs(target.folder.fd)
    free = state.f_bavail * state.f_frsize
    if free - size < floor:
        raise ToolFailure(
            Code.IO_ERROR,
            f"No space: '{echo(target.asked)}' would leave less than {floor:,} bytes free (writes.min_free_bytes). "
            "Nothing was changed.",
            errno="ENOSPC",
            free=free,
        )


_swept: set[tuple[int, int]] = set()
_MOST_SWEPT = 4096


def tidy(target: Target) -> None:
    """Take away what a writer that was killed has left in this folder; once in the life of a worker."""
    state = target.folder.stat
    place = (state.st_dev, state.st_ino)
    if place in _swept:
        return
    if len(_swept) >= _MOST_SWEPT:
        _swept.clear()
    _swept.add(place)
    with contextlib.suppress(OSError):  # a folder that may be written to and not listed
        sweep(target.folder.fd)
