"""The tool `read_file`: a file's text, whole or a range of lines or bytes; what is no text comes as base64."""

from functools import cache
from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.ahead import AHEAD_BYTES
from filewarden.workers.text.text_facts import TextFacts
from filewarden.workers.tool import Kind, Text, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from filewarden.workers.context import Context
    from filewarden.workers.reading.piece import Reading

MOST_SHOWN_CHARS = 500_000
"""The most that clients take without setting it aside in a file of theirs (`anthropic/maxResultSizeChars`)."""

Count = Annotated[int, msgspec.Meta(ge=1)]
EncodingName = Annotated[str, msgspec.Meta(max_length=64, description="auto detects it.")]
LineNumbers = Annotated[bool, msgspec.Meta(description="Before each line and a tab; long lines are clipped.")]


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read one file."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")]
    encoding: EncodingName = "utf-8"
    offset: Annotated[Count | None, msgspec.Meta(description="First line, from 1.")] = None
    limit: Annotated[Count | None, msgspec.Meta(description="How many lines.")] = None
    head: Annotated[Count | None, msgspec.Meta(description="So many first lines.")] = None
    tail: Annotated[Count | None, msgspec.Meta(description="So many last lines.")] = None
    line_numbers: LineNumbers = False
    byte_offset: Annotated[
        Annotated[int, msgspec.Meta(ge=0)] | None,
        msgspec.Meta(description="First byte, from 0."),
    ] = None
    byte_limit: Annotated[Count | None, msgspec.Meta(description="How many bytes.")] = None
    max_line_chars: Annotated[
        Count | None,
        msgspec.Meta(description="Clip longer lines."),
    ] = None


class _Binary(msgspec.Struct, frozen=True):
    binary: bool
    encoding: str
    size: int
    data: str


@cache
def _operation() -> "Callable[[Context, ReadFile], Text]":
    """Made once, in the worker: an import takes its time even where it finds everything there."""
    from filewarden.workers.reading.known_text import read_known
    from filewarden.workers.reading.text_reading import read
    from filewarden.workers.text.decoding import known_name
    from filewarden.workers.text.part import Part, check

    def run(context: "Context", arguments: ReadFile) -> Text:
        part = Part(
            encoding=known_name(arguments.encoding),
            offset=arguments.offset,
            limit=arguments.limit,
            head=arguments.head,
            tail=arguments.tail,
            byte_offset=arguments.byte_offset,
            byte_limit=arguments.byte_limit,
            line_numbers=arguments.line_numbers,
            max_line_chars=arguments.max_line_chars,
        )
        if not part.is_whole:
            check(part)
        handle = context.space.open_file(arguments.path)
        try:
            known = read_known(context, handle, part) if handle.stat.st_size > AHEAD_BYTES else None
            if known is not None:
                return known
            reading = read(context, handle, part)
        finally:
            handle.close()
        return Text(text=_in_base64(reading) if reading.is_binary else reading.data, facts=reading.told)

    return run


def run(context: "Context", arguments: ReadFile) -> Text:
    """Read a file; raises ToolFailure."""
    return _operation()(context, arguments)


def _in_base64(reading: "Reading") -> bytes:
    import binascii

    shown = binascii.b2a_base64(reading.data, newline=False).decode("ascii")
    return msgspec.json.encode(_Binary(True, "base64", reading.facts.size, shown))


TOOL = Tool(
    name="read_file",
    title="Read a file",
    description="Reads a text file, or lines of it (offset and limit, head, tail), or bytes. Large files need a part: "
    '{"path": "app.log", "tail": 200}. What is not text comes as base64 in JSON.',
    arguments=ReadFile,
    result=TextFacts,
    run=run,
    kind=Kind.TEXT,
    max_result_chars=MOST_SHOWN_CHARS,
    other_names=("read_text_file",),
)
