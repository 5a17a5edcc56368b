"""The tool `undo_change`: what one change has done is taken back, where nothing else has come to it since."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Lost, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class UndoChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Undo one change."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="As list_changes gives it.")]
    confirmation_token: Token = None


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    id: str
    path: str
    done: str
    """`restored`, `removed` or `moved`."""
    size: int
    """Of the content that was put back."""
    unkept: Lost = msgspec.UNSET


def run(context: "Context", arguments: UndoChange) -> Undone:
    """Undo a change; raises ToolFailure, Inquiry."""
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.history.entry import unreadable
    from filewarden.workers.writing.change_records import require_history
    from filewarden.workers.writing.interrupted import resolve
    from filewarden.workers.writing.undoing import finish, undo

    history = require_history(context)
    try:
        verdict = resolve(context, history, arguments.id)
        if verdict == "unknown":
            finish(context, history, arguments.id)
    except OSError:
        raise unreadable(arguments.id) from None
    if verdict == "not_made":
        raise ToolFailure(Code.CONFLICT, "That change was interrupted and never made, so there is nothing to undo.")
    with history.kept(arguments.id) as kept:
        journal = context.journal.undoing(arguments.id)
        path, done, unkept = undo(msgspec.structs.replace(context, journal=journal), kept)
        return Undone(id=arguments.id, path=path, done=done, size=kept.size, unkept=unkept or msgspec.UNSET)


TOOL = Tool(
    name="undo_change",
    title="Undo a change",
    description="Takes one change back: content and mode as they were, or what was made goes, or what was moved comes "
    "back. Refused if the file has changed since. It is a change itself and can be undone.",
    arguments=UndoChange,
    result=Undone,
    run=run,
    writes=True,
    destructive=True,
    idempotent=False,
    needs_history=True,
)
