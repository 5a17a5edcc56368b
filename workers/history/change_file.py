"""The file of one change: the bytes that were there, then what is told of it as JSON, then a mark.

The mark holds the length of what is told and its checksum: a file that was not written to its end, or that a loss of
power has torn, has none that fits.
"""

import binascii
import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from typing import Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.recorded import Recorded

PENDING = b".pending"
"""How its name ends until the change was made."""
MOST_TOLD_BYTES = 1 << 17
"""Of one change: two paths of the greatest length, escaped."""
_MARK = struct.Struct("<8sII")
"""`_MAGIC`, then the length and the CRC-32 of what is told."""
_MAGIC = b"fwchange"
_BLOCK_BYTES = 1 << 20

Progress = Literal["made", "under_way", "interrupted"]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Recorded).decode


def time_of(identifier: str) -> int:
    """When a change was begun, in nanoseconds of the wall clock."""
    return int(identifier[:16], 16)


class Image:
    """The open file of one change that is about to be made."""

    def __init__(self, folder: int, identifier: str, fd: int) -> None:
        self.identifier = identifier
        self.fd = fd
        self._folder = folder

    def write(self, data: bytes | memoryview) -> None:
        """Add to the bytes that were there."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def announce(self, recorded: Recorded) -> None:
        """Say what is going to be done: once this lasts as long as the change will, the change may be made."""
        told = _encode(recorded)
        self.write(told + _MARK.pack(_MAGIC, len(told), binascii.crc32(told)))

    def settle(self) -> None:
        """Say that it was done."""
        settle(self._folder, self.identifier)

    def forget(self) -> None:
        """Say that it was not done."""
        forget(self._folder, self.identifier)

    def release(self) -> None:
        """Make it no more: whoever looks may find out whether it was done."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)


def settle(folder: int, identifier: str) -> None:
    """Say that a pending change was made; one that was forgotten meanwhile stays so."""
    name = identifier.encode()
    with contextlib.suppress(FileNotFoundError):
        os.rename(name + PENDING, name, src_dir_fd=folder, dst_dir_fd=folder)


def forget(folder: int, identifier: str) -> None:
    """Say that a pending change was not made."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(identifier.encode() + PENDING, dir_fd=folder)


class Kept:
    """The open file of a change that was made, or begun.

    Raises ToolFailure: io_error, if it is damaged or was not written to its end.
    """

    def __init__(self, fd: int, identifier: str, progress: Progress) -> None:
        self.fd = fd
        self.identifier = identifier
        self.progress = progress
        end = os.fstat(fd).st_size - _MARK.size
        data = os.pread(fd, _MARK.size, end) if end > 0 else b""
        magic, length, checksum = _MARK.unpack(data) if len(data) == _MARK.size else (b"", 0, 0)
        if magic != _MAGIC or not 0 < length <= min(end, MOST_TOLD_BYTES):
            raise unreadable(identifier)
        self.size = end - length
        """Of the bytes that were there."""
        told = os.pread(fd, length, self.size)
        if binascii.crc32(told) != checksum:
            raise unreadable(identifier)
        try:
            self.recorded = _decode(told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise unreadable(identifier) from None

    @property
    def seconds(self) -> float:
        """When it was begun, in seconds of the wall clock."""
        return time_of(self.identifier) / 1e9

    def blocks(self) -> Iterator[bytes]:
        """The bytes that were there."""
        done = 0
        while block := os.pread(self.fd, min(_BLOCK_BYTES, self.size - done), done):
            done += len(block)
            yield block


def unreadable(identifier: str) -> ToolFailure:
    """Refuse because of what has become of a file of the history."""
    return ToolFailure(Code.IO_ERROR, f"What is kept of the change {identifier} cannot be read.")
