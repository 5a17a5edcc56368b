"""The tool `read_file`: a file's text, whole or a range of lines or bytes; what is no text comes as base64."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.text_facts import TextFacts
from filewarden.workers.tool import Kind, Text, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.piece import Reading

MOST_SHOWN_CHARS = 500_000
"""The most that clients take without setting it aside in a file of theirs (`anthropic/maxResultSizeChars`)."""

Count = Annotated[int, msgspec.Meta(ge=1)]
EncodingName = Annotated[
    str, msgspec.Meta(max_length=64, description="utf-8, utf-16, latin-1, cp1252, shift_jis, ...; auto detects it.")
]
LineNumbers = Annotated[
    bool, msgspec.Meta(description="Begin each line with its number and a tab, and clip long lines: not for copying.")
]


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read one file."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="File, relative to the root.")]
    encoding: EncodingName = "utf-8"
    offset: Annotated[Count | None, msgspec.Meta(description="First line to read, counted from 1.")] = None
    limit: Annotated[Count | None, msgspec.Meta(description="How many lines to read.")] = None
    head: Annotated[Count | None, msgspec.Meta(description="Read only the first lines, this many.")] = None
    tail: Annotated[Count | None, msgspec.Meta(description="Read only the last lines, this many.")] = None
    line_numbers: LineNumbers = False
    byte_offset: Annotated[
        Annotated[int, msgspec.Meta(ge=0)] | None,
        msgspec.Meta(description="First byte to read, counted from 0; for what has no lines, or very long ones."),
    ] = None
    byte_limit: Annotated[Count | None, msgspec.Meta(description="How many bytes to read.")] = None
    max_line_chars: Annotated[
        Count | None,
        msgspec.Meta(description="Clip longer lines and say at which byte_offset the rest stands."),
    ] = None


class _Binary(msgspec.Struct, frozen=True):
    binary: bool
    encoding: str
    size: int
    data: str


def run(context: "Context", arguments: ReadFile) -> Text:
    """Read a file; raises ToolFailure."""
    from filewarden.workers.decoding import known_name
    from filewarden.workers.part import Part, check
    from filewarden.workers.reading import read

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
    check(part)
    with context.space.open_file(arguments.path) as handle:
        reading = read(context, handle, part)
    return Text(text=_in_base64(reading) if reading.facts.binary else reading.data, facts=reading.facts)


def _in_base64(reading: "Reading") -> bytes:
    import binascii

    shown = binascii.b2a_base64(reading.data, newline=False).decode("ascii")
    return msgspec.json.encode(_Binary(True, "base64", reading.facts.size, shown))


TOOL = Tool(
    name="read_file",
    title="Read a file",
    description="Reads a text file, whole or in part: lines by offset and limit, head, or tail; or bytes by "
    'byte_offset and byte_limit. A file over the size limit needs a part, e.g. {"path": "app.log", "tail": 200}. '
    "What is not text comes as base64 in JSON; pictures and sound are for read_media_file.",
    arguments=ReadFile,
    result=TextFacts,
    run=run,
    kind=Kind.TEXT,
    max_result_chars=MOST_SHOWN_CHARS,
    other_names=("read_text_file",),
)
