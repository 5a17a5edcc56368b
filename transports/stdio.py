"""MCP over standard input and output: one JSON message a line, one client, nothing else on standard output."""

import os
import sys
from collections.abc import Callable

from filewarden.broker.broker import Broker
from filewarden.broker.caller import Caller
from filewarden.broker.charter import Charter
from filewarden.broker.guests import Guest
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.principal import LOCAL, Principal, key_of
from filewarden.broker.reactor import Reactor
from filewarden.transports.lines import LineSplitter, TooLong
from filewarden.transports.outlet import Outlet

CLIENT_ID = "stdio"
CHUNK_BYTES = 256 * 1024
LAST_ANSWERS_S = 1.0
"""How long calls that are under way at the end of input may still be answered, once workers are there."""
UNREAD_S, LAST_FLUSH_S = 1.0, 5.0
"""How long it is waited for a client to read on when everything else has ended, at a time and in all."""
SLOW_READER = "slow_reader"
"""As the status counts what was not told to a client that does not read."""


def claim_standard_streams() -> tuple[int, int]:
    """Take input and output for the protocol alone: what prints by mistake goes to standard error instead.

    Returns the descriptors to read from and to write to.
    """
    if sys.platform == "win32":
        import msvcrt

        for fd in (0, 1):
            msvcrt.setmode(fd, os.O_BINARY)
    protocol_in, protocol_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return protocol_in, protocol_out


class Stdio:
    """The one conversation of a server on stdio. `stop` is called once, when it is over."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        broker: Broker,
        streams: tuple[int, int],
        max_line_bytes: int,
        start_s: float,
        stop: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._broker = broker
        self._stop = stop
        self._input_fd = streams[0]
        self._outlet = Outlet(streams[1], reactor, broker.holdings, self._leave, self._resume_reading)
        self._room = memoryview(bytearray(CHUNK_BYTES))
        """Made once: a buffer for each read would be three system calls, for the few bytes that most messages have."""
        self._lines = LineSplitter(max_line_bytes)
        self._max_line_bytes = max_line_bytes
        self._start_s = start_s
        profile = broker.settings.access.profile
        self._principal = Principal(key_of(profile, LOCAL.key)) if profile else LOCAL
        self._conversation = broker.open_conversation(Caller(CLIENT_ID, self._principal), notify=self.tell)
        self._unheard = 0
        """How many of the messages that have arrived are still to be looked at."""
        self._is_reading = False
        self._has_left = False

    def start(self) -> None:
        """Read from now on."""
        self._broker.guests.enter(
            Guest(
                id=CLIENT_ID,
                transport="stdio",
                principal=self._principal.key,
                name=lambda: self._conversation.session.client_name,
                since=self._reactor.now(),
            )
        )
        try:
            self._resume_reading()
        except (PermissionError, OSError):
            self._input_fd = _feed_by_thread(self._input_fd)  # a plain file cannot be watched
            self._resume_reading()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self._has_left:
            self._reactor.watch(self._input_fd, self._read)
            self._is_reading = True

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._reactor.forget(self._input_fd)
            self._is_reading = False

    def _read(self) -> None:
        try:
            count = os.readv(self._input_fd, (self._room,))
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if not count:
            last = self._lines.end()
            self._take([] if last is None else [last])
            self.finish()
            return
        self._take(self._lines.feed(bytes(self._room[:count])))
        if self._outlet.is_full:
            self._pause_reading()

    def _take(self, lines: list[bytes | TooLong]) -> None:
        self._unheard = len(lines)
        for line in lines:
            self._unheard -= 1
            if isinstance(line, bytes):
                self._conversation.receive(line, self)
            else:
                self._conversation.refuse(self._too_long(), self)

    def _too_long(self) -> ProtocolError:
        return ProtocolError(
            ErrorCode.INVALID_REQUEST,
            f"Invalid request: a message may have at most {self._max_line_bytes} bytes (limits.max_message_bytes)",
        )

    def send(self, frame: bytes) -> None:
        """A frame before the answer: everything goes out on the one stream."""
        self._outlet.write(frame)

    def tell(self, frame: bytes) -> None:
        """A notification.

        A client that has left so much unread does without: what it is told of without end must not fill this process.
        """
        if not self._outlet.offer(frame):
            self._broker.turn_away(SLOW_READER)

    def answer(self, reply: Reply | None, status: int) -> None:
        """The answer, if there is one; the status is HTTP's.

        The last one that is owed leaves before what is noted about its call.
        """
        if reply is not None:
            is_owed_more = self._unheard or self._conversation.session.in_flight
            self._outlet.write(reply, is_last=not is_owed_more)

    def finish(self) -> None:
        """The input ended: what is under way gets a moment to be answered, then everything ends."""
        self._pause_reading()
        has_served = self._broker.has_served
        give_up_at = self._reactor.now() + (LAST_ANSWERS_S if has_served else self._start_s)

        def look() -> None:
            nonlocal has_served, give_up_at
            now = self._reactor.now()
            self._conversation.end_questions("nobody is left who could answer")
            if self._broker.has_served and not has_served:  # only now can a worker begin with what has been asked
                has_served, give_up_at = True, now + LAST_ANSWERS_S
            if self._conversation.in_flight and now < give_up_at and not self._has_left:
                self._reactor.at(now + 0.01, look)
            else:
                self._leave()

        look()

    def on_reloading(self) -> None:
        """What comes is served as before."""

    def on_reloaded(self, charter: Charter) -> None:
        """Longer lines may be allowed, or shorter ones."""
        self._max_line_bytes = charter.settings.limits.max_message_bytes
        self._lines.renew(self._max_line_bytes)

    def on_refused(self, reason: str) -> None:
        """Nothing has changed."""

    def _leave(self) -> None:
        if self._has_left:
            return
        self._has_left = True
        self._pause_reading()
        self._conversation.close()
        self._broker.guests.leave(CLIENT_ID)
        self._stop()

    def flush(self) -> None:
        """Write what is left, for as long as the client goes on reading, when the loop no longer runs."""
        import select

        give_up_at = self._reactor.now() + LAST_FLUSH_S
        while not self._outlet.is_empty and (left_s := give_up_at - self._reactor.now()) > 0:
            if not select.select([], [self._outlet.fd], [], min(left_s, UNREAD_S))[1]:
                return
            self._outlet.flush()


def _feed_by_thread(source: int) -> int:
    """A watchable descriptor with the bytes of one that is not."""
    import threading

    read_end, write_end = os.pipe()

    def copy() -> None:
        try:
            while data := os.read(source, CHUNK_BYTES):
                view = memoryview(data)
                while view:
                    view = view[os.write(write_end, view) :]
        except OSError:
            pass  # the server ended; nobody reads any more
        finally:
            os.close(write_end)

    threading.Thread(target=copy, daemon=True, name="stdin").start()
    return read_end
