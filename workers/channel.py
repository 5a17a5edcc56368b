"""The worker's end of the link: one local connection that speaks ZeroMQ's protocol, and no library beneath it.

ZeroMQ's own would bring two threads, two wake-ups for every call, and a dozen descriptors into the most exposed
process. What is read and written is `zmtp`'s affair.
"""

import _socket
import os
import select
import struct
import time
from collections.abc import Iterable

from filewarden.workers import zmtp
from filewarden.workers.zmtp import COMMAND, MORE, Frame, Reader, ZmtpError

JOINED_BYTES = 32_768
"""Up to here a copy costs less than handing the kernel two pieces."""
_TIMEVAL = struct.Struct("@ll")


class ChannelClosedError(Exception):
    """The broker is gone, or did not speak in time, or not as brokers do."""


class Channel:
    """One link to the broker.

    The endpoint is gone from the file system after the handshake and nothing ever connects again, so a lost link is the
    end of this worker. One that waits looks every few seconds whether the zygote is still its parent.
    """

    PARENT_CHECK_S = 5

    def __init__(self, endpoint: str, parent_pid: int, max_request_bytes: int, timeout_s: float) -> None:
        """Connect to the path `endpoint`, and have shaken hands within `timeout_s`.

        Raises:
            ChannelClosedError: nobody listens there, or it is no broker.
        """
        self._parent_pid = parent_pid
        self._reader = Reader(max_request_bytes)
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._fd = self._socket.fileno()
        """Read and written like a file: the filter allows no call that is made for sockets."""
        patience = _TIMEVAL.pack(self.PARENT_CHECK_S, 0)
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, patience)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        try:
            self._socket.connect(endpoint)
            self._shake_hands(time.monotonic() + timeout_s)
        except (OSError, ZmtpError, ChannelClosedError):
            self.close()
            raise ChannelClosedError from None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def receive(self) -> bytes | bytearray:
        """The next message.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        while (message := self._next_message()) is None:
            self._take_in()
        return message

    def receive_soon(self, timeout_s: float) -> bytes | bytearray | None:
        """The next message, or None when none came in time.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        give_up_at = time.monotonic() + timeout_s
        while (message := self._next_message()) is None:
            if not self._has_arrived_by(give_up_at):
                self._check_parent()
                return None
            self._take_in()
        return message

    def receive_within(self, timeout_s: float) -> bytes | bytearray:
        """The next message, or ChannelClosedError when none came in time."""
        message = self.receive_soon(timeout_s)
        if message is None:
            raise ChannelClosedError
        return message

    def send(self, *pieces: bytes | memoryview) -> None:
        """Hand over one message, whose pieces follow each other, as fast as the broker takes it.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        length = sum(map(len, pieces))
        parts = (zmtp.head(length), *pieces)
        self._write([b"".join(parts)] if length <= JOINED_BYTES else list(parts))

    def send_all(self, messages: Iterable[tuple[bytes | memoryview, ...]]) -> None:
        """Hand over several messages, as `send` does each of them: the broker is woken once, if they are short.

        Raises:
            ChannelClosedError: the broker or the zygote is gone.
        """
        together: list[bytes | memoryview] = []
        length = 0
        for pieces in messages:
            size = sum(map(len, pieces))
            if together and length + size > JOINED_BYTES:
                self._write([b"".join(together)])
                together, length = [], 0
            together += (zmtp.head(size), *pieces)
            length += size
        if together:
            self._write([b"".join(together)] if length <= JOINED_BYTES else list(together))

    # The protocol.

    def _shake_hands(self, give_up_at: float) -> None:
        self._write([zmtp.GREETING + zmtp.READY])
        greeting = b""
        while len(greeting) < len(zmtp.GREETING):
            if not self._has_arrived_by(give_up_at):
                raise ChannelClosedError
            part = os.read(self._fd, len(zmtp.GREETING) - len(greeting))
            if not part:
                raise ChannelClosedError
            greeting += part
        zmtp.check_greeting(greeting)
        while (frame := self._reader.next()) is None:
            if not self._has_arrived_by(give_up_at):
                raise ChannelClosedError
            self._take_in()
        zmtp.check_ready(frame)

    def _next_message(self) -> bytes | bytearray | None:
        """The next message that has arrived whole; the protocol's own frames are dealt with on the way."""
        try:
            while not self._reader.is_empty and (frame := self._reader.next()) is not None:
                if not frame.flags & (COMMAND | MORE):
                    return frame.body
                self._obey(frame)
        except ZmtpError:
            raise ChannelClosedError from None
        return None

    def _obey(self, frame: Frame) -> None:
        if frame.flags & MORE:
            raise ZmtpError("a message of several parts")
        reply = zmtp.reply_to(frame)
        if reply is not None:
            self._write([reply])

    # The connection.

    def _has_arrived_by(self, when: float) -> bool:
        return bool(self._readable.poll(max(0.0, when - time.monotonic()) * 1000))

    def _take_in(self) -> None:
        """Wait for bytes, for a while.

        By poll(2), for what waits in a receive is woken also when the other end has taken what was sent to it
        (unix_write_space in Linux), and that costs the broker a wake-up of this process in the middle of each answer.
        """
        if not self._readable.poll(self.PARENT_CHECK_S * 1000):
            self._check_parent()
            return
        try:
            count = os.readv(self._fd, (self._reader.room(),))
        except OSError:
            raise ChannelClosedError from None
        if count == 0:
            raise ChannelClosedError
        self._reader.filled(count)

    def _write(self, parts: list[bytes | memoryview]) -> None:
        while parts:
            try:
                count = os.writev(self._fd, parts) if parts[1:] else os.write(self._fd, parts[0])
            except BlockingIOError:  # the time of SO_SNDTIMEO is over, and nothing was taken
                self._check_parent()
            except OSError:
                raise ChannelClosedError from None
            else:
                if not parts[1:] and count == len(parts[0]):
                    return
                parts = _left_of(parts, count)

    def _check_parent(self) -> None:
        if os.getppid() != self._parent_pid:
            raise ChannelClosedError


def _left_of(parts: list[bytes | memoryview], count: int) -> list[bytes | memoryview]:
    """What remains when the first `count` bytes are gone."""
    for place, part in enumerate(parts):
        if count < len(part):
            return [memoryview(part)[count:], *parts[place + 1 :]]
        count -= len(part)
    return []
