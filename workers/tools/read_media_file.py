"""The tool `read_media_file`: a picture or a sound, as a block that a model can look at or listen to."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Content, Kind, Tool

if TYPE_CHECKING:
    from filewarden.workers.content import Block
    from filewarden.workers.context import Context


class ReadMediaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read one picture or sound."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]


class MediaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about a picture or sound beside it."""

    path: str
    size: int
    mime_type: str
    changed_during_read: bool = False


def run(context: "Context", arguments: ReadMediaFile) -> Content:
    """Read a picture or sound; raises ToolFailure."""
    import os

    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.handle import has_changed
    from filewarden.workers.reading.media_type import HEAD_BYTES, media_type
    from filewarden.workers.reading.text_reading import read_up_to

    limit = context.limits.max_media_bytes
    with context.space.open_file(arguments.path) as handle:
        size = handle.stat.st_size
        try:
            mime_type = media_type(os.pread(handle.fd, HEAD_BYTES, 0))
            if mime_type is None:
                raise _refused(arguments.path)
            data = b"" if size > limit else read_up_to(handle.fd, size, limit + 1)
        except OSError as error:
            raise ToolFailure(
                Code.IO_ERROR, f"The file could not be read (error {error.errno}). Try again later."
            ) from None
        if max(size, len(data)) > limit:
            raise ToolFailure(
                Code.TOO_LARGE,
                f"File too large: {max(size, len(data)):,} bytes (limit for pictures and sounds: {limit:,} bytes).",
                size=size,
                limit=limit,
            )
        facts = MediaFacts(
            path=handle.path, size=len(data), mime_type=mime_type, changed_during_read=has_changed(handle)
        )
    return Content((_block(data, mime_type),), facts)


def _block(data: bytes, mime_type: str) -> "Block":
    from filewarden.workers.content import AudioBlock, ImageBlock

    return ImageBlock(data, mime_type) if mime_type.startswith("image/") else AudioBlock(data, mime_type)


def _refused(path: str) -> Exception:
    from filewarden.workers.errors import Code, ToolFailure
    from filewarden.workers.paths.names import echo
    from filewarden.workers.reading.media_type import PICTURES, SOUNDS

    return ToolFailure(
        Code.UNSUPPORTED,
        f"'{echo(path)}' is no picture or sound that can be shown, whatever its name says. Allowed are "
        f"{', '.join(PICTURES)}; {', '.join(SOUNDS)}. Read text, SVG too, and anything else with read_file.",
        allowed=[*PICTURES, *SOUNDS],
    )


TOOL = Tool(
    name="read_media_file",
    title="Read a picture or sound",
    description="Shows a picture (PNG, JPEG, GIF, WebP) or sound (WAV, MP3, Ogg, FLAC, M4A), whatever the file's name.",
    arguments=ReadMediaFile,
    result=MediaFacts,
    run=run,
    kind=Kind.CONTENT,
)
