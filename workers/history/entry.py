"""One change in a file of the history: a head, the bytes that were there, then what is told of it as JSON.

The head holds the lengths and the checksum of what is told, and a checksum of its own: a change that was not written to
its end, or that a loss of power has torn, has none that fit. One byte of it, which they leave out, says how far the
change has come: it is written over in place.
"""

import binascii
import os
import struct
from collections.abc import Iterator
from typing import Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.recorded import Recorded

MOST_TOLD_BYTES = 1 << 17
"""Of one change: two paths of the greatest length, escaped."""
_HEAD = struct.Struct("<4sc3x12sQIII")
"""`_MAGIC`, the mark, the id, the length of what was there, length and CRC-32 of what is told, CRC-32 of the head."""
HEAD_BYTES = _HEAD.size
MARK_AT = 4
_MAGIC = b"fwch"
_BLOCK_BYTES = 1 << 20

BEGUN, MADE, UNMADE, LEFT = b"b", b"m", b"u", b"l"
"""`UNMADE`: it is forgotten. `LEFT`: nobody makes it any more, and what is there did not tell whether it was made."""
Progress = Literal["made", "under_way", "interrupted"]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Recorded).decode


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where one change lies in its file, in bytes, and how far it has come."""

    identifier: str
    mark: bytes
    at: int
    size: int
    """Of the bytes that were there."""
    told: int
    checksum: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + HEAD_BYTES + self.size + self.told


def time_of(identifier: str) -> int:
    """When a change was begun, in nanoseconds of the wall clock."""
    return int(identifier[:16], 16)


def told_of(recorded: Recorded) -> bytes:
    """What is told of a change, as it is kept."""
    return _encode(recorded)


def head_of(identifier: str, size: int, told: bytes) -> bytes:
    """The head of a change that is begun."""
    fields = (bytes.fromhex(identifier), size, len(told), binascii.crc32(told))
    sealed = _HEAD.pack(_MAGIC, BEGUN, *fields, 0)
    return _HEAD.pack(_MAGIC, BEGUN, *fields, binascii.crc32(sealed))


def head_at(fd: int, at: int, end: int) -> Head | None:
    """Read the head at a place of an open file, of which `end` bytes are there; None where there is none."""
    data = os.pread(fd, HEAD_BYTES, at)
    if len(data) != HEAD_BYTES:
        return None
    magic, mark, raw, size, told, checksum, seal = _HEAD.unpack(data)
    if magic != _MAGIC or binascii.crc32(_HEAD.pack(magic, BEGUN, raw, size, told, checksum, 0)) != seal:
        return None
    head = Head(raw.hex(), mark, at, size, told, checksum)
    return head if 0 < told <= MOST_TOLD_BYTES and head.end <= end else None


def heads(fd: int) -> Iterator[Head]:
    """All heads of an open file, up to where it is torn or ends."""
    at, end = 0, os.fstat(fd).st_size
    while (head := head_at(fd, at, end)) is not None:
        yield head
        at = head.end


def set_mark(fd: int, at: int, mark: bytes) -> None:
    """Say how far the change has come whose head is at a place; raises OSError."""
    os.pwrite(fd, mark, at + MARK_AT)


def is_whole(fd: int, head: Head) -> bool:
    """Whether what is told of a change was written to its end."""
    return binascii.crc32(os.pread(fd, head.told, head.at + HEAD_BYTES + head.size)) == head.checksum


class Kept:
    """A change that was made, or begun, in an open file.

    Raises ToolFailure: io_error, if it is damaged or was not written to its end.
    """

    def __init__(self, fd: int, head: Head, progress: Progress) -> None:
        self.fd = fd
        self.identifier = head.identifier
        self.progress = progress
        self.size = head.size
        """Of the bytes that were there."""
        self._at = head.at + HEAD_BYTES
        told = os.pread(fd, head.told, self._at + head.size)
        if binascii.crc32(told) != head.checksum:
            raise unreadable(self.identifier)
        try:
            self.recorded = _decode(told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise unreadable(self.identifier) from None

    @property
    def seconds(self) -> float:
        """When it was begun, in seconds of the wall clock."""
        return time_of(self.identifier) / 1e9

    def blocks(self) -> Iterator[bytes]:
        """The bytes that were there."""
        done = 0
        while block := os.pread(self.fd, min(_BLOCK_BYTES, self.size - done), self._at + done):
            done += len(block)
            yield block


def unreadable(identifier: str) -> ToolFailure:
    """Refuse because of what has become of a file of the history."""
    return ToolFailure(Code.IO_ERROR, f"What is kept of the change {identifier} cannot be read.")
