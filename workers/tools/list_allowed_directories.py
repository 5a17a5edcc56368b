"""The tool `list_allowed_directories`: the roots, as paths of other tools begin with them."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context


class ListAllowedDirectories(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """List the roots."""


class AllowedDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """One root."""

    name: str
    path: Annotated[str, msgspec.Meta(description="What paths in it begin with; . stands for nothing.")]
    mode: Annotated[Literal["ro", "rw"], msgspec.Meta(description="rw: files can be written and changed.")]


class AllowedDirectories(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `list_allowed_directories`."""

    total: int
    directories: list[AllowedDirectory]


def run(context: "Context", _arguments: ListAllowedDirectories) -> AllowedDirectories:
    """List the roots; where they lie on the host is not told."""
    import os

    from filewarden.workers.paths.names import show

    space = context.space
    directories = [
        AllowedDirectory(
            name=show(os.fsencode(root.name)), path=space.display(root, ()), mode="rw" if root.writable else "ro"
        )
        for root in space.roots
    ]
    return AllowedDirectories(total=len(directories), directories=directories)


TOOL = Tool(
    name="list_allowed_directories",
    title="List the allowed folders",
    description="Lists the folders that calls reach, and whether they can be written. With several, a path begins with "
    'the name of one: "docs/a.md".',
    arguments=ListAllowedDirectories,
    result=AllowedDirectories,
    run=run,
)
