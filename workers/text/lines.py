"""Lines of an open file, found in blocks: any range of a file of any size in constant memory.

Lines end with a line feed. In every byte encoding we know that is one byte which is part of nothing else; UTF-16 and
UTF-32 are turned into UTF-8 on the way. An end of file without a line feed ends a line too.

Positions are always those of the file itself. A reader of converted blocks is told how many bytes of the file a piece
of them stands for: each byte of UTF-8 has a weight of its own, so that pieces may begin and end anywhere.
"""

import os
from collections.abc import Callable, Iterator

import msgspec

from filewarden.workers.text.codec import decoder_of

BLOCK_BYTES = 65536
MOST_DOUBLINGS = 4
_SMALL_BYTES = 4096

Watch = Callable[[int], bool]
"""Gets the position in the file after each block; says whether the time is up."""
Weigh = Callable[[bytes], int]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A run of lines."""

    data: bytes
    lines: int
    start: int = 0
    """Where in the file its first byte stands."""
    is_complete: bool = True
    """Whether it is all that was asked for; else the size limit or the deadline ended it."""
    is_cut: bool = False
    """Whether a single line was longer than the limit, and only a part of it is here."""
    has_more: bool = False
    """Whether the file goes on after it."""


def plain_blocks(fd: int, start: int, end: int | None = None) -> Iterator[bytes]:
    """Give the bytes of a file from `start` on, up to `end`; whoever wants many gets them in ever longer blocks."""
    size = BLOCK_BYTES
    while block := os.pread(fd, size if end is None else min(size, end - start), start):
        yield block
        start += len(block)
        size = min(2 * size, BLOCK_BYTES << MOST_DOUBLINGS)


def wide_blocks(fd: int, start: int, encoding: str) -> Iterator[bytes]:
    """Give a file of UTF-16 or UTF-32 as UTF-8; raises UnicodeError where it is not."""
    decoder = decoder_of(encoding)
    for block in plain_blocks(fd, start):
        text = decoder.decode(block).encode()
        if text:
            yield text
    decoder.decode(b"", True)


class Lines:
    """A file read forwards, line counts known, line contents untouched."""

    def __init__(self, blocks: Iterator[bytes], is_overdue: Watch, *, start: int = 0, weigh: Weigh = len) -> None:
        """`blocks` are the file from `start` on; `weigh` tells how much of the file a piece of them stands for."""
        self._blocks = blocks
        self._is_overdue = is_overdue
        self._weigh = weigh
        self._rest = b""
        self.position = start
        """Of the next byte to be read, in the file."""

    def skip(self, count: int) -> int:
        """Pass `count` lines; gives how many there were, fewer at the end. Raises TimeoutError past the deadline."""
        passed = 0
        is_inside = False
        while passed < count:
            block = self._next()
            if not block:
                return passed + is_inside
            if self._is_overdue(self.position):
                raise TimeoutError
            found = block.count(b"\n")
            if passed + found >= count:
                end = _end_of(block, count - passed)
                self._rest = block[end:]
                self.position += self._weigh(block[:end])
                return count
            passed += found
            self.position += self._weigh(block)
            is_inside = not block.endswith(b"\n")
        return passed

    def take(self, count: int, max_bytes: int) -> Span:
        """Read up to `count` lines, at most `max_bytes` of them."""
        start = self.position
        data = bytearray()
        seen = 0
        while seen < count:
            block = self._next()
            if not block:
                break
            found = min(block.count(b"\n"), count - seen)
            seen += found
            if seen == count:
                end = _end_of(block, found)
                self._rest = block[end:]
                block = block[:end]
            data += block
            self.position += self._weigh(block)
            if len(data) > max_bytes or (seen < count and self._is_overdue(self.position)):
                return _shortened(data, max_bytes, start)
        else:
            self._rest = self._next()
            return Span(data=bytes(data), lines=seen, start=start, has_more=bool(self._rest))
        return Span(data=bytes(data), lines=_count(data), start=start)

    def last(self, count: int, max_bytes: int) -> Span:
        """Read to the end and give the last `count` lines, at most `max_bytes`. Raises TimeoutError."""
        data = b""
        has_more = False
        while block := self._next():
            if self._is_overdue(self.position):
                raise TimeoutError
            data += block
            self.position += self._weigh(block)
            if len(data) > 2 * max_bytes + BLOCK_BYTES:
                data = data[-(max_bytes + 1) :]
                has_more = True
        span = _last_of(data, count, max_bytes, is_whole=not has_more)
        return msgspec.structs.replace(span, start=self.position - self._weigh(span.data))

    def _next(self) -> bytes:
        if self._rest:
            block, self._rest = self._rest, b""
            return block
        return next(self._blocks, b"")


def last_lines(fd: int, start: int, size: int, count: int, max_bytes: int) -> Span:
    """Read the last `count` lines of a file of `size` bytes from its end, at most `max_bytes` of them."""
    data = b""
    begin = size
    found = 0
    while begin > start and len(data) <= max_bytes and found <= count:
        below = max(start, begin - BLOCK_BYTES)
        block = os.pread(fd, begin - below, below)
        if len(block) < begin - below:  # It was cut meanwhile, perhaps by a terabyte: go on at its new end.
            below = min(below, max(start, os.fstat(fd).st_size))
        found += block.count(b"\n")
        data = block + data
        begin = below
    span = _last_of(data, count, max_bytes, is_whole=begin <= start)
    return msgspec.structs.replace(span, start=begin + len(data) - len(span.data))


def _last_of(data: bytes, count: int, max_bytes: int, *, is_whole: bool) -> Span:
    ended = data.count(b"\n", 0, len(data) - data.endswith(b"\n"))
    if ended >= count or is_whole:
        last = data[_end_of(data, ended - count + 1) :] if ended >= count else data
        if len(last) <= max_bytes:
            return Span(data=last, lines=_count(last))
    kept = data[-max_bytes:]
    first = kept.find(b"\n", 0, len(kept) - 1)
    if first < 0:
        return Span(data=kept, lines=1, is_complete=False, is_cut=True)
    # A limit that falls on a line's start still drops that line: one line less is no harm, half a line would be.
    return Span(data=kept[first + 1 :], lines=_count(kept[first + 1 :]), is_complete=False)


def _shortened(data: bytearray, max_bytes: int, start: int) -> Span:
    last = data.rfind(b"\n", 0, max_bytes)
    if last < 0:
        kept = bytes(data[:max_bytes])
        return Span(data=kept, lines=1, start=start, is_complete=False, is_cut=True, has_more=True)
    kept = bytes(data[: last + 1])
    return Span(data=kept, lines=kept.count(b"\n"), start=start, is_complete=False, has_more=True)


def _end_of(block: bytes, count: int) -> int:
    """Find where the first `count` lines end, halving: a long block may hold a million of them."""
    at, size = 0, len(block)
    while size > _SMALL_BYTES:
        half = size // 2
        found = block.count(b"\n", at, at + half)
        if found < count:
            at += half
            count -= found
            size -= half
        else:
            size = half
    for _ in range(count):
        at = block.index(b"\n", at) + 1
    return at


def _count(data: bytes | bytearray) -> int:
    return data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
