"""How the text of an open file is read: whole, by lines, or by bytes, and what is told about it."""

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.reading.piece import Piece, Reading, binary, count_lines, plain, told
from filewarden.workers.text import bookmarks
from filewarden.workers.text.codec import decode_begun
from filewarden.workers.text.decoding import (
    MARK_BYTES,
    Decoded,
    Encoding,
    decode,
    measure,
    settle,
    whole_characters,
)
from filewarden.workers.text.lines import Lines, Span, last_lines, plain_blocks, wide_blocks
from filewarden.workers.text.part import Part
from filewarden.workers.text.text_facts import TextFacts

if TYPE_CHECKING:
    from filewarden.workers.context import Context

ALL_LINES = sys.maxsize
_DETECTION_BYTES = 65536
_REST_BYTES = 3
"""The most that a character has behind its first byte."""
_LEAST_BYTES = 8
"""Room for the rest of a character and a whole one: where the asked bytes hold none, so many are read."""


def read(context: "Context", handle: Handle, part: Part) -> Reading:
    """Read an open file; raises ToolFailure."""
    try:
        if part.is_whole:
            return _read_whole(context, handle, part)
        if part.has_bytes:
            return _read_bytes(context, handle, part)
        return _read_lines(context, handle, part)
    except TimeoutError:
        raise ToolFailure(
            Code.TIMEOUT,
            "Timeout: the asked lines were not reached in time. Ask for an earlier offset, or for byte_offset, "
            "which is found at once.",
        ) from None
    except OSError as error:
        raise ToolFailure(
            Code.IO_ERROR, f"The file could not be read (error {error.errno}). Try again later."
        ) from None


# -- whole


def _read_whole(context: "Context", handle: Handle, part: Part) -> Reading:
    limit = context.limits.max_file_bytes
    if handle.stat.st_size > limit:
        raise too_large(handle.stat.st_size, limit)
    data = read_up_to(handle.fd, handle.stat.st_size, limit + 1)
    if len(data) > limit:
        raise too_large(max(len(data), os.fstat(handle.fd).st_size), limit)
    encoding = settle(part.encoding, data[: _DETECTION_BYTES if part.encoding == "auto" else MARK_BYTES])
    if encoding.name == "utf-8" and not encoding.is_guess and not part.has_view:
        reading = plain(handle, data[encoding.bom :] if encoding.bom else data, encoding)
        if reading is not None:
            return reading
    decoded = decode(data[encoding.bom :] if encoding.bom else data, encoding)
    if decoded is None:
        return binary(handle, data, encoding, size=len(data))
    piece = Piece(
        decoded=decoded,
        text=decoded.text,
        start=encoding.bom,
        end=len(data),
        size=len(data),
        lines=None,
        first=1,
        is_range=False,
    )
    return told(context, handle, part, piece, encoding)


def read_up_to(fd: int, expected: int, most: int) -> bytes:
    """Read a file to its end or `most` bytes. The size is only a guess: it may grow, and some files say 0."""
    data = os.read(fd, min(expected + 1, most))
    if len(data) == expected > 0:  # as much as there is, where more was asked for
        return data
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


# -- lines


def _read_lines(context: "Context", handle: Handle, part: Part) -> Reading:
    encoding = _settled(handle, part.encoding)
    try:
        span = _span(context, handle, part, encoding)
        first = _first_line(context, handle, part, encoding, span)
    except UnicodeError:
        raise ToolFailure(
            Code.UNSUPPORTED,
            f"The file is not {encoding.name} text, so it has no lines. Read it whole, without a range.",
        ) from None
    data = whole_characters(span.data, "utf-8" if encoding.is_wide else encoding.name) if span.is_cut else span.data
    # Wide encodings were turned into UTF-8 on the way.
    decoded = decode(data, Encoding("utf-8", bom=1) if encoding.is_wide else encoding, is_cut=span.is_cut)
    if decoded is None:
        data = span.data
        if span.is_cut and span.has_more:
            data = data[: _end(handle, encoding, span.start, span.start + len(data)) - span.start]
        return binary(handle, data, encoding, start=span.start, is_complete=span.is_complete, has_more=span.has_more)
    start = span.start + _length(span.data[: len(span.data) - len(data)], encoding)
    piece = Piece(
        decoded=msgspec.structs.replace(decoded, encoding=encoding.name) if encoding.is_wide else decoded,
        text=decoded.text,
        start=start,
        end=start + (_length(decoded.text, encoding) if encoding.is_wide else len(data) - decoded.unused),
        size=handle.stat.st_size,
        lines=span.lines,
        first=first,
        is_complete=span.is_complete,
        has_more=span.has_more,
        is_inside_line=span.is_cut,
    )
    reading = told(context, handle, part, piece, encoding)
    if not piece.is_inside_line:
        _remember(handle, encoding, reading.facts)
    return reading


def _length(text: bytes, encoding: Encoding) -> int:
    """Count the bytes of the file that a piece stands for, as it came from the blocks."""
    return measure(encoding.name)(text) if encoding.is_wide else len(text)


def _span(context: "Context", handle: Handle, part: Part, encoding: Encoding) -> Span:
    cap = context.limits.max_file_bytes
    if part.tail is not None:
        if encoding.is_wide or not handle.stat.st_size:  # some files say 0, and only their end tells where it is
            return _lines(context, handle, encoding, encoding.bom).last(part.tail, cap)
        return last_lines(handle.fd, encoding.bom, handle.stat.st_size, part.tail, cap)
    offset = part.offset or 1
    mark = bookmarks.before(handle.stat, encoding.name, offset) or bookmarks.Bookmark(1, encoding.bom)
    lines = _lines(context, handle, encoding, mark.position)
    passed = lines.skip(offset - mark.line)
    if passed < offset - mark.line:
        count = mark.line - 1 + passed
        raise ToolFailure(
            Code.INVALID_ARGUMENT, f"offset {offset} is behind the end: the file has {count} lines.", lines=count
        )
    return lines.take(part.head or part.limit or ALL_LINES, cap)


def _first_line(context: "Context", handle: Handle, part: Part, encoding: Encoding, span: Span) -> int | None:
    """Say which number the first line has; for the last ones all are counted, if numbers are asked for."""
    if part.tail is None:
        return part.offset or 1
    if not part.line_numbers:
        return None
    return _lines(context, handle, encoding, encoding.bom).skip(ALL_LINES) - span.lines + 1


def _lines(context: "Context", handle: Handle, encoding: Encoding, start: int) -> Lines:
    size = handle.stat.st_size

    def watch(position: int) -> bool:
        context.progress(position, max(size, position), "Reading")
        return context.is_overdue()

    if encoding.is_wide:
        blocks = wide_blocks(handle.fd, start, encoding.name)
        return Lines(blocks, watch, start=start, weigh=measure(encoding.name))
    return Lines(plain_blocks(handle.fd, start), watch, start=start)


def _remember(handle: Handle, encoding: Encoding, facts: TextFacts) -> None:
    line, position = facts.next_offset, facts.next_byte_offset
    if isinstance(line, int) and isinstance(position, int):
        bookmarks.keep(handle.fd, handle.stat, encoding.name, bookmarks.Bookmark(line, position))


# -- bytes


def _read_bytes(context: "Context", handle: Handle, part: Part) -> Reading:
    encoding = _settled(handle, part.encoding)
    size, cap, asked = handle.stat.st_size, context.limits.max_file_bytes, part.byte_offset or 0
    if asked > size and not _goes_on(handle, asked):
        raise ToolFailure(
            Code.INVALID_ARGUMENT, f"byte_offset {asked} is behind the end: the file has {size} bytes.", size=size
        )
    count = min(part.byte_limit or cap, cap)
    run = _run(handle, encoding, asked, count)
    if run is not None and not run.decoded.text and run.has_more:
        run = _run(handle, encoding, asked, _LEAST_BYTES)
    is_complete = part.byte_limit is not None and part.byte_limit <= cap
    if run is None:
        data = os.pread(handle.fd, count, asked)
        has_more = _goes_on(handle, asked + len(data))
        if has_more:
            data = os.pread(handle.fd, _end(handle, encoding, asked, asked + len(data)) - asked, asked)
            has_more = _goes_on(handle, asked + len(data))
        complete = is_complete or not has_more
        return binary(handle, data, encoding, start=asked, is_complete=complete, has_more=has_more)
    piece = Piece(
        decoded=run.decoded,
        text=run.decoded.text,
        start=run.start,
        end=run.end,
        size=size,
        lines=count_lines(run.decoded.text),
        is_complete=is_complete or not run.has_more,
        has_more=run.has_more,
        is_inside_line=True,
    )
    return told(context, handle, part, piece, encoding)


class _Run(msgspec.Struct, frozen=True):
    """Whole characters from somewhere in a file."""

    decoded: Decoded
    start: int
    end: int
    has_more: bool


def _run(handle: Handle, encoding: Encoding, asked: int, count: int) -> _Run | None:
    """Read so many bytes from a position, less what is part of a character only; None for what is no text."""
    begin = _unit_from(encoding, asked)
    data = os.pread(handle.fd, count, begin)
    rest = _rest(handle, encoding, begin, data)
    whole = data[len(rest) :]
    has_more = _goes_on(handle, begin + len(data))
    decoded = decode(whole, encoding, is_cut=has_more)
    if decoded is None:
        return None
    start = begin + len(rest)
    return _Run(decoded, start, start + len(whole) - decoded.unused, has_more)


def _end(handle: Handle, encoding: Encoding, start: int, end: int) -> int:
    """Where bytes that are no text end: in no character, the rest of which whoever goes on there would never get."""
    for earlier in range(end, max(start, end - _REST_BYTES - 1), -1):
        if _whole_from(handle, encoding, earlier) == earlier:
            return earlier
    return _whole_from(handle, encoding, end)


def _whole_from(handle: Handle, encoding: Encoding, position: int) -> int:
    begin = _unit_from(encoding, position)
    return begin + len(_rest(handle, encoding, begin, os.pread(handle.fd, _REST_BYTES + 1, begin)))


def _unit_from(encoding: Encoding, position: int) -> int:
    begin = max(position, encoding.bom)
    return begin + -begin % encoding.unit


def _rest(handle: Handle, encoding: Encoding, begin: int, data: bytes) -> bytes:
    """Give what data from a position has of a character that begins before it."""
    if begin <= encoding.bom:
        return b""
    whole = whole_characters(data, encoding.name)
    rest = data[: len(data) - len(whole)]
    if rest and not _ends_character(handle, begin, rest, encoding.name, is_all=not whole):
        return b""  # so that it is told as what it is, and nothing is left out
    return rest


def _ends_character(handle: Handle, position: int, rest: bytes, name: str, *, is_all: bool) -> bool:
    """Whether bytes at a position are the rest of a character that begins before it; `is_all`: or the middle of one."""
    before = os.pread(handle.fd, min(position, _REST_BYTES), max(0, position - _REST_BYTES))
    for length in range(1, len(before) + 1):
        with contextlib.suppress(UnicodeError):
            text, unused = decode_begun(before[-length:] + rest, name)
            if (len(text), unused) == (1, 0) or (is_all and not text):
                return True
    return False


def _goes_on(handle: Handle, position: int) -> bool:
    """Whether the file has a byte there: the size is only a guess."""
    return bool(os.pread(handle.fd, 1, position))


# -- inside


def _settled(handle: Handle, name: str) -> Encoding:
    return settle(name, os.pread(handle.fd, _head_bytes(name), 0))


def _head_bytes(name: str) -> int:
    return _DETECTION_BYTES if name == "auto" else MARK_BYTES


def too_large(size: int, limit: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"File too large: {size:,} bytes (limit: {limit:,} bytes). "
        "Read a part of it with offset and limit, head or tail.",
        size=size,
        limit=limit,
    )
