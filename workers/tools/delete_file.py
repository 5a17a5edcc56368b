"""The tool `delete_file`: a file, or a folder with all in it, goes to the trash of its root or for good."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.writing.subtree import Extent
    from filewarden.workers.writing.target import Target


class DeleteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Delete one file or folder."""

    path: Path
    recursive: Annotated[bool, msgspec.Meta(description="A folder with all that is in it.")] = False
    permanent: Annotated[bool, msgspec.Meta(description="For good, not to the trash.")] = False
    confirmation_token: Token = None


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """What was done; `files` and `folders` count what was in a folder."""

    path: str
    type: str
    files: int
    folders: int
    trash_id: str | None
    """What restore_deleted brings it back by; null for what is gone, as a link or a pipe, which has no content."""


def run(context: "Context", arguments: DeleteFile) -> Deleted:
    """Delete a file or folder; raises ToolFailure, Inquiry."""
    from filewarden.workers.writing.target import open_target

    with open_target(context, arguments.path, makes=False) as target:
        extent = _require_deletable(context, target, recursive=arguments.recursive)
        _confirm(context, target, extent, permanent=arguments.permanent)
        is_kept = not arguments.permanent and target.kind in ("file", "directory")
        trash_id = _to_trash(context, target, extent) if is_kept else None
        if trash_id is None:
            _remove(context, target)
        return Deleted(
            path=context.space.display(target.folder.root, target.names),
            type=target.kind,
            files=extent.files,
            folders=extent.folders,
            trash_id=trash_id,
        )


def _require_deletable(context: "Context", target: "Target", *, recursive: bool) -> "Extent":
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.subtree import Extent, survey
    from filewarden.workers.writing.write_failures import failures_of

    shown = echo(target.asked)
    if target.state is None:
        raise ToolFailure(Code.NOT_FOUND, f"Path not found: '{shown}'. List its folder to find the right one.")
    if target.kind != "directory":
        return Extent(0, 0, target.state.st_size if target.kind == "file" else 0)
    with failures_of(target.asked):
        extent = survey(context, target)
    if (extent.files or extent.folders) and not recursive:
        raise ToolFailure(
            Code.CONFLICT,
            f"'{shown}' is a directory that holds {extent.files:,} files and {extent.folders:,} folders. Set recursive "
            "to delete all of it. Nothing was changed.",
            files=extent.files,
            folders=extent.folders,
        )
    return extent


def _confirm(context: "Context", target: "Target", extent: "Extent", *, permanent: bool) -> None:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.identity import mark

    what = f"'{echo(target.asked)}'"
    if target.kind == "directory":
        what += f" with {extent.files:,} files and {extent.folders:,} folders"
    seen = mark(target.state) + b"%d %d %d" % (extent.files, extent.folders, extent.bytes)
    confirm(context, f"Delete {what}{' for good' if permanent else ''}?", destructive=True, seen=seen)


def _to_trash(context: "Context", target: "Target", extent: "Extent") -> str:
    import errno

    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.trash import open_trash
    from filewarden.workers.writing.trash_moves import take
    from filewarden.workers.writing.write_failures import write_failure

    try:
        with open_trash(target.folder.root, context.writing.durability) as trash:
            return take(context, trash, target, extent.bytes)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise write_failure(error, target.asked) from None
        raise ToolFailure(
            Code.UNSUPPORTED,
            f"'{echo(target.asked)}' lies on another file system than its root, where there is no trash. "
            "Nothing was changed; set permanent to delete it for good.",
        ) from None


def _remove(context: "Context", target: "Target") -> None:
    from filewarden.workers.rules.durability import Durability
    from filewarden.workers.writing.drafts import changed, sync_folder
    from filewarden.workers.writing.identity import is_same_object
    from filewarden.workers.writing.recording import removal
    from filewarden.workers.writing.subtree import remove
    from filewarden.workers.writing.write_failures import failures_of

    with failures_of(target.asked):
        now = target.now()
        if now is None or target.state is None or not is_same_object(now, target.state):
            raise changed()
        with removal(context, target, now):
            remove(target, target.name, target.folder.fd)
        if context.writing.durability is Durability.FULL:
            sync_folder(target.folder.fd)


TOOL = Tool(
    name="delete_file",
    title="Delete",
    description="Deletes a file, or with recursive a folder with all in it. It goes to a hidden trash in its root, "
    "from which restore_deleted brings it back; permanent deletes for good. Of a link only the link goes.",
    arguments=DeleteFile,
    result=Deleted,
    run=run,
    writes=True,
    destructive=True,
    idempotent=False,
)
