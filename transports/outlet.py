"""What is still to be written to standard output, without ever waiting for a client that does not read."""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice, takewhile
from typing import NamedTuple

from filewarden.broker.holdings import Holdings
from filewarden.broker.protocol.long_text import LongResponse, Reply
from filewarden.broker.reactor import Reactor

MANY_BYTES = 8 * 1024 * 1024
"""From here on no new requests are read until the client has taken its answers."""
PIECES_AT_ONCE = 64
PIPE_BYTES = 1024 * 1024


MADE_LATER = memoryview(b"")
"""Stands for what is not there yet."""


class LongLine(NamedTuple):
    """An answer that is made while it is written."""

    parts: Iterator[tuple[bytes | memoryview, ...]]
    last: bytes
    """What it ends with."""
    size: int
    """What is held for it until then."""


class Outlet:
    """A descriptor in non-blocking mode, and the lines that wait for it. One flush serves a whole tick."""

    def __init__(
        self,
        fd: int,
        reactor: Reactor,
        holdings: Holdings,
        on_broken: Callable[[], None],
        on_relief: Callable[[], None],
    ) -> None:
        self.fd = _own_description(fd)
        _widen(self.fd)
        self._reactor = reactor
        self._on_broken = on_broken
        self._on_relief = on_relief
        self._pieces: deque[bytes | memoryview] = deque()
        self._long_lines: deque[LongLine] = deque()
        """Of those, each of which has a place in the other queue: MADE_LATER."""
        self._waiting_bytes = 0
        self._holdings = holdings
        self._is_watching = False
        self._is_broken = False

    @property
    def is_full(self) -> bool:
        """Whether more waits than a client should leave waiting."""
        return self._waiting_bytes >= MANY_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether everything was written, or never will be."""
        return not self._pieces or self._is_broken

    def write(self, reply: Reply, *, is_last: bool = False) -> None:
        """Queue one message: at the end of this tick it goes out together with all others.

        Two kinds do not wait for that. With the last one that is owed nothing can go out together; it leaves now, if
        all that came before it has been read. And of a long one the reader gets enough to do until then.
        """
        if isinstance(reply, LongResponse):
            self._begin(reply)
            return
        size = len(reply) + 1
        written = self._write_now(reply) if is_last else 0
        if written == size or self._is_broken:
            return
        if not self._pieces:
            self._reactor.conclude(self.flush)
        self._pieces += (reply, b"\n")
        self._waiting_bytes += size
        self._holdings.bytes += size
        if written:
            self._drop(written)

    def _write_now(self, line: bytes) -> int:
        """Write what the reader takes of one message, unless another one is before it; how much that was."""
        if self._pieces or self._is_broken:
            return 0
        try:
            return os.writev(self.fd, (line, b"\n"))
        except OSError:  # it is full or gone: the end of the tick tells
            return 0

    def offer(self, line: bytes) -> bool:
        """Queue a message that nothing depends on, unless too much waits already; whether it was taken."""
        if self.is_full:
            return False
        self.write(line)
        return True

    def _begin(self, line: LongResponse) -> None:
        if self._is_broken:
            return
        if not self._pieces:
            self._reactor.conclude(self.flush)
        was_full = self.is_full
        self._long_lines.append(LongLine(line.parts(), line.tail, len(line)))
        self._pieces += (MADE_LATER, b"\n")
        self._hold(len(line) + 1)
        if was_full:  # the reader has enough to do; that there is room again is told by `flush` alone
            return
        with contextlib.suppress(OSError):  # it is full or gone: the end of the tick tells
            self._write()

    def flush(self) -> None:
        """Write what the reader takes now, and wait for it to take the rest."""
        was_full = self._waiting_bytes >= MANY_BYTES
        try:
            self._write()
        except BlockingIOError:
            self._watch()
        except OSError:  # the reader is gone
            self._is_broken = True
            self._pieces.clear()
            self._long_lines.clear()
            self._unwatch()
            self._on_broken()
            return
        if self._is_watching and not self._pieces:
            self._unwatch()
        if was_full and not self.is_full:
            self._on_relief()

    def _write(self) -> None:
        while self._pieces:
            self._drop(os.writev(self.fd, self._next_pieces()))

    def _next_pieces(self) -> list[bytes | memoryview]:
        """What is written now; of a long answer one piece, so that the reader has it while the next is made."""
        if not self._long_lines:
            return list(islice(self._pieces, PIECES_AT_ONCE))
        if self._pieces[0] is MADE_LATER:
            self._make(self._long_lines[0])
        return list(takewhile(lambda piece: piece is not MADE_LATER, islice(self._pieces, PIECES_AT_ONCE)))

    def _make(self, line: LongLine) -> None:
        """Put what is next of a line before it, and the last of it in its place."""
        parts = next(line.parts)
        if parts[-1] is line.last:
            self._pieces.popleft()
            self._long_lines.popleft()
            self._hold(-line.size)
        self._pieces.extendleft(reversed(parts))
        self._hold(sum(map(len, parts)))

    def _drop(self, written: int) -> None:
        self._hold(-written)
        if not self._waiting_bytes:
            self._pieces.clear()
            return
        while written:
            first = self._pieces[0]
            if written < len(first):
                self._pieces[0] = memoryview(first)[written:]
                return
            written -= len(first)
            self._pieces.popleft()

    def _hold(self, size: int) -> None:
        self._waiting_bytes += size
        self._holdings.bytes += size

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._reactor.watch_writable(self.fd, self.flush)

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._reactor.forget(self.fd)


def _own_description(fd: int) -> int:
    """A non-blocking descriptor for the same pipe that does not change the mode for others who share it.

    That takes the right to open the pipe, which belongs to whoever started us: not always the account we run under.
    """
    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # a socket, or no /proc: then the mode is shared
        os.set_blocking(fd, False)
        return fd
    return own


def _widen(fd: int) -> None:
    """Let a pipe take a large answer in one go, where the system allows."""
    import fcntl

    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
