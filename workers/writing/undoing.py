"""Taking back one change: each kind is checked against what is there now, asked about, and recorded like any other."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filewarden.workers.confirmation import confirm
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.entry import Kept
from filewarden.workers.history.recorded import FileState, Recorded
from filewarden.workers.history.store import History, unknown
from filewarden.workers.paths.names import echo
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.unkept import Unkept
from filewarden.workers.writing import renames
from filewarden.workers.writing.change_paths import client_path
from filewarden.workers.writing.change_records import changed_since, require_as_left
from filewarden.workers.writing.drafts import Draft, changed, sync_folder
from filewarden.workers.writing.identity import identity_of, is_same, mark
from filewarden.workers.writing.interrupted import root_of_change
from filewarden.workers.writing.publishing import keep, last_move, require_room, settle_move, tidy
from filewarden.workers.writing.recording import content_change, folder_change, move_change
from filewarden.workers.writing.subtree import survey
from filewarden.workers.writing.target import Target, open_target, require_own
from filewarden.workers.writing.trash import find_trash
from filewarden.workers.writing.trash_moves import give_back, take
from filewarden.workers.writing.write_failures import failures_of, made

if TYPE_CHECKING:
    from filewarden.workers.context import Context

RESTORED, REMOVED, MOVED = "restored", "removed", "moved"


def undo(context: "Context", kept: Kept) -> tuple[str, str, tuple[Unkept, ...]]:
    """Take a change back; the path of what was changed, what was done to it, and what could not be brought back.

    Raises:
        ToolFailure: conflict, if it is not as the change has left it; or why a change of it is refused.
        Inquiry: the user has to be asked.
    """
    path = client_path(context.space, kept.recorded.path, root_of_change(context, kept.recorded))
    if path is None:
        raise unknown(kept.identifier)
    if kept.progress == "under_way":
        raise ToolFailure(Code.CONFLICT, f"The change of '{echo(path)}' is being made right now. Try again.")
    unkept: tuple[Unkept, ...] = ()
    with open_target(context, path) as target, failures_of(path):
        match kept.recorded.action:
            case "content":
                done, unkept = _undo_content(context, kept, target)
            case "folder":
                done = _undo_folder(context, kept, target)
            case "move":
                done, unkept = _undo_move(context, kept, target)
            case "trash":
                done = _undo_trash(context, kept, target)
            case "restore":
                done = _undo_restore(context, kept, target)
            case "removal":
                raise ToolFailure(
                    Code.UNSUPPORTED,
                    f"'{echo(path)}' was removed for good, and was no single file: it cannot be brought back.",
                )
        return context.space.display(target.folder.root, target.names), done, unkept


def _ask(context: "Context", target: Target) -> None:
    confirm(context, f"Undo the change of '{echo(target.asked)}'?", destructive=True, seen=mark(target.state))


def _undo_content(context: "Context", kept: Kept, target: Target) -> tuple[str, tuple[Unkept, ...]]:
    recorded = kept.recorded
    require_as_left(context, target, recorded.after, recorded.before)
    _ask(context, target)
    if recorded.before is not None:
        return RESTORED, _put(context, kept, target, recorded.before)
    seen = target.state
    if seen is None:
        raise changed()
    with content_change(context, target, None):
        now = target.now()
        if now is None or not is_same(now, seen):
            raise changed()
        os.unlink(target.name, dir_fd=target.folder.fd)
    _last(context, target)
    return REMOVED, ()


def _put(context: "Context", kept: Kept, target: Target, before: FileState) -> tuple[Unkept, ...]:
    """Write the content that was there, with its mode; what else could not be brought back."""
    with _drafted(context, kept, target, before) as new:
        if target.state is not None:
            require_own(target, target.state)
            keep(new, target)
            _take_rights(new, before)
        with content_change(context, target, before, new):
            if target.state is None:
                new.create(target.name)
            else:
                new.replace(target.name, target.state)
        with made():
            new.last()
    tidy(target)
    return new.unkept


def _take_rights(new: Draft, before: FileState) -> None:
    new.take_rights(before.mode, before.owner, before.group, has_list=before.has_access_list)


@contextlib.contextmanager
def _drafted(context: "Context", kept: Kept, target: Target, before: FileState) -> Iterator[Draft]:
    """A draft of the content that was there, with its mode, beside a target."""
    require_room(context, target, before.size)
    with Draft(target.folder.fd, context.writing.durability) as new:
        _take_rights(new, before)
        digest = hashlib.sha256(usedforsecurity=False)
        for block in kept.blocks():
            if context.is_overdue():
                raise ToolFailure(Code.TIMEOUT, "Timeout: there was no time to write it back. Nothing was changed.")
            new.write(block)
            digest.update(block)
        if digest.hexdigest() != before.sha256:
            raise ToolFailure(Code.IO_ERROR, "What was kept of the file is damaged. Nothing was changed.")
        yield new


def _undo_folder(context: "Context", kept: Kept, target: Target) -> str:
    recorded = kept.recorded
    comes = recorded.after is None
    is_there = target.kind == "directory"
    mode = (recorded.before or recorded.after or FileState("", 0, 0o755)).mode
    if comes == is_there or (comes and target.state is not None):
        raise changed_since(target.asked)
    _ask(context, target)
    with folder_change(context, target, comes=comes, mode=mode):
        if comes:
            os.mkdir(target.name, mode, dir_fd=target.folder.fd)
        else:
            try:
                os.rmdir(target.name, dir_fd=target.folder.fd)
            except OSError as error:
                raise _not_empty(error, target) from None
    _last(context, target)
    return RESTORED if comes else REMOVED


def _not_empty(error: OSError, target: Target) -> Exception:
    import errno

    return changed_since(target.asked) if error.errno in (errno.ENOTEMPTY, errno.EEXIST) else error


def _undo_move(context: "Context", kept: Kept, target: Target) -> tuple[str, tuple[Unkept, ...]]:
    recorded = kept.recorded
    origin = client_path(context.space, recorded.source, root_of_change(context, recorded))
    if origin is None:
        raise unknown(kept.identifier)
    if target.state is None or recorded.identity != identity_of(target.state):
        raise changed_since(target.asked)
    with open_target(context, origin) as source:
        require_as_left(context, source, recorded.after, None)
        if target.kind == "directory":
            survey(context, target, source.names)
        _ask(context, target)
        with _refill(context, kept, target) as new:
            with move_change(
                context,
                target,
                source,
                displaces=source.state is not None,
                refilled=recorded.before,
                draft=new,
            ):
                _move_back(target, source)
                if new is not None:
                    _put_there(new, target)
            last_move(context, target, source)
    return MOVED, () if new is None else new.unkept


def _refill(
    context: "Context", kept: Kept, target: Target
) -> contextlib.AbstractContextManager[Draft] | contextlib.nullcontext[None]:
    """A draft of what the move had displaced, made before anything goes back."""
    before = kept.recorded.before
    return contextlib.nullcontext() if before is None else _drafted(context, kept, target, before)


def _move_back(target: Target, source: Target) -> None:
    folders = target.folder.fd, source.folder.fd
    if source.state is not None:
        os.rename(target.name, source.name, src_dir_fd=folders[0], dst_dir_fd=folders[1])
    else:
        renames.without_replacing(folders[0], target.name, folders[1], source.name)
    settle_move(target, source)


def _put_there(new: Draft, target: Target) -> None:
    """Bring back what the move had displaced: it has gone back itself by now, so whatever fails leaves that so."""
    try:
        new.create(target.name)
    except OSError as error:
        raise ToolFailure(
            Code.IO_ERROR,
            f"What was moved is back, but what it had replaced at '{echo(target.asked)}' could not be put there: "
            f"{os.strerror(error.errno or 0)}.",
            outcome="unknown",
        ) from None


def finish(context: "Context", history: History, identifier: str) -> bool:
    """Do the second half of an interrupted undo of a move: bring back what the move had displaced.

    Whether it was one, and is whole now.

    Raises:
        ToolFailure, OSError: what is to come back is not kept any more, or cannot be put there.
    """
    with history.interrupted(identifier) as undone:
        is_whole = undone is not None and _finish(context, history, undone.recorded)
        if is_whole:
            history.settle(identifier)
        return is_whole


def _finish(context: "Context", history: History, recorded: Recorded) -> bool:
    if recorded.action != "move" or recorded.after is None or not recorded.undoes:
        return False
    there, here = client_path(context.space, recorded.path), client_path(context.space, recorded.source)
    if there is None or here is None:
        return False
    with open_target(context, there) as back, open_target(context, here) as gap:
        if back.state is None or recorded.identity != identity_of(back.state) or gap.state is not None:
            return False
        with history.kept(recorded.undoes) as kept, _drafted(context, kept, gap, recorded.after) as new:
            new.create(gap.name)
            with made():
                new.last()
    return True


def _undo_trash(context: "Context", kept: Kept, target: Target) -> str:
    recorded, root = kept.recorded, target.folder.root
    if target.state is not None:
        raise changed_since(target.asked)
    with find_trash(root, context.writing.durability) as trash:
        if trash is None:
            raise changed_since(target.asked)
        with trash.item(recorded.trash_id, root) as item:
            if item.state is None or recorded.identity != identity_of(item.state):
                raise changed_since(target.asked)
            _ask(context, target)
            give_back(context, trash, recorded.trash_id, item, target)
    return RESTORED


def _undo_restore(context: "Context", kept: Kept, target: Target) -> str:
    from filewarden.workers.writing.trash import open_trash

    if target.state is None or kept.recorded.identity != identity_of(target.state):
        raise changed_since(target.asked)
    is_folder = stat.S_ISDIR(target.state.st_mode)
    size = survey(context, target).bytes if is_folder else target.state.st_size
    _ask(context, target)
    with open_trash(target.folder.root, context.writing.durability) as trash:
        take(context, trash, target, size)
    return REMOVED


def _last(context: "Context", target: Target) -> None:
    """Make a name that came or went last."""
    if context.writing.durability is Durability.FULL:
        with contextlib.suppress(FileNotFoundError):
            sync_folder(target.folder.fd)
