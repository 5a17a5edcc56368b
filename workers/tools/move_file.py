"""The tool `move_file`: a file or folder gets another name or place, in one step that loses nothing."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.writing.target import Target


class MoveFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Move one file or folder."""

    source: Path
    destination: Annotated[Path, msgspec.Meta(description="Its new path, with its new name.")]
    overwrite: Annotated[bool, msgspec.Meta(description="Replace a file that is there.")] = False
    confirmation_token: Token = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    source: str
    destination: str
    type: str
    replaced: bool


def run(context: "Context", arguments: MoveFile) -> Moved:
    """Move a file or folder; raises ToolFailure, Inquiry."""
    from filewarden.workers.writing.target import open_target

    with (
        open_target(context, arguments.source, makes=False) as source,
        open_target(context, arguments.destination) as destination,
    ):
        _require_movable(context, source, destination, overwrite=arguments.overwrite)
        _confirm(context, source, destination)
        replaced = _move(context, source, destination)
        space = context.space
        return Moved(
            source=space.display(source.folder.root, source.names),
            destination=space.display(destination.folder.root, destination.names),
            type=source.kind,
            replaced=replaced,
        )


def _require_movable(context: "Context", source: "Target", destination: "Target", *, overwrite: bool) -> None:
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.subtree import survey
    from filewarden.workers.writing.write_failures import failures_of

    shown, goal = echo(source.asked), echo(destination.asked)
    if source.state is None:
        raise ToolFailure(Code.NOT_FOUND, f"Path not found: '{shown}'. List its folder to find the right one.")
    if source.kind not in ("file", "directory"):
        # The confinement of workers lets nobody make links or special files, and a rename counts as making.
        raise ToolFailure(Code.UNSUPPORTED, f"'{shown}' is a {source.kind}: only files and directories are moved.")
    if destination.state is not None and not _is_respelt(source, destination):
        if not overwrite:
            raise _taken(destination.asked)
        if "directory" in (source.kind, destination.kind):
            raise ToolFailure(Code.CONFLICT, f"Only a file replaces a file: '{shown}' or '{goal}' is a directory.")
        if (source.state.st_dev, source.state.st_ino) == (destination.state.st_dev, destination.state.st_ino):
            raise ToolFailure(Code.CONFLICT, f"'{shown}' and '{goal}' are the same file. Nothing was changed.")
    if source.kind == "directory":
        with failures_of(source.asked):
            survey(context, source, destination.names)


def _confirm(context: "Context", source: "Target", destination: "Target") -> None:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.identity import mark

    is_replacing = destination.state is not None
    ending = ", which is there and will be replaced?" if is_replacing else "?"
    confirm(
        context,
        f"Move '{echo(source.asked)}' to '{echo(destination.asked)}'{ending}",
        destructive=is_replacing or source.kind == "directory",
        seen=mark(source.state) + b"/" + mark(destination.state),
    )


def _move(context: "Context", source: "Target", destination: "Target") -> bool:
    """Rename it; whether something was replaced."""
    import os

    from filewarden.workers.writing import renames
    from filewarden.workers.writing.publishing import last_move, settle_move
    from filewarden.workers.writing.recording import move_change

    folders = source.folder.fd, destination.folder.fd
    is_replacing = destination.state is not None and not _is_respelt(source, destination)
    with move_change(context, source, destination, displaces=is_replacing):
        try:
            if destination.state is None:
                renames.without_replacing(folders[0], source.name, folders[1], destination.name)
            else:
                os.rename(source.name, destination.name, src_dir_fd=folders[0], dst_dir_fd=folders[1])
        except OSError as error:
            raise _failure(error, source, destination) from None
        settle_move(source, destination)
    last_move(context, source, destination)
    return is_replacing


def _is_respelt(source: "Target", destination: "Target") -> bool:
    """Whether a folding file system takes the new name for another spelling of the old one, as `A` for `a`."""
    from filewarden.workers.paths.deny import fold
    from filewarden.workers.writing.identity import is_same_object

    old, new = source.folder.stat, destination.folder.stat
    return (
        source.name != destination.name
        and fold(source.name) == fold(destination.name)
        and (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino)
        and source.state is not None
        and destination.state is not None
        and is_same_object(source.state, destination.state)
        and (source.kind == "directory" or source.state.st_nlink == 1)
    )


def _failure(error: OSError, source: "Target", destination: "Target") -> "ToolFailure":
    import errno

    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.write_failures import write_failure

    if error.errno == errno.EXDEV:
        return ToolFailure(
            Code.UNSUPPORTED,
            f"'{echo(source.asked)}' and '{echo(destination.asked)}' lie on different file systems, or in roots that "
            "are mounted apart, so one step cannot move it. Nothing was changed; use copy_file, then delete_file.",
        )
    if error.errno == errno.EINVAL and _lies_within(destination, source):
        return ToolFailure(Code.CONFLICT, f"'{echo(source.asked)}' cannot be moved into itself. Nothing was changed.")
    if error.errno == errno.EEXIST:
        return _taken(destination.asked)
    return write_failure(error, source.asked)


def _lies_within(inner: "Target", outer: "Target") -> bool:
    return inner.folder.root is outer.folder.root and inner.names[: len(outer.names)] == outer.names


def _taken(path: str) -> "ToolFailure":
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo

    return ToolFailure(
        Code.ALREADY_EXISTS,
        f"'{echo(path)}' exists already. Set overwrite to replace a file. Nothing was changed.",
    )


TOOL = Tool(
    name="move_file",
    title="Move or rename",
    description="Moves or renames a file or folder in one step. What is at the destination stays, unless overwrite is "
    "set and both are files.",
    arguments=MoveFile,
    result=Moved,
    run=run,
    writes=True,
    destructive=True,
    idempotent=False,
)
