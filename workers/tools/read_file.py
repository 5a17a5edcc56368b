"""The tool `read_file`: a file's text, whole or a range of lines; what is no text comes as base64."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Kind, Text, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.decoding import Encoding
    from filewarden.workers.handle import Handle
    from filewarden.workers.lines import Lines, Span

_ALL_LINES = sys.maxsize

_Count = Annotated[int, msgspec.Meta(ge=1)]


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read one file."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="File, relative to the root.")]
    encoding: Annotated[
        str,
        msgspec.Meta(
            max_length=64, description="Text encoding, for example utf-8, utf-16, latin-1, shift_jis; or auto."
        ),
    ] = "utf-8"
    offset: Annotated[_Count | None, msgspec.Meta(description="First line to read, counted from 1.")] = None
    limit: Annotated[_Count | None, msgspec.Meta(description="How many lines to read.")] = None
    head: Annotated[_Count | None, msgspec.Meta(description="Read only the first lines, this many.")] = None
    tail: Annotated[_Count | None, msgspec.Meta(description="Read only the last lines, this many.")] = None


class ReadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a text that was read."""

    path: str
    size: int
    """Of the whole file, in bytes."""
    encoding: str
    binary: bool
    bom: bool = False
    """Whether a byte-order mark was left out of the text."""
    line_ending: str | None = None
    """`lf`, `crlf`, `cr` or `mixed`, judged by the first 64 KiB of the text."""
    offset: int | None = None
    """The number of the first line; null when it is not known (`tail`)."""
    lines: int
    truncated: bool = False
    """Whether the size limit or the deadline cut the range short."""
    next_offset: int | msgspec.UnsetType = msgspec.UNSET
    changed_during_read: bool = False


class _Binary(msgspec.Struct, frozen=True):
    binary: bool
    encoding: str
    size: int
    data: str


def run(context: "Context", arguments: ReadFile) -> Text:
    """Read a file; raises ToolFailure."""
    from filewarden.workers.decoding import known_name

    encoding = known_name(arguments.encoding)
    _check_range(arguments)
    with context.space.open_file(arguments.path) as handle:
        try:
            if arguments.offset or arguments.limit or arguments.head or arguments.tail:
                return _read_range(context, handle, arguments, encoding)
            return _read_whole(context, handle, encoding)
        except TimeoutError:
            raise ToolFailure(
                Code.TIMEOUT, "The asked lines were not reached in time. Ask for an earlier offset, head or tail."
            ) from None
        except OSError as error:
            raise ToolFailure(
                Code.IO_ERROR, f"The file could not be read (error {error.errno}). Try again later."
            ) from None


def _check_range(arguments: ReadFile) -> None:
    ways = (
        ("offset and limit", arguments.offset is not None or arguments.limit is not None),
        ("head", arguments.head is not None),
        ("tail", arguments.tail is not None),
    )
    given = [name for name, is_given in ways if is_given]
    if len(given) > 1:
        raise ToolFailure(
            Code.INVALID_ARGUMENT, f"{' and '.join(given)} exclude each other: use offset and limit, or head, or tail."
        )


def _read_whole(context: "Context", handle: "Handle", encoding: str) -> Text:
    from filewarden.workers.decoding import settle, to_utf8

    limit = context.limits.max_file_bytes
    if handle.stat.st_size > limit:
        raise _too_large(handle.stat.st_size, limit)
    data = read_up_to(handle.fd, handle.stat.st_size, limit + 1)
    if len(data) > limit:
        raise _too_large(max(len(data), os.fstat(handle.fd).st_size), limit)
    settled = settle(encoding, data[:4])
    decoded = to_utf8(data[settled.bom :] if settled.bom else data, settled)
    if decoded is None:
        return _binary(handle, data, len(data), settled)
    return _answer(handle, decoded, settled, offset=1, size=len(data))


def read_up_to(fd: int, expected: int, most: int) -> bytes:
    """Read a file to its end or `most` bytes. The size is only a guess: it may grow, and some files say 0."""
    data = os.read(fd, min(expected + 1, most))
    if len(data) <= expected and len(data) < most:
        more = os.read(fd, 4096)
        if not more:
            return data
        data += more
    pieces = [data]
    total = len(data)
    while total < most and (piece := os.read(fd, min(most - total, 1 << 20))):
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces)[:most]


def _read_range(context: "Context", handle: "Handle", arguments: ReadFile, encoding: str) -> Text:
    from filewarden.workers.decoding import settle, to_utf8

    settled = settle(encoding, os.pread(handle.fd, 4, 0))
    offset = None if arguments.tail else arguments.offset or 1
    try:
        span = _span(context, handle, arguments, settled)
    except UnicodeError:
        raise ToolFailure(
            Code.UNSUPPORTED,
            f"The file is not {settled.name} text, so it has no lines. Read it whole, without a range.",
        ) from None
    # Wide encodings were turned into UTF-8 on the way.
    decoded = (span.data, settled.name) if settled.is_wide else to_utf8(span.data, settled, is_cut=span.is_cut)
    if decoded is None:
        return _binary(handle, span.data, handle.stat.st_size, settled, is_truncated=not span.is_complete)
    return _answer(handle, decoded, settled, offset=offset, size=handle.stat.st_size, span=span)


def _span(context: "Context", handle: "Handle", arguments: ReadFile, settled: "Encoding") -> "Span":
    from filewarden.workers.lines import Lines, last_lines, plain_blocks, wide_blocks

    fd, cap = handle.fd, context.limits.max_file_bytes
    blocks = wide_blocks(fd, settled.bom, settled.name) if settled.is_wide else plain_blocks(fd, settled.bom)
    lines = Lines(blocks, context.is_overdue)
    if arguments.tail is None:
        return _forward(lines, arguments, cap)
    if settled.is_wide:
        return lines.last(arguments.tail, cap)
    return last_lines(fd, settled.bom, handle.stat.st_size, arguments.tail, cap)


def _forward(lines: "Lines", arguments: ReadFile, cap: int) -> "Span":
    offset = arguments.offset or 1
    passed = lines.skip(offset - 1)
    if passed < offset - 1:
        raise ToolFailure(
            Code.INVALID_ARGUMENT, f"offset {offset} is behind the end: the file has {passed} lines.", lines=passed
        )
    return lines.take(arguments.head or arguments.limit or _ALL_LINES, cap)


def _answer(
    handle: "Handle",
    decoded: tuple[bytes, str],
    settled: "Encoding",
    *,
    offset: int | None,
    size: int,
    span: "Span | None" = None,
) -> Text:
    text, name = decoded
    lines = span.lines if span else text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))
    goes_on = span is not None and span.has_more and offset is not None
    return Text(
        text=text,
        facts=ReadFacts(
            path=handle.path,
            size=size,
            encoding=name,
            binary=False,
            bom=settled.bom > 0,
            line_ending=_line_ending(text[:65536]),
            offset=offset,
            lines=lines,
            truncated=span is not None and not span.is_complete,
            next_offset=offset + lines if goes_on and offset is not None else msgspec.UNSET,
            changed_during_read=has_changed(handle),
        ),
    )


def _binary(handle: "Handle", data: bytes, size: int, settled: "Encoding", *, is_truncated: bool = False) -> Text:
    import binascii

    shown = binascii.b2a_base64(data, newline=False).decode("ascii")
    return Text(
        text=msgspec.json.encode(_Binary(True, "base64", size, shown)),
        facts=ReadFacts(
            path=handle.path,
            size=size,
            encoding=settled.name,
            binary=True,
            lines=0,
            truncated=is_truncated,
            changed_during_read=has_changed(handle),
        ),
    )


def _line_ending(text: bytes) -> str | None:
    feeds, returns = text.count(b"\n"), text.count(b"\r")
    if not feeds and not returns:
        return None
    if not returns:
        return "lf"
    pairs = text.count(b"\r\n")
    if pairs == feeds == returns:
        return "crlf"
    return "cr" if not feeds else "mixed"


def has_changed(handle: "Handle") -> bool:
    before, after = handle.stat, os.fstat(handle.fd)
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _too_large(size: int, limit: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"File too large: {size:,} bytes (limit: {limit:,} bytes). "
        "Read a part of it with offset and limit, head or tail.",
        size=size,
        limit=limit,
    )


TOOL = Tool(
    name="read_file",
    title="Read a file",
    description="Reads a text file, whole or a range of lines (offset and limit, head, or tail); "
    "what is not text comes as base64 in JSON. Large files need a range.",
    arguments=ReadFile,
    result=ReadFacts,
    run=run,
    kind=Kind.TEXT,
)
