"""The tool `restore_deleted`: what was deleted comes back from the trash."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.root import Root
    from filewarden.workers.writing.trash import Trash


class RestoreDeleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Restore one deletion."""

    trash_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="As delete_file gave it.")]
    destination: Annotated[Path | None, msgspec.Meta(description="Default: where it was.")] = None
    confirmation_token: Token = None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is now."""

    path: str


def run(context: "Context", arguments: RestoreDeleted) -> Restored:
    """Restore a deletion; raises ToolFailure, Inquiry."""
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.writing.trash import find_trash, unknown
    from filewarden.workers.writing.write_failures import failures_of

    for root in context.space.roots:
        with failures_of(arguments.trash_id), find_trash(root, context.writing.durability) as trash:
            if trash is None:
                continue
            try:
                origin = trash.origin(arguments.trash_id)
            except ToolFailure as failure:
                if failure.code is not Code.NOT_FOUND:
                    raise
                continue
            default = context.space.display(root, tuple(origin.split(b"/")))
            return _restore(context, trash, root, arguments, arguments.destination or default)
    raise unknown(arguments.trash_id)


def _restore(context: "Context", trash: "Trash", root: "Root", arguments: RestoreDeleted, path: str) -> Restored:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.new_folders import folder_of, make_folders, name_of
    from filewarden.workers.writing.target import open_target
    from filewarden.workers.writing.trash_moves import give_back
    from filewarden.workers.writing.write_failures import failures_of

    with trash.item(arguments.trash_id, root) as item, failures_of(path):
        confirm(context, f"Restore '{echo(path)}' from the trash?", destructive=False, seen=b"")
        if folder_of(path):
            make_folders(context, folder_of(path), name_of(path))
        with open_target(context, path) as target:
            give_back(context, trash, arguments.trash_id, item, target)
            return Restored(path=context.space.display(target.folder.root, target.names))


TOOL = Tool(
    name="restore_deleted",
    title="Restore from the trash",
    description="Brings back what delete_file has put into the trash, where nothing else has come to be meanwhile.",
    arguments=RestoreDeleted,
    result=Restored,
    run=run,
    writes=True,
    idempotent=False,
)
