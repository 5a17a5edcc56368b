"""The lines of an open file that match, found in a buffer that all searches of a worker share.

However large the file and however long its lines, memory stays the buffer's. A whole buffer is searched at once; lines
are only told apart around a match. A line that is longer than the buffer is searched in overlapping pieces and matches
once at most.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from filewarden.workers.text.codec import decoder_of
from filewarden.workers.text.literals import Find, Span

CAPACITY = 256 * 1024
OVERLAP_SHARE = 64
"""Pieces of a line that is longer than the buffer overlap by this part of it (4 KiB): no match so long is missed."""
CONTEXT_SHARE = 8
"""This part of the buffer (32 KiB) holds what was passed, for the lines before a match."""
_BLOCK_BYTES = 65536
_LINE_FEED = 10

Read = Callable[[memoryview], int]
"""Fills what it can of a buffer; 0 at the end of the file."""


class Hit(NamedTuple):
    """One line that matches. The spans are positions in the buffer and hold until the next line is asked for."""

    line: int
    """Counted from 1; where lines are not counted 0, and all else is empty."""
    text: Span
    match: Span
    before: tuple[Span, ...]
    after: tuple[Span, ...]


_ANY = Hit(0, (0, 0), (0, 0), (), ())


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where in a file a search goes on."""

    offset: int = 0
    line: int = 1
    is_told: bool = False
    """Whether the offset lies in a line that was told already, so that its rest is passed over."""


BEGINNING = Place()


class Wanted(NamedTuple):
    """What is told of matching lines."""

    before: int = 0
    after: int = 0
    is_counted: bool = True
    """Whether anything of them matters, their numbers too, but that they are there."""


class Window:
    """The buffer. One byte more than can be read into it marks the end."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.buffer = bytearray(capacity + 1)
        self.view = memoryview(self.buffer)


def plain(fd: int) -> Read:
    """Read a file from where it stands."""
    return lambda view: os.readv(fd, [view])


def wide(fd: int, encoding: str) -> Read:
    """Read a file of UTF-16 or UTF-32 from where it stands as UTF-8; raises UnicodeError where it is neither."""
    decoder = decoder_of(encoding)
    rest = memoryview(b"")

    def read(view: memoryview) -> int:
        nonlocal rest
        while not rest:
            block = os.read(fd, _BLOCK_BYTES)
            rest = memoryview(decoder.decode(block, not block).encode())
            if not block:
                break
        size = min(len(rest), len(view))
        view[:size] = rest[:size]
        rest = rest[size:]
        return size

    return read


class LineSearch:
    """One search through one file; `place` is always where another would go on."""

    def __init__(
        self,
        window: Window,
        find: Find,
        read: Read,
        wanted: Wanted,
        is_overdue: Callable[[], bool],
        at: Place,
        here: int = 0,
    ) -> None:
        """`read` begins at `at.offset`, or a byte before it, which is then in the buffer's first place, if not 0.

        So many bytes from there on are in the buffer already, and `read` goes on behind them.
        """
        self._buffer, self._view, self._capacity = window.buffer, window.view, window.capacity
        self._find, self._read, self._wanted, self._is_overdue = find, read, wanted, is_overdue
        self._at = 1 if at.offset else 0
        self._base = at.offset - self._at
        """The offset in the file of the buffer's first byte."""
        self._end = here
        self._line = at.line
        self._is_told = at.is_told
        self._is_last = False
        self._shown = at.offset
        """The offset behind the last line that was told, as a match or around one."""
        self.is_done = False
        """Whether the whole file was searched."""

    @property
    def place(self) -> Place:
        """Where to go on behind the last line that was given, or, at the end, behind everything that was searched."""
        return Place(self._base + self._at, self._line, self._is_told)

    def hits(self) -> Iterator[Hit]:
        """Give every matching line, until the end of the file or the deadline."""
        self._fill()
        while self._at < self._end:
            if self._is_told:
                self._pass_line()
            elif (limit := self._limit()) < 0:
                yield from self._long_line()
            else:
                yield from self._whole_lines(limit)
            if self._is_last and self._at >= self._end:
                break
            if self._is_overdue():
                return
            self._slide()
        self.is_done = True

    def _limit(self) -> int:
        """Find the end of the last line that is here as a whole; -1 when not one is."""
        if not self._is_last:
            return self._buffer.rfind(b"\n", self._at, self._end)
        return self._end - (self._buffer[self._end - 1] == _LINE_FEED)

    def _whole_lines(self, limit: int) -> Iterator[Hit]:
        buffer = self._buffer
        while self._at <= limit:
            match = self._find(self._at, limit)
            if match is None:
                self._pass_rest(limit + 1)
                return
            end = buffer.find(b"\n", match[1], limit)
            end = limit if end < 0 else end
            if not self._wanted.is_counted:
                self._at = end + 1
                yield _ANY
                continue
            begin = buffer.rfind(b"\n", self._at, match[0]) + 1 or self._at
            self._go_to(begin)
            after, is_all = self._after(end, limit) if self._wanted.after else ((), True)
            if not is_all and self._kept() > 0:
                return  # The lines behind it come with the next piece of the file.
            before = self._before(begin) if self._wanted.before else ()
            hit = Hit(self._line, (begin, end), match, before, after)
            self._shown = self._base + (after[-1][1] if after else end) + 1
            self._at = end + 1
            self._line += 1
            yield hit

    def _long_line(self) -> Iterator[Hit]:
        """Search a piece of a line that fills the buffer and does not end in it."""
        self._buffer[self._end] = 0  # `$` must not match here
        match = self._find(self._at, self._end)
        if match is None:
            self._at = max(self._at + 1, self._end - self._capacity // OVERLAP_SHARE)
            return
        hit = Hit(self._line, (self._at, self._end), match, self._before(self._at), ())
        self._at, self._is_told = self._end, True
        self._shown = self._base + self._end
        yield hit

    def _pass_line(self) -> None:
        end = self._buffer.find(b"\n", self._at, self._end)
        self._is_told = end < 0
        self._at = self._end if end < 0 else end + 1
        self._line += end >= 0

    def _pass_rest(self, at: int) -> None:
        """Go on behind what holds no match; lines that none can follow need not be counted."""
        if self._is_last:
            self._at = at
        else:
            self._go_to(at)

    def _go_to(self, at: int) -> None:
        """Go on at the beginning of another line."""
        if self._wanted.is_counted:
            self._line += self._buffer.count(b"\n", self._at, at)
        self._at = at

    def _before(self, begin: int) -> tuple[Span, ...]:
        """The lines before a match that were not told yet."""
        spans: list[Span] = []
        floor = max(0, self._shown - self._base)
        while len(spans) < self._wanted.before and begin - 1 >= floor:
            end = begin - 1
            begin = self._buffer.rfind(b"\n", floor, end) + 1 or floor
            spans.append((begin, end))
        return tuple(reversed(spans))

    def _after(self, end: int, limit: int) -> tuple[tuple[Span, ...], bool]:
        """The lines after a match, up to the next one, and whether they are all here."""
        spans: list[Span] = []
        begin = end + 1
        for _ in range(self._wanted.after):
            if begin > limit:
                return tuple(spans), self._is_last
            stop = self._buffer.find(b"\n", begin, limit)
            stop = limit if stop < 0 else stop
            if self._find(begin, stop) is not None:
                break
            spans.append((begin, stop))
            begin = stop + 1
        return tuple(spans), True

    def _kept(self) -> int:
        """Find what must stay: the lines that may be told before the next match, and one byte, which starts a line."""
        begin = self._at
        floor = max(0, begin - self._capacity // CONTEXT_SHARE)
        for _ in range(self._wanted.before):
            if begin <= floor:
                break
            begin = self._buffer.rfind(b"\n", floor, begin - 1) + 1 or floor
        return max(0, min(begin, self._at - 1))

    def _slide(self) -> None:
        """Drop what is behind, and read on."""
        keep = self._kept()
        size = self._end - keep
        self._view[:size] = self._view[keep : self._end]
        self._base += keep
        self._at -= keep
        self._end = size
        self._fill()

    def _fill(self) -> None:
        while self._end < self._capacity and not self._is_last:
            got = self._read(self._view[self._end : self._capacity])
            self._end += got
            self._is_last = not got
        self._buffer[self._end] = _LINE_FEED
