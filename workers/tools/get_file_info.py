"""The tool `get_file_info`: what is known about one path without reading it."""

from functools import cache
from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.reading.file_info import FileInfo
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from filewarden.workers.context import Context


class GetFileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Describe one file or folder."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]
    checksum: Annotated[bool, msgspec.Meta(description="Add the SHA-256 of a file.")] = False


@cache
def _describe() -> "Callable[..., FileInfo]":
    """Found once, in the worker: an import takes its time even where it finds everything there."""
    from filewarden.workers.reading.description import describe

    return describe


def run(context: "Context", arguments: GetFileInfo) -> FileInfo:
    """Describe one path; a link that leads nowhere allowed is described itself."""
    return _describe()(context, arguments.path, with_checksum=arguments.checksum)


TOOL = Tool(
    name="get_file_info",
    title="Describe a path",
    description="Describes one file or folder: type, bytes, times (seconds since 1970), rights. For many use "
    "list_directory.",
    arguments=GetFileInfo,
    result=FileInfo,
    run=run,
)
