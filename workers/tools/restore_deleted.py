"""The tool `restore_deleted`: what is in the trash, and the way back from it."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.root import Root
    from filewarden.workers.writing.trash import Trash

_SHORTEST_ITEM_CHARS = 140


class RestoreDeleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Restore one deletion, or list those that can be restored."""

    trash_id: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None,
        msgspec.Meta(description="As delete_file gave it; without it what can be restored is listed."),
    ] = None
    destination: Annotated[Path | None, msgspec.Meta(description="Default: where it was.")] = None
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the page before.")] = None
    confirmation_token: Token = None


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in the trash."""

    trash_id: str
    path: str
    """Where it was."""
    type: str
    size: int | None
    """In bytes, of all files in a folder; null where nobody has counted."""
    time: str
    """When it was deleted, in UTC."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is now, or a page of the list, the latest deletion first."""

    path: str | msgspec.UnsetType = msgspec.UNSET
    deletions: list[Deletion] | msgspec.UnsetType = msgspec.UNSET
    truncated: bool | msgspec.UnsetType = msgspec.UNSET
    next_cursor: str | msgspec.UnsetType = msgspec.UNSET


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last deletion that was looked at."""

    identifier: str


def run(context: "Context", arguments: RestoreDeleted) -> Restored:
    """Restore a deletion, or list them; raises ToolFailure, Inquiry."""
    from filewarden.workers.errors import Code, ToolFailure

    if arguments.trash_id is None:
        if arguments.destination is not None:
            raise ToolFailure(Code.INVALID_ARGUMENT, "A destination needs a trash_id: without one there is a list.")
        return _list(context, arguments.cursor)
    if arguments.cursor is not None:
        raise ToolFailure(Code.INVALID_ARGUMENT, "A cursor continues the list, and goes without a trash_id.")
    return _find(context, arguments, arguments.trash_id)


def _list(context: "Context", cursor: str | None) -> Restored:
    from filewarden.workers import cursors
    from filewarden.workers.writing.deletions import deleted_at, latest_first, waiting

    before = None if cursor is None else cursors.read(cursor, _Position).identifier
    deletions: list[Deletion] = []
    room, last = context.limits.max_answer_chars, ""
    for identifier, root in latest_first(context, before):
        if last and (room < 0 or context.is_overdue()):
            return Restored(deletions=deletions, truncated=True, next_cursor=cursors.write(_Position(last)))
        last = identifier
        found = waiting(context, root, identifier)
        if found is not None:
            time = deleted_at(identifier)
            deletions.append(
                Deletion(trash_id=identifier, path=found.path, type=found.type, size=found.size, time=time)
            )
            room -= _SHORTEST_ITEM_CHARS + 2 * len(found.path)
    return Restored(deletions=deletions, truncated=False)


def _find(context: "Context", arguments: RestoreDeleted, trash_id: str) -> Restored:
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.writing.deletions import is_hidden
    from filewarden.workers.writing.trash import find_trash
    from filewarden.workers.writing.trash_entry import unknown
    from filewarden.workers.writing.write_failures import failures_of

    for root in context.space.roots:
        with failures_of(trash_id), find_trash(root, context.writing.durability) as trash:
            if trash is None:
                continue
            try:
                origin = trash.told(trash_id).place
            except ToolFailure as failure:
                if failure.code is not Code.NOT_FOUND:
                    raise
                continue
            if is_hidden(context, root, origin):
                continue
            default = context.space.display(root, tuple(origin.split(b"/")))
            return _restore(context, trash, root, trash_id, arguments.destination or default)
    raise unknown(trash_id)


def _restore(context: "Context", trash: "Trash", root: "Root", trash_id: str, path: str) -> Restored:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.new_folders import folder_of, make_folders, name_of, require_name
    from filewarden.workers.writing.target import open_target
    from filewarden.workers.writing.trash_moves import give_back
    from filewarden.workers.writing.write_failures import failures_of

    with trash.item(trash_id, root) as item, failures_of(path):
        confirm(context, f"Restore '{echo(path)}' from the trash?", destructive=False, seen=b"")
        if folder_of(path):
            require_name(path)
            make_folders(context, folder_of(path), name_of(path))
        with open_target(context, path) as target:
            give_back(context, trash, trash_id, item, target)
            return Restored(path=context.space.display(target.folder.root, target.names))


TOOL = Tool(
    name="restore_deleted",
    title="Restore from the trash",
    description="Brings back what delete_file has put into the trash, where nothing else has come to be meanwhile; "
    "without a trash_id lists what is there.",
    arguments=RestoreDeleted,
    result=Restored,
    run=run,
    writes=True,
    idempotent=False,
)
