"""The tool `list_changes`: what was changed through this server, the newest first."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Collection

    from filewarden.workers.context import Context
    from filewarden.workers.history.entry import Kept
    from filewarden.workers.history.store import History

_SHORTEST_ITEM_CHARS = 160


class ListChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """List changes."""

    path: Annotated[
        str, msgspec.Meta(min_length=1, max_length=16384, description="Only of this file, or in this folder.")
    ] = "."
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the page before.")] = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change."""

    id: str
    time: str
    """When it was made, in UTC."""
    operation: str
    action: str
    path: str
    source: str | msgspec.UnsetType = msgspec.UNSET
    """Where it was before its move."""
    progress: str
    """`made`, `under_way`, or `interrupted`: then what is there does not tell whether it was made."""
    size_before: int | None
    """Of the file that was there; null where there was none."""
    size_after: int | None
    undoes: str | msgspec.UnsetType = msgspec.UNSET
    principal: str


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list."""

    changes: list[Change]
    truncated: bool
    lost: int | msgspec.UnsetType = msgspec.UNSET
    """How many more there were, of which what is kept is damaged."""
    next_cursor: str | msgspec.UnsetType = msgspec.UNSET


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last change that was looked at."""

    asked: int
    identifier: str


def run(context: "Context", arguments: ListChanges) -> Changes:
    """List changes; raises ToolFailure."""
    from filewarden.workers import cursors
    from filewarden.workers.writing.change_paths import places_of
    from filewarden.workers.writing.change_records import require_history
    from filewarden.workers.writing.interrupted import resolve_all

    history = require_history(context)
    places = places_of(context.space, arguments.path)
    resolve_all(context, history)
    asked = cursors.fingerprint(arguments.path)
    before = None
    if arguments.cursor is not None:
        position = cursors.read(arguments.cursor, _Position)
        if position.asked != asked:
            raise cursors.foreign()
        before = position.identifier
    names = [name for name in history.names() if before is None or name < before]
    page, seen = _page(context, history, places, names)
    if history.lost and before is None:
        page = msgspec.structs.replace(page, lost=history.lost + (page.lost or 0))
    if seen == len(names):
        return page
    cursor = cursors.write(_Position(asked, names[seen - 1]))
    return msgspec.structs.replace(page, truncated=True, next_cursor=cursor)


def _page(
    context: "Context", history: "History", places: "Collection[str] | None", names: list[str]
) -> tuple[Changes, int]:
    """As many changes as an answer holds, and how many ids were looked at for them."""
    from filewarden.workers.errors import Code, ToolFailure

    changes: list[Change] = []
    room, lost, seen = context.limits.max_answer_chars, 0, 0
    for name in names:
        if seen and (room < 0 or context.is_overdue()):
            break
        seen += 1
        try:
            with history.kept(name) as kept:
                change = _change(context, kept, places)
        except ToolFailure as failure:
            lost += failure.code is Code.IO_ERROR  # else it was forgotten meanwhile
            continue
        if change is not None:
            changes.append(change)
            room -= _SHORTEST_ITEM_CHARS + 2 * len(change.path) + 2 * len(change.source or "")
    return Changes(changes=changes, truncated=False, lost=lost or msgspec.UNSET), seen


def _change(context: "Context", kept: "Kept", places: "Collection[str] | None") -> Change | None:
    import time

    from filewarden.workers.writing.change_paths import client_path, lies_in

    recorded = kept.recorded
    path = client_path(context.space, recorded.path)
    source = client_path(context.space, recorded.source) if recorded.source else ""
    if path is None or source is None:
        return None
    if places is not None and not any(place and lies_in(place, places) for place in (recorded.path, recorded.source)):
        return None
    return Change(
        id=kept.identifier,
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(kept.seconds)),
        operation=recorded.operation,
        action=recorded.action,
        path=path,
        source=source or msgspec.UNSET,
        progress=kept.progress,
        size_before=None if recorded.before is None else recorded.before.size,
        size_after=None if recorded.after is None else recorded.after.size,
        undoes=recorded.undoes or msgspec.UNSET,
        principal=recorded.principal,
    )


TOOL = Tool(
    name="list_changes",
    title="List changes",
    description="Lists the changes that were made through this server, the newest first. undo_change takes one back by "
    "its id.",
    arguments=ListChanges,
    result=Changes,
    run=run,
    writes=True,
    needs_history=True,
    is_look=True,
)
