"""The history: what was there before each change, in a folder of its own that no client's path leads to.

One file a change (`change_file.py`). Its name is the change's id, 24 hexadecimal digits of which the first 16 are the
time; it ends in `.pending` until the change was made. Whoever makes a change holds the lock of its file, so one that is
pending and not locked was interrupted; where its file was not written to its end, the change was not even begun.

With durability, a file is flushed before the change is made that it tells of: whatever a loss of power leaves changed,
what was there is kept, and told of. The name of a new file lasts with the file on the file systems of Linux that keep a
journal or a log. That a change was made is not flushed: where that is lost, it is found out (`interrupted.py`).

`usage` holds what the files take together. Its lock is held for each step that counts, and never while a change is
made, so that several servers can keep one history. It is not flushed either: it is a sum that can be made again.
"""

import contextlib
import fcntl
import os
import re
import struct
import time
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.change_file import PENDING, Image, Kept, Progress, forget, settle, time_of, unreadable

MOST_CHANGES = 10_000
"""Whatever their size: a page of the list looks at all their names."""
LEAST_BYTES = 4096
"""What a small file takes on most file systems."""
_SLACK = 16
"""When something has to go, one part in so many goes at once, so that not every change has to look at all."""
_ID = re.compile(r"[0-9a-f]{24}")
_NAME = re.compile(rb"([0-9a-f]{24})(|\.pending)")
_USAGE = struct.Struct("<QQQQQ")
"""Bytes, changes, and three times in nanoseconds: of the oldest change, the greatest given away, the greatest of what
was forgotten to make way."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


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
            image = self._new(self._make_way(usage, taken))
        try:
            yield image
        finally:
            os.close(image.fd)

    def _new(self, identifier: str) -> Image:
        fd = os.open(
            identifier.encode() + PENDING,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
            0o600,
            dir_fd=self.folder,
        )
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else knows it yet
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                forget(self.folder, identifier)
            raise
        return Image(self.folder, identifier, fd)

    def names(self) -> list[str]:
        """The ids of all changes that are told of, the newest first."""
        return sorted({name for name, _ in self._names()}, reverse=True)

    @contextlib.contextmanager
    def kept(self, identifier: str) -> Iterator[Kept]:
        """One change.

        Raises:
            ToolFailure: not_found; io_error, if what is kept of it is damaged.
        """
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        with contextlib.ExitStack() as stack:
            try:
                found = self._kept(identifier, stack)
            except OSError:
                raise unreadable(identifier) from None
            yield found

    def _kept(self, identifier: str, stack: contextlib.ExitStack) -> Kept:
        name = identifier.encode()
        fd = self._open(name)
        progress: Progress = "made"
        if fd is None:
            fd, progress = self._open(name + PENDING), "interrupted"
        if fd is None:
            fd, progress = self._open(name), "made"  # it was made just now
        if fd is None:
            raise unknown(identifier)
        stack.callback(os.close, fd)
        if self._is_too_old(identifier):
            raise unknown(identifier)
        if progress == "interrupted" and _is_locked(fd):
            progress = "under_way"
        try:
            return Kept(fd, identifier, progress)
        except ToolFailure:
            if progress == "made":
                raise
            raise unknown(identifier) from None  # it is not begun

    def pending(self) -> list[str]:
        """The ids of the changes of which nobody has said that they were made, the newest first."""
        return sorted((name for name, ending in self._names() if ending), reverse=True)

    @contextlib.contextmanager
    def interrupted(self, identifier: str) -> Iterator[Kept | None]:
        """A change that was begun and is made by nobody any more, kept from others; None where there is none.

        One that was not even begun is forgotten.

        Raises:
            ToolFailure: not_found, of what is no id.
        """
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        with contextlib.ExitStack() as stack:
            yield self._claimed(identifier, stack)

    def _claimed(self, identifier: str, stack: contextlib.ExitStack) -> Kept | None:
        with self._usage():  # while it is held, nobody has made a new file and not locked it yet
            fd = self._open(identifier.encode() + PENDING)
            if fd is None:
                return None
            stack.callback(os.close, fd)
            if not _is_taken(fd, fcntl.LOCK_EX):
                return None
        try:
            return Kept(fd, identifier, "interrupted")
        except ToolFailure:
            self.forget(identifier)
            return None

    def settle(self, identifier: str) -> None:
        """Say of an interrupted change that it was made."""
        settle(self.folder, identifier)

    def forget(self, identifier: str) -> None:
        """Say of an interrupted change that it was not made."""
        forget(self.folder, identifier)

    def forgotten_ns(self) -> int:
        """When the last of the changes was made that had to make way, in nanoseconds; 0 where none had to."""
        with self._usage() as usage:
            return _sums(usage)[4]

    def _open(self, name: bytes) -> int | None:
        try:
            return os.open(name, _READ, dir_fd=self.folder)
        except FileNotFoundError:
            return None

    def _is_too_old(self, identifier: str) -> bool:
        return time_of(identifier) < time.time_ns() - self._max_age_ns

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
        size, count, oldest, newest, forgotten = _sums(usage)
        if size + taken > self._max_bytes or count >= MOST_CHANGES or oldest < now - self._max_age_ns:
            size, count, oldest, gone = self._forget_the_oldest(taken, now)
            forgotten = max(forgotten, gone)
        newest = max(now, newest + 1)
        os.pwrite(usage, _USAGE.pack(size + taken, count + 1, min(oldest, newest), newest, forgotten), 0)
        return f"{newest:016x}{os.urandom(4).hex()}"

    def _forget_the_oldest(self, taken: int, now: int) -> tuple[int, int, int, int]:
        """Keep to the bounds: the bytes and the number of what stays, the time of its oldest, and the last forgotten.

        Raises ToolFailure: too_large, where what is being made right now takes the room.
        """
        files = sorted(self._files())
        total, count = sum(size for _, _, size in files), len(files)
        most_bytes = self._max_bytes - taken
        if total > most_bytes:
            most_bytes -= min(most_bytes, self._max_bytes // _SLACK)
        most = MOST_CHANGES - 1 if count < MOST_CHANGES else MOST_CHANGES - MOST_CHANGES // _SLACK
        oldest, forgotten = now, 0
        for identifier, ending, size in files:
            at = time_of(identifier)
            is_due = total > most_bytes or count > most or at < now - self._max_age_ns
            if is_due and self._remove(identifier.encode() + ending):
                total, count, forgotten = total - size, count - 1, at
            else:
                oldest = min(oldest, at)
        if total + taken > self._max_bytes:
            raise _no_room(taken, self._max_bytes)
        return total, count, oldest, forgotten

    def _files(self) -> Iterator[tuple[str, bytes, int]]:
        """Id, ending and size of each."""
        for identifier, ending in self._names():
            with contextlib.suppress(FileNotFoundError):
                state = os.stat(identifier.encode() + ending, dir_fd=self.folder, follow_symlinks=False)
                yield identifier, ending, max(LEAST_BYTES, state.st_size)

    def _names(self) -> list[tuple[str, bytes]]:
        """Id and ending of each."""
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            found = [_NAME.fullmatch(os.fsencode(name)) for name in os.listdir(readable)]
        finally:
            os.close(readable)
        return [(match[1].decode(), match[2]) for match in found if match is not None]

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


def _sums(usage: int) -> tuple[int, int, int, int, int]:
    """What `usage` holds; where it holds nothing, what lets it be counted anew."""
    data = os.pread(usage, _USAGE.size, 0)
    return _USAGE.unpack(data) if len(data) == _USAGE.size else (0, MOST_CHANGES, 0, 0, 0)


def _is_locked(fd: int) -> bool:
    if not _is_taken(fd, fcntl.LOCK_SH):
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _is_taken(fd: int, kind: int) -> bool:
    """Take the lock of a change, if nobody else holds it."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unknown(identifier: str) -> ToolFailure:
    """Refuse an id that no change has."""
    from filewarden.workers.paths.names import echo

    return ToolFailure(
        Code.NOT_FOUND,
        f"No change '{echo(identifier)}' is known: list_changes tells those that are. Old ones are forgotten "
        "(history.max_bytes, history.max_age_s).",
    )


def _no_room(taken: int, most: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"What is there now could not be kept, so the change could not be undone: it takes {taken:,} bytes, and "
        f"{most:,} are all there is for it (history.max_bytes). Nothing was changed.",
        size=taken,
        limit=most,
    )
