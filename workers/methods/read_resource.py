"""The operation behind `resources/read`: a file as text or bytes, a folder as the list of its names."""

from typing import TYPE_CHECKING

from filewarden.workers.content import ResourceBlock
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.operations import NoFacts, ReadResource
from filewarden.workers.tool import Content, Kind, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle


def run(context: "Context", arguments: ReadResource) -> Content:
    """Read what the URI names; raises ToolFailure."""
    from filewarden.workers.paths.file_uris import path_of

    path = path_of(arguments.uri)
    try:
        handle = context.space.open_file(path)
    except ToolFailure as failure:
        if failure.code is not Code.NOT_A_FILE:
            raise
        return Content((_folder(context, arguments.uri, path),), NoFacts())
    with handle:
        return Content((_file(context, arguments.uri, handle),), NoFacts())


def _file(context: "Context", uri: str, handle: "Handle") -> ResourceBlock:
    from filewarden.workers.reading.media_names import BYTES, PLAIN_TEXT, is_text, type_by_name

    data = _whole(context, handle)
    media_type = type_by_name(handle.names[-1])
    if media_type is None or is_text(media_type):
        text = _text(data)
        if text is not None:
            return ResourceBlock(uri, media_type or PLAIN_TEXT, text=text)
    return ResourceBlock(uri, media_type or BYTES, blob=data)


def _whole(context: "Context", handle: "Handle") -> bytes:
    from filewarden.workers.reading.text_reading import read_up_to

    limit = context.limits.max_file_bytes
    size = handle.stat.st_size
    data = b"" if size > limit else read_up_to(handle.fd, size, limit + 1)
    if max(size, len(data)) > limit:
        raise ToolFailure(
            Code.TOO_LARGE,
            f"File too large: {max(size, len(data)):,} bytes (limit: {limit:,} bytes). A resource is read whole; "
            "the tool read_file reads a part of it.",
            size=size,
            limit=limit,
        )
    return data


def _text(data: bytes) -> str | None:
    """The text, if it is one in UTF-8."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _folder(context: "Context", uri: str, path: str) -> ResourceBlock:
    """A name a line, folders with a slash; a last line in brackets says when there are more."""
    from filewarden.workers.reading.media_names import FOLDER
    from filewarden.workers.tools import list_directory

    listing = list_directory.run(context, list_directory.ListDirectory(path=path)).unfold()
    lines = [f"{entry.name}/" if entry.type == "directory" else entry.name for entry in listing.entries]
    if listing.truncated:
        lines.append("[The folder holds more; the tool list_directory gives all of it, in pages.]")
    return ResourceBlock(uri, FOLDER, text="".join(f"{line}\n" for line in lines))


OPERATION = Tool(
    name="resources/read",
    title="Read a resource",
    description="A file's contents, or a folder's names.",
    arguments=ReadResource,
    result=NoFacts,
    run=run,
    kind=Kind.CONTENT,
)
