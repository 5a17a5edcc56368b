"""The history: what was there before each change, in a folder of its own that no client's path leads to.

One file a change: the bytes that were there, then what is told of the change as JSON, then the length of that in eight
bytes. Its name is the change's id, 24 hexadecimal digits of which the first 16 are the time, with an ending that says
how far the change has come: `.part` while it is written, `.pending` before the change is made, none afterwards. Whoever
makes a change holds the lock of its file, so one that is pending and not locked was interrupted.

`usage` holds what the files take together. Its lock is held for each step that counts, and never while a change is
made, so that several servers can keep one history.
"""

import contextlib
import fcntl
import os
import re
import struct
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.recorded import Recorded

PART, PENDING = b".part", b".pending"
MOST_CHANGES = 10_000
"""Whatever their size: a page of the list looks at all their names."""
LEAST_BYTES = 4096
"""What a small file takes on most file systems."""
MOST_TOLD_BYTES = 1 << 17
"""Of one change: two paths of the greatest length, escaped."""
_SLACK = 16
"""When something has to go, one part in so many goes at once, so that not every change has to look at all."""
_ID = re.compile(r"[0-9a-f]{24}")
_NAME = re.compile(rb"([0-9a-f]{24})(|\.part|\.pending)")
_USAGE = struct.Struct("<QQQQ")
"""Bytes, changes, the time of the oldest change and the greatest time given away, in nanoseconds."""
_LENGTH = struct.Struct("<Q")
_BLOCK_BYTES = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Progress = Literal["made", "under_way", "interrupted"]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Recorded).decode


class Image:
    """The open file of one change that is about to be made."""

    def __init__(self, folder: int, identifier: str, fd: int) -> None:
        self.identifier = identifier
        self.fd = fd
        self._folder = folder
        self._name = identifier.encode() + PART

    def write(self, data: bytes | memoryview) -> None:
        """Add to the bytes that were there."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view) :]

    def announce(self, recorded: Recorded, *, durable: bool) -> None:
        """Say what is going to be done: from now on the change may be made."""
        told = _encode(recorded)
        self.write(told + _LENGTH.pack(len(told)))
        if durable:
            os.fsync(self.fd)
        self._rename(PENDING)

    def settle(self) -> None:
        """Say that it was done; one that was forgotten meanwhile stays so."""
        with contextlib.suppress(FileNotFoundError):
            self._rename(b"")

    def forget(self) -> None:
        """Say that it was not done."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)

    def _rename(self, ending: bytes) -> None:
        name = self.identifier.encode() + ending
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._name = name


class Kept:
    """The open file of a change that was made, or begun."""

    def __init__(self, fd: int, identifier: str, progress: Progress) -> None:
        self.fd = fd
        self.identifier = identifier
        self.progress = progress
        end = os.fstat(fd).st_size - _LENGTH.size
        (length,) = _LENGTH.unpack(os.pread(fd, _LENGTH.size, end)) if end > 0 else (0,)
        if not 0 < length <= min(end, MOST_TOLD_BYTES):
            raise _unreadable(identifier)
        self.size = end - length
        """Of the bytes that were there."""
        try:
            self.recorded = _decode(os.pread(fd, length, self.size))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _unreadable(identifier) from None

    @property
    def seconds(self) -> float:
        """When it was begun, in seconds of the wall clock."""
        return int(self.identifier[:16], 16) / 1e9

    def blocks(self) -> Iterator[bytes]:
        """The bytes that were there."""
        done = 0
        while block := os.pread(self.fd, min(_BLOCK_BYTES, self.size - done), done):
            done += len(block)
            yield block


class History:
    """The open folder, and its bounds."""

    def __init__(self, folder: int, *, max_bytes: int, max_age_s: float) -> None:
        """`folder` may be of O_PATH."""
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_age_ns = int(max_age_s * 1e9)

    @contextlib.contextmanager
    def image(self, size: int) -> Iterator[Image]:
        """The file of a new change, with room for `size` bytes; the oldest changes make way.

        Raises:
            ToolFailure: too_large, if there is no such room.
            OSError: the file system has none.
        """
        taken = max(LEAST_BYTES, size + LEAST_BYTES)
        with self._usage() as usage:
            identifier = self._make_way(usage, taken)
            fd = os.open(
                identifier.encode() + PART,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
                dir_fd=self.folder,
            )
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else knows it yet
        try:
            yield Image(self.folder, identifier, fd)
        finally:
            os.close(fd)

    def names(self) -> list[str]:
        """The ids of all changes that are told of, the newest first."""
        return sorted((name for name, ending, _ in self._files() if ending != PART), reverse=True)

    @contextlib.contextmanager
    def kept(self, identifier: str) -> Iterator[Kept]:
        """One change.

        Raises:
            ToolFailure: not_found.
        """
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        name = identifier.encode()
        fd = self._open(name)
        progress: Progress = "made"
        if fd is None:
            fd, progress = self._open(name + PENDING), "interrupted"
        if fd is None:
            fd, progress = self._open(name), "made"  # it was made just now
        if fd is None or self._is_too_old(identifier):
            if fd is not None:
                os.close(fd)
            raise unknown(identifier)
        try:
            if progress == "interrupted" and _is_locked(fd):
                progress = "under_way"
            yield Kept(fd, identifier, progress)
        finally:
            os.close(fd)

    def _open(self, name: bytes) -> int | None:
        try:
            return os.open(name, _READ, dir_fd=self.folder)
        except FileNotFoundError:
            return None

    def _is_too_old(self, identifier: str) -> bool:
        return int(identifier[:16], 16) < time.time_ns() - self._max_age_ns

    @contextlib.contextmanager
    def _usage(self) -> Iterator[int]:
        fd = os.open("usage", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.folder)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _make_way(self, usage: int, taken: int) -> str:
        """Count `taken` bytes more, and give the id of the change that takes them."""
        if taken > self._max_bytes:
            raise _no_room(taken, self._max_bytes)
        now = time.time_ns()
        data = os.pread(usage, _USAGE.size, 0)
        size, count, oldest, newest = _USAGE.unpack(data) if len(data) == _USAGE.size else (0, MOST_CHANGES, 0, 0)
        if size + taken > self._max_bytes or count >= MOST_CHANGES or oldest < now - self._max_age_ns:
            size, count, oldest = self._forget_the_oldest(taken, now)
        newest = max(now, newest + 1)
        os.pwrite(usage, _USAGE.pack(size + taken, count + 1, min(oldest, newest), newest), 0)
        return f"{newest:016x}{os.urandom(4).hex()}"

    def _forget_the_oldest(self, taken: int, now: int) -> tuple[int, int, int]:
        """Keep to the bounds; the bytes and the number of what stays, and the time of the oldest of it."""
        files = sorted(self._files())
        total, count = sum(size for _, _, size in files), len(files)
        most_bytes = self._max_bytes - taken
        if total > most_bytes:
            most_bytes -= min(most_bytes, self._max_bytes // _SLACK)
        most = MOST_CHANGES - 1 if count < MOST_CHANGES else MOST_CHANGES - MOST_CHANGES // _SLACK
        oldest = now
        for identifier, ending, size in files:
            is_due = total > most_bytes or count > most or int(identifier[:16], 16) < now - self._max_age_ns
            if (is_due or ending == PART) and self._remove(identifier.encode() + ending):
                total, count = total - size, count - 1
            else:
                oldest = min(oldest, int(identifier[:16], 16))
        if total + taken > self._max_bytes:
            raise _no_room(taken, self._max_bytes)
        return total, count, oldest

    def _files(self) -> Iterator[tuple[str, bytes, int]]:
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            with os.scandir(readable) as entries:
                for entry in entries:
                    found = _NAME.fullmatch(os.fsencode(entry.name))
                    if found is not None:
                        with contextlib.suppress(FileNotFoundError):
                            size = max(LEAST_BYTES, entry.stat(follow_symlinks=False).st_size)
                            yield found[1].decode(), found[2], size
        finally:
            os.close(readable)

    def _remove(self, name: bytes) -> bool:
        """Forget a change, unless it is being made; whether it is gone."""
        fd = self._open(name)
        if fd is None:
            return True
        try:
            if _is_locked(fd):
                return False
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.folder)
            return True
        finally:
            os.close(fd)


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def unknown(identifier: str) -> ToolFailure:
    """Refuse an id that no change has."""
    from filewarden.workers.paths.names import echo

    return ToolFailure(
        Code.NOT_FOUND,
        f"No change '{echo(identifier)}' is known: list_changes tells those that are. Old ones are forgotten "
        "(history.max_bytes, history.max_age_s).",
    )


def _unreadable(identifier: str) -> ToolFailure:
    return ToolFailure(Code.IO_ERROR, f"What is kept of the change {identifier} cannot be read.")


def _no_room(taken: int, most: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"What is there now could not be kept, so the change could not be undone: it takes {taken:,} bytes, and "
        f"{most:,} are all there is for it (history.max_bytes). Nothing was changed.",
        size=taken,
        limit=most,
    )
