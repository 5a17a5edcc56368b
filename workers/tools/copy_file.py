"""The tool `copy_file`: a second file with the same bytes."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Lost, Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.writing.drafts import Draft
    from filewarden.workers.writing.target import Target

BLOCK_BYTES = 1 << 20


class CopyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Copy one file."""

    source: Path
    destination: Annotated[Path, msgspec.Meta(description="The path of the copy, with its name.")]
    overwrite: Annotated[bool, msgspec.Meta(description="Replace a file that is there.")] = False
    confirmation_token: Token = None


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """The copy."""

    source: str
    destination: str
    size: int
    sha256: str
    replaced: bool
    unkept: Lost = msgspec.UNSET


def run(context: "Context", arguments: CopyFile) -> Copied:
    """Copy a file; raises ToolFailure, Inquiry."""
    from filewarden.workers.writing.target import open_target

    with (
        context.space.open_file(arguments.source) as source,
        open_target(context, arguments.destination, follow=True) as destination,
    ):
        _require_place(source, destination, overwrite=arguments.overwrite)
        _confirm(context, arguments, source, destination)
        size, digest, unkept = _copy(context, source, destination)
        return Copied(
            source=source.path,
            destination=context.space.display(destination.folder.root, destination.names),
            size=size,
            sha256=digest,
            replaced=destination.state is not None,
            unkept=unkept,
        )


def _require_place(source: "Handle", destination: "Target", *, overwrite: bool) -> None:
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.identity import is_same_object
    from filewarden.workers.writing.target import require_file, require_own

    if destination.state is None:
        return
    shown = echo(destination.asked)
    if not overwrite:
        raise ToolFailure(
            Code.ALREADY_EXISTS, f"'{shown}' exists already. Set overwrite to replace a file. Nothing was changed."
        )
    require_own(destination, require_file(destination))
    if is_same_object(source.stat, destination.state):
        raise ToolFailure(Code.CONFLICT, f"'{shown}' is the same file as its source. Nothing was changed.")


def _confirm(context: "Context", arguments: CopyFile, source: "Handle", destination: "Target") -> None:
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.identity import mark

    is_replacing = destination.state is not None
    ending = ", which is there and will be replaced?" if is_replacing else "?"
    confirm(
        context,
        f"Copy '{echo(arguments.source)}' to '{echo(arguments.destination)}'{ending}",
        destructive=is_replacing,
        seen=mark(source.stat) + b"/" + mark(destination.state),
    )


def _copy(context: "Context", source: "Handle", destination: "Target") -> tuple[int, str, Lost]:
    """Copy the bytes; their number, their SHA-256, and what of the file that was there could not be kept."""
    import os

    from filewarden.workers.history.recorded import FileState
    from filewarden.workers.writing.drafts import Draft
    from filewarden.workers.writing.publishing import keep, require_room, tidy
    from filewarden.workers.writing.recording import content_change
    from filewarden.workers.writing.write_failures import failures_of, made

    require_room(context, destination, source.stat.st_size)
    with failures_of(destination.asked), Draft(destination.folder.fd, context.writing.durability) as new:
        if destination.state is None:
            new.take_attributes(source.fd)
            new.take_mode(source.stat.st_mode & 0o755)  # nobody else may change what is new
        else:
            keep(new, destination)
        found = _transfer(context, source, new)
        after = FileState(found[1], found[0], os.fstat(new.fd).st_mode & 0o777)
        with content_change(context, destination, after, new):
            if destination.state is None:
                new.create(destination.name)
            else:
                new.replace(destination.name, destination.state)
        with made():
            new.last()
    tidy(destination)
    return *found, new.unkept or msgspec.UNSET


def _transfer(context: "Context", source: "Handle", new: "Draft") -> tuple[int, str]:
    import hashlib
    import os

    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.handle import has_changed
    from filewarden.workers.writing.drafts import changed

    digest, done, size = hashlib.sha256(usedforsecurity=False), 0, source.stat.st_size
    while block := os.pread(source.fd, min(BLOCK_BYTES, size + 1 - done), done):
        if context.is_overdue():
            raise ToolFailure(
                Code.TIMEOUT, f"Timeout: {done:,} of {size:,} bytes were copied in time. Nothing was changed."
            )
        new.write(block)
        digest.update(block)
        done += len(block)
        context.progress(done, max(size, done), "Copying")
    if done != size or has_changed(source):
        raise changed()
    return done, digest.hexdigest()


TOOL = Tool(
    name="copy_file",
    title="Copy a file",
    description="Copies one file, of any size, with its mode. What is at the destination stays unless "
    "overwrite is set.",
    arguments=CopyFile,
    result=Copied,
    run=run,
    writes=True,
    destructive=True,
    idempotent=False,
)
