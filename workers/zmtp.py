"""The ZeroMQ Message Transport Protocol as a PAIR socket speaks it: bytes to frames and back, and no input or output.

Version 3.1 (RFC 37/ZMTP, rfc.zeromq.org), which libzmq 4.3 speaks, and 3.0 (RFC 23/ZMTP), which differs in that it has
no pings. The mechanism is NULL: who is at the other end of a local socket, the kernel knows better. A stream is

    greeting (64 bytes)  then  READY command  then  messages and commands

and a frame of it is flags (1 byte), a length (1 byte, or 8 big-endian where the flag LONG is set), and as many bytes.
"""

import struct

import msgspec

MORE, LONG, COMMAND = 1, 2, 4
"""The flags of a frame; all others are reserved and zero."""
_LEGAL_FLAGS = frozenset((0, MORE, LONG, LONG | MORE, COMMAND, LONG | COMMAND))
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
"""Signature, version 3.1, mechanism, and that we are no server, which NULL does not know."""
_SIGNATURE_END, _MAJOR, _MECHANISM = 9, 10, slice(12, 32)
SHORT_BYTES = 255
"""The longest frame whose length has one byte."""
COMMAND_BYTES = 1024
"""No command of this mechanism is as long: a name, and a few properties."""
BUFFER_BYTES = 16_384
"""What is taken in at once; a longer frame gets memory of its own."""
_PING_TTL_BYTES, _PING_CONTEXT_BYTES = 2, 16
_SHORT_HEAD_BYTES = 2
_LONG_HEAD = struct.Struct(">BQ")
_LENGTH = struct.Struct(">I")


class ZmtpError(Exception):
    """The peer does not speak this protocol, or more than is taken."""


class Frame(msgspec.Struct, frozen=True):
    """One frame: a part of a message, or a command."""

    flags: int
    body: bytes | bytearray


class Reader:
    """Frames out of the bytes that arrive, in whatever pieces.

    Bytes go to `room()`, as many as there are of it at most, and are announced by `filled`. A frame longer than
    `most_bytes` is refused by its head, before there is memory for it.
    """

    __slots__ = (
        "_buffer",
        "_end",
        "_large",
        "_large_end",
        "_large_flags",
        "_most_bytes",
        "_start",
        "_view",
        "is_empty",
    )

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self.is_empty = True
        """Whether nothing is left of what has arrived, not even the beginning of a frame."""
        self._large: bytearray | None = None
        """The body that is too long for the buffer and has not arrived whole."""
        self._large_flags = self._large_end = 0

    def room(self) -> memoryview:
        """Where the next bytes belong; never empty once `next` had nothing to give."""
        if self._large is not None:
            return memoryview(self._large)[self._large_end :]
        if self.is_empty:
            self._start = self._end = 0
            return self._view
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """So many bytes have arrived there."""
        self.is_empty = False
        if self._large is not None:
            self._large_end += count
        else:
            self._end += count

    def next(self) -> Frame | None:
        """The next frame that has arrived whole.

        Raises:
            ZmtpError: what has arrived is no frame, or one that is too long.
        """
        if self.is_empty or self._large is not None:
            return self._finish_large()
        start, arrived = self._start, self._end - self._start
        if arrived < _SHORT_HEAD_BYTES:
            self._make_room(arrived)
            return None
        flags, length, body_at = self._buffer[start], self._buffer[start + 1], start + _SHORT_HEAD_BYTES
        if flags not in _LEGAL_FLAGS:
            raise ZmtpError(f"a frame with the flags {flags:#x}")
        if flags & LONG:
            if arrived < _LONG_HEAD.size:
                self._make_room(arrived)
                return None
            flags, length = _LONG_HEAD.unpack_from(self._buffer, start)
            body_at = start + _LONG_HEAD.size
        if length > (COMMAND_BYTES if flags & COMMAND else self._most_bytes):
            raise ZmtpError(f"a frame of {length} bytes")
        end = body_at + length
        if end <= self._end:
            frame = Frame(flags, bytes(self._view[body_at:end]))
            self._start, self.is_empty = end, end == self._end
            return frame
        if length > BUFFER_BYTES - _LONG_HEAD.size:
            self._begin_large(flags, length, body_at)
        else:
            self._make_room(arrived)
        return None

    def _make_room(self, arrived: int) -> None:
        """Move the beginning of a frame to the front."""
        if self._start:
            self._view[:arrived] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, arrived

    def _begin_large(self, flags: int, length: int, body_at: int) -> None:
        body = bytearray(length)
        arrived = self._end - body_at
        body[:arrived] = self._view[body_at : self._end]
        self._large, self._large_flags, self._large_end = body, flags, arrived
        self._start = self._end = 0

    def _finish_large(self) -> Frame | None:
        body = self._large
        if body is None or self._large_end < len(body):
            return None
        self._large = None
        self.is_empty = True
        return Frame(self._large_flags, body)


def head(length: int, flags: int = 0) -> bytes:
    """What comes before a frame's body."""
    if length <= SHORT_BYTES:
        return bytes((flags, length))
    return _LONG_HEAD.pack(flags | LONG, length)


def command(name: bytes, data: bytes = b"") -> bytes:
    """A command, ready to be sent."""
    body = bytes((len(name),)) + name + data
    return head(len(body), COMMAND) + body


def _property(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + _LENGTH.pack(len(value)) + value


READY = command(b"READY", _property(b"Socket-Type", b"PAIR"))
"""All that NULL has of a handshake: each peer says once what kind of socket it is."""


def check_greeting(greeting: bytes) -> None:
    """Raise ZmtpError unless the peer speaks version 3, by the mechanism NULL. Takes the whole 64 bytes."""
    if len(greeting) != len(GREETING) or greeting[0] != GREETING[0] or not greeting[_SIGNATURE_END] & 1:
        raise ZmtpError("no greeting")
    if greeting[_MAJOR] < GREETING[_MAJOR]:
        raise ZmtpError(f"version {greeting[_MAJOR]} of the protocol")
    if greeting[_MECHANISM] != GREETING[_MECHANISM]:
        raise ZmtpError("another mechanism than NULL")


def check_ready(frame: Frame) -> None:
    """Raise ZmtpError unless the peer's first frame makes it ready, as a PAIR."""
    name, data = _taken_apart(frame)
    if name == b"ERROR":
        raise ZmtpError("the peer refuses the connection")
    if name != b"READY" or _properties(data).get(b"socket-type") != b"PAIR":
        raise ZmtpError("a peer that is no PAIR")


def reply_to(frame: Frame) -> bytes | None:
    """What a command asks to be sent back.

    Raises:
        ZmtpError: the peer gives up, or it is no command of a PAIR that is open.
    """
    name, data = _taken_apart(frame)
    if name == b"PING" and _PING_TTL_BYTES <= len(data) <= _PING_TTL_BYTES + _PING_CONTEXT_BYTES:
        return command(b"PONG", data[_PING_TTL_BYTES:])
    if name == b"PONG" and len(data) <= _PING_CONTEXT_BYTES:
        return None
    raise ZmtpError("an error of the peer, or no command of a PAIR")


def _taken_apart(frame: Frame) -> tuple[bytes, bytes]:
    """A command's name and its data."""
    body = bytes(frame.body)
    if not frame.flags & COMMAND or not body or len(body) <= body[0]:
        raise ZmtpError("no command")
    return body[1 : 1 + body[0]], body[1 + body[0] :]


def _properties(data: bytes) -> dict[bytes, bytes]:
    """The metadata of a READY: names without regard to case (RFC 23), and values."""
    found = {}
    while data:
        value_at = 1 + data[0] + _LENGTH.size
        if len(data) < value_at:
            raise ZmtpError("cut properties")
        (length,) = _LENGTH.unpack_from(data, value_at - _LENGTH.size)
        if len(data) < value_at + length:
            raise ZmtpError("cut properties")
        found[data[1 : 1 + data[0]].lower()] = data[value_at : value_at + length]
        data = data[value_at + length :]
    return found
