"""The tool `create_directory`: a folder, and those above it that are missing."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Tool
from filewarden.workers.tools.write_file import Path, Token

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class CreateDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Make one folder."""

    path: Path
    create_parents: Annotated[bool, msgspec.Meta(description="Make missing folders above it too.")] = True
    confirmation_token: Token = None


class DirectoryCreated(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now."""

    path: str
    created: list[str]
    """The folders that were made, the highest first; empty if it was there."""


def run(context: "Context", arguments: CreateDirectory) -> DirectoryCreated:
    """Make a folder; raises ToolFailure, Inquiry."""
    from filewarden.workers.confirmation import confirm
    from filewarden.workers.paths.names import echo
    from filewarden.workers.writing.new_folders import make_folders
    from filewarden.workers.writing.target import open_target

    path = arguments.path.rstrip("/") or arguments.path
    if not arguments.create_parents:
        open_target(context, path).close()  # its folder has to be there
    confirm(context, f"Create the folder '{echo(path)}'?", destructive=False, seen=b"")
    created = make_folders(context, path)
    with context.space.resolve(path) as made:
        return DirectoryCreated(path=made.path, created=created)


TOOL = Tool(
    name="create_directory",
    title="Make a folder",
    description="Makes a folder, and those above it that are missing. One that is there is left as it is.",
    arguments=CreateDirectory,
    result=DirectoryCreated,
    run=run,
    writes=True,
)
