"""The history: what was there before each change, in a folder of its own that no client's path leads to.

Each process that writes has a file of its own to which it appends change after change (`segment.py`, `entry.py`), and
another one when that is full or some time old; what was there before a change of a large file has one for itself. A
change's id is 24 hexadecimal digits of which the first 16 are the time. A file is called by the id of its first change,
and ends in `.open` as long as it is written and until each change in it is known to be made or not; then its name ends
in the number of its changes.

With durability, a change is flushed here before it is made: whatever a loss of power leaves changed, what was there is
kept, and told of. That a change was made is not flushed: where that is lost, it is found out (`interrupted.py`).

The locks: of a file, as long as its writer lives; of `usage`, while files are made and the oldest ones removed, never
while a change is made, so that several servers can keep one history; of `claims`, while it is found out what became of
a change whose maker is gone.
"""

import contextlib
import fcntl
import os
import re
import struct
import time
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history import entry
from filewarden.workers.history.entry import Head, Kept, Progress, time_of, unreadable
from filewarden.workers.history.image import Image
from filewarden.workers.history.segment import LONG_BYTES, OPEN, Segment, finish

MOST_CHANGES = 10_000
"""Whatever their size: a page of the list looks at all their heads."""
LEAST_BYTES = 4096
"""What a small file takes on most file systems, and more than what is told of a change mostly takes."""
MOST_SEGMENT_BYTES = 1 << 20
PARTS, PARTS_OF_CHANGES = 16, 64
"""The oldest changes go file by file: no file holds more than one part in so many of what there may be, nor is written
for longer than such a part of the greatest age."""
USAGE_LOCK_S, CLAIMS_LOCK_S = 1.0, 3.0
"""How long another server may hold a lock: to make a file takes moments, to find out what became of a change may take a
look at all of a large file. One that was stopped while it held a lock must not hold everybody up."""
LOCK_LOOK_S = 0.002
TICK_NS = 10_000_000
"""So far may the time of a file lag behind the clock."""
_ID = re.compile(r"[0-9a-f]{24}")
_NAME = re.compile(rb"([0-9a-f]{24})\.(open|[0-9]{1,6})")
_USAGE = struct.Struct("<Q")
"""When the last of the changes was made that had to make way, in nanoseconds."""
_READ = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class History:
    """The open folder, its bounds, and the file that this process writes."""

    def __init__(self, folder: int, *, max_bytes: int, max_age_s: float) -> None:
        """`folder` may be of O_PATH."""
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_age_ns = int(max_age_s * 1e9)
        self._suffix = os.urandom(4).hex()
        self._newest = 0
        self._current: Segment | None = None
        self._own: dict[bytes, Segment] = {}
        self.lost = 0
        """Of how many changes the heads are damaged, as far as `names` has seen."""
        self._places: dict[str, tuple[bytes, int]] = {}
        """Where the changes lie that were told of last: a page of the list asks for many of them."""

    # Making changes.

    def image(self, size: int) -> Image:
        """What was there before a new change, of `size` bytes; the oldest changes make way.

        Raises:
            ToolFailure: too_large, if there is no such room.
            OSError: the file system has none.
        """
        if size + LEAST_BYTES > self._max_bytes:
            raise _no_room(size + LEAST_BYTES, self._max_bytes)
        identifier = self._identifier()
        own = self._new(identifier, size + LEAST_BYTES) if size > LONG_BYTES else None
        return Image(identifier, self._place, own)

    def close(self) -> None:
        """Write no more to the file that this process writes."""
        if self._current is not None:
            self._current.close()
            self._current = None

    def _identifier(self) -> str:
        self._newest = max(time.time_ns(), self._newest + 1)
        return f"{self._newest:016x}{self._suffix}"

    def _place(self, identifier: str, length: int) -> Segment:
        """The file that takes so many bytes more, of a change that is the first there if the file is new."""
        if self._current is not None and self._takes(self._current, length):
            return self._current
        self.close()
        usual = min(MOST_SEGMENT_BYTES, self._max_bytes // PARTS)
        self._current = self._new(identifier, max(usual, length))
        return self._current

    def _takes(self, segment: Segment, length: int) -> bool:
        return (
            segment.end + length <= segment.most_bytes
            and segment.count < _most_in_one()
            and self._newest - segment.begun_ns < self._max_age_ns // PARTS
        )

    def _new(self, identifier: str, most_bytes: int) -> Segment:
        for name in [name for name, segment in self._own.items() if segment.fd < 0]:
            del self._own[name]
        with self._usage() as usage:
            forgotten = self._make_way(most_bytes)
            if forgotten > _forgotten(usage):
                os.pwrite(usage, _USAGE.pack(forgotten), 0)
            segment = Segment(self.folder, identifier, most_bytes)
        self._own[segment.name] = segment
        return segment

    def _make_way(self, taken: int) -> int:
        """Remove the oldest files until there is room for `taken` bytes more; the time of the last that was forgotten.

        Raises ToolFailure: too_large, where what is being written right now takes the room.
        """
        files = sorted(self._files())
        total, count = sum(size for _, _, size, _ in files) + taken, sum(each[1] for each in files) + 1
        oldest_ns = time.time_ns() - self._max_age_ns
        forgotten = 0
        for name, changes, size, changed_ns in files:
            is_due = total > self._max_bytes or count > MOST_CHANGES or changed_ns < oldest_ns
            if is_due and self._remove(name):
                total, count, forgotten = total - size, count - changes, max(forgotten, changed_ns + TICK_NS)
        if total > self._max_bytes:
            raise _no_room(taken, self._max_bytes)
        return forgotten

    def _files(self) -> Iterator[tuple[bytes, int, int, int]]:
        """Name, number of changes, size and time of the last change of each, the times in nanoseconds."""
        most = _most_in_one()
        for name, ending in self._names():
            with contextlib.suppress(FileNotFoundError):
                state = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
                changes = most if ending == OPEN else int(ending[1:])
                yield name, changes, max(LEAST_BYTES, state.st_size), state.st_mtime_ns

    def _remove(self, name: bytes) -> bool:
        """Forget what is in a file, unless it is being written; whether it is gone."""
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

    def forgotten_ns(self) -> int:
        """When the last of the changes was made that had to make way, in nanoseconds; 0 where none had to."""
        with self._usage() as usage:
            return _forgotten(usage)

    # Looking at changes.

    def names(self) -> list[str]:
        """The ids of all changes that are told of, the newest first."""
        places: dict[str, tuple[bytes, int]] = {}
        self.lost = 0
        for name, ending in self._names():
            with self._opened(name) as fd:
                found = [] if fd is None else list(entry.heads(fd))
                self.lost += 0 if fd is None or ending == OPEN else max(0, int(ending[1:]) - len(found))
                places |= {head.identifier: (name, head.at) for head in found if fd is not None and _is_told(fd, head)}
        self._places = places
        return sorted(places, reverse=True)

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
        found = self._find(identifier, stack)
        if found is None or time_of(identifier) < time.time_ns() - self._max_age_ns:
            raise unknown(identifier)
        name, fd, head = found
        if head.mark == entry.UNMADE:
            raise unknown(identifier)
        progress = self._progress(name, fd, head)
        if progress != "made" and not entry.is_whole(fd, head):
            raise unknown(identifier)  # it is not begun
        return Kept(fd, head, progress)

    def _progress(self, name: bytes, fd: int, head: Head) -> Progress:
        if head.mark not in (entry.BEGUN, entry.LEFT):
            return "made"
        return "under_way" if head.mark == entry.BEGUN and self._is_making(name, fd, head) else "interrupted"

    def _is_making(self, name: bytes, fd: int, head: Head) -> bool:
        own = self._own.get(name)
        if own is not None and own.fd >= 0:
            return own.is_making(head.identifier)
        return _is_locked(fd)

    def _find(self, identifier: str, stack: contextlib.ExitStack) -> tuple[bytes, int, Head] | None:
        """A change's file, open until the end of `stack`, and where it lies there."""
        name, at = self._places.get(identifier, (b"", 0))
        if name:
            fd = stack.enter_context(self._opened(name))
            head = None if fd is None else entry.head_at(fd, at, os.fstat(fd).st_size)
            if fd is not None and head is not None and head.identifier == identifier:
                return name, fd, head
        wanted = identifier.encode()
        for name, _ in sorted(self._names(), key=lambda each: (each[0][:24] <= wanted, each[0]), reverse=True):
            with contextlib.ExitStack() as trial:
                fd = trial.enter_context(self._opened(name))
                head = None if fd is None else _head_of(fd, identifier)
                if fd is not None and head is not None:
                    stack.push(trial.pop_all())
                    return name, fd, head
        return None

    # Changes whose maker is gone.

    def pending(self) -> list[str]:
        """The ids of the changes of which nobody has said that they were made, the newest first."""
        found: list[str] = []
        for name, ending in self._names():
            if ending == OPEN:
                with self._opened(name) as fd:
                    found += [] if fd is None else self._pending(name, fd)
        return sorted(found, reverse=True)

    def _pending(self, name: bytes, fd: int) -> list[str]:
        """Those of one file; where there are none and nobody writes it any more, it gets its last name."""
        is_writing = self._is_own(name) or _is_locked(fd)
        pending, made, end = [], 0, 0
        for head in entry.heads(fd):
            if head.mark in (entry.BEGUN, entry.LEFT):
                if not is_writing and not entry.is_whole(fd, head):
                    break
                pending.append(head.identifier)
            made += head.mark == entry.MADE
            end = head.end
        if not pending and not is_writing:
            with contextlib.suppress(BlockingIOError), self._usage():  # else whoever looks next does it
                self._finish(name, fd, end, made)
        return pending

    def _finish(self, name: bytes, fd: int, end: int, made: int) -> None:
        if self._is_taken_over(name, fd):
            with contextlib.suppress(FileNotFoundError):
                finish(self.folder, name, fd, end, made)

    def _is_taken_over(self, name: bytes, fd: int) -> bool:
        """Whether a file that nobody seems to write is still there, and not one that was only just made."""
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
            state = os.fstat(fd)
            return (there.st_dev, there.st_ino) == (state.st_dev, state.st_ino) and not _is_locked(fd)
        return False

    def _is_own(self, name: bytes) -> bool:
        own = self._own.get(name)
        return own is not None and own.fd >= 0

    @contextlib.contextmanager
    def interrupted(self, identifier: str) -> Iterator[Kept | None]:
        """A change that was begun and is made by nobody any more, kept from others; None where there is none.

        Raises:
            ToolFailure: not_found, of what is no id.
        """
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        with contextlib.ExitStack() as stack:
            kept = self._interrupted(identifier, stack)
            if kept is not None:
                stack.enter_context(self._locked("claims", CLAIMS_LOCK_S))
                kept = self._interrupted(identifier, stack)  # somebody else may have found out
            yield kept

    def _interrupted(self, identifier: str, stack: contextlib.ExitStack) -> Kept | None:
        found = self._find(identifier, stack)
        if found is not None and self._progress(*found) == "interrupted":
            with contextlib.suppress(ToolFailure):  # it was not begun
                return Kept(found[1], found[2], "interrupted")
        return None

    def settle(self, identifier: str) -> None:
        """Say of an interrupted change that it was made."""
        self._mark(identifier, entry.MADE)

    def forget(self, identifier: str) -> None:
        """Say of an interrupted change that it was not made."""
        self._mark(identifier, entry.UNMADE)

    def _mark(self, identifier: str, mark: bytes) -> None:
        with contextlib.ExitStack() as stack:
            found = self._find(identifier, stack)
            if found is None:
                return
            name, fd, head = found
            own = self._own.get(name)
            if own is not None and own.fd >= 0:
                own.mark(identifier, head.at, mark)
            else:
                entry.set_mark(fd, head.at, mark)
                self._pending(name, fd)  # there may be none left

    # Files.

    def _names(self) -> list[tuple[bytes, bytes]]:
        """Name and ending of each file that holds changes."""
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            found = [_NAME.fullmatch(os.fsencode(name)) for name in os.listdir(readable)]
        finally:
            os.close(readable)
        return [(match[0], b"." + match[2]) for match in found if match is not None]

    def _open(self, name: bytes) -> int | None:
        try:
            return os.open(name, _READ, dir_fd=self.folder)
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _opened(self, name: bytes) -> Iterator[int | None]:
        fd = self._open(name)
        try:
            yield fd
        finally:
            if fd is not None:
                os.close(fd)

    def _usage(self) -> contextlib.AbstractContextManager[int]:
        return self._locked("usage", USAGE_LOCK_S)

    @contextlib.contextmanager
    def _locked(self, name: str, most_s: float) -> Iterator[int]:
        """Raises BlockingIOError when somebody else keeps it for longer than `most_s`."""
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.folder)
        try:
            _lock(fd, most_s)
            yield fd
        finally:
            os.close(fd)


def _forgotten(usage: int) -> int:
    data = os.pread(usage, _USAGE.size, 0)
    forgotten: int = _USAGE.unpack(data)[0] if len(data) == _USAGE.size else 0
    return forgotten


def _most_in_one() -> int:
    """How many changes one file holds."""
    return max(1, MOST_CHANGES // PARTS_OF_CHANGES)


def _head_of(fd: int, identifier: str) -> Head | None:
    return next((head for head in entry.heads(fd) if head.identifier == identifier), None)


def _is_told(fd: int, head: Head) -> bool:
    """Whether a change was begun, and not forgotten."""
    if head.mark in (entry.BEGUN, entry.LEFT):
        return entry.is_whole(fd, head)
    return head.mark == entry.MADE


def _lock(fd: int, most_s: float) -> None:
    give_up_at = time.monotonic() + most_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(LOCK_LOOK_S)
        else:
            return


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


def _no_room(taken: int, most: int) -> ToolFailure:
    return ToolFailure(
        Code.TOO_LARGE,
        f"What is there now could not be kept, so the change could not be undone: it takes {taken:,} bytes, and "
        f"{most:,} are all there is for it (history.max_bytes). Nothing was changed.",
        size=taken,
        limit=most,
    )
