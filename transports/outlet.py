"""What is still to be written to standard output, without ever waiting for a client that does not read."""

import contextlib
import os
from collections import deque
from collections.abc import Callable
from itertools import islice

from filewarden.broker.holdings import Holdings
from filewarden.broker.reactor import Reactor

MANY_BYTES = 8 * 1024 * 1024
"""From here on no new requests are read until the client has taken its answers."""
PIECES_AT_ONCE = 64
PIPE_BYTES = 1024 * 1024


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

    def write_line(self, line: bytes) -> None:
        """Queue one message; it goes out at the end of this tick."""
        if self._is_broken:
            return
        if not self._pieces:
            self._reactor.conclude(self.flush)
        self._pieces += (line, b"\n")
        size = len(line) + 1
        self._waiting_bytes += size
        self._holdings.bytes += size

    def write_last_line(self, line: bytes) -> None:
        """Write one message now, if all that came before it has been read; else likewise."""
        written = 0
        if not self._pieces and not self._is_broken:
            with contextlib.suppress(OSError):  # it is full or gone: the end of the tick tells
                written = os.writev(self.fd, (line, b"\n"))
        if written <= len(line):
            self.write_line(line)
            self._drop(written)

    def offer(self, line: bytes) -> bool:
        """Queue a message that nothing depends on, unless too much waits already; whether it was taken."""
        if self.is_full:
            return False
        self.write_line(line)
        return True

    def flush(self) -> None:
        """Write what the reader takes now, and wait for it to take the rest."""
        was_full = self._waiting_bytes >= MANY_BYTES
        try:
            while self._pieces:
                self._drop(os.writev(self.fd, list(islice(self._pieces, PIECES_AT_ONCE))))
        except BlockingIOError:
            self._watch()
        except OSError:  # the reader is gone
            self._is_broken = True
            self._pieces.clear()
            self._unwatch()
            self._on_broken()
            return
        if self._is_watching and not self._pieces:
            self._unwatch()
        if was_full and not self.is_full:
            self._on_relief()

    def _drop(self, written: int) -> None:
        self._waiting_bytes -= written
        self._holdings.bytes -= written
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
