"""The history: what was there before each change, in a folder of its own that no client's path leads to.

Each process that writes has a file of its own to which it appends change after change (`segment.py`, `entry.py`), and
another one when that is full or some time old; what was there before a change of a large file has one for itself. A
change's id is 24 hexadecimal digits of which the first 16 are the time. A file is called by the id of its first change,
and ends in `.open` as long as it is written and until each change in it is known to be made or not; then its name ends
in the number of its changes.

With durability, a change is flushed here before it is made: whatever a loss of power leaves changed, what was there is
kept, and told of. That a change was made is not flushed: where that is lost, it is found out (`interrupted.py`).

The locks: of a file, as long as its writer lives; of `usage`, while files are made and the oldest ones removed, never
while a change is made, so that several servers can keep one history (`room.py`); of `claims`, while it is found out
what became of a change whose maker is gone.
"""

import contextlib
import os
import re
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.file_lock import is_locked
from filewarden.workers.history import entry
from filewarden.workers.history.entry import Head, Kept, Progress, time_of, unreadable
from filewarden.workers.history.folder import Folder
from filewarden.workers.history.image import Image
from filewarden.workers.history.own_segments import OwnSegments
from filewarden.workers.history.room import Room
from filewarden.workers.history.segment import OPEN, finish

CLAIMS_LOCK_S = 3.0
"""How long another server may hold the lock: to find out what became of a change may take a look at all of a large
file. One that was stopped while it held it must not hold everybody up."""
_ID = re.compile(r"[0-9a-f]{24}")


class History:
    """The open folder, its bounds, and the files that this process writes."""

    def __init__(self, folder: int, *, max_bytes: int, max_age_s: float) -> None:
        """`folder` may be of O_PATH."""
        self._folder = Folder(folder)
        self._room = Room(self._folder, max_bytes, int(max_age_s * 1e9))
        self._own = OwnSegments(self._folder, self._room)
        self.lost = 0
        """Of how many changes the heads are damaged, as far as `names` has seen."""
        self._places: dict[str, tuple[bytes, int]] = {}
        """Where the changes lie that were told of last: a page of the list asks for many of them."""

    @property
    def folder(self) -> int:
        """Where everything lies."""
        return self._folder.fd

    # Making changes.

    def image(self, size: int) -> Image:
        """What was there before a new change, of `size` bytes; the oldest changes make way.

        Raises:
            ToolFailure: too_large, if there is no such room.
            OSError: the file system has none.
        """
        return self._own.image(size)

    def close(self) -> None:
        """Write no more to the file that this process writes."""
        self._own.close()

    def forgotten_ns(self) -> int:
        """When the last of the changes was made that had to make way, in nanoseconds; 0 where none had to."""
        return self._room.forgotten_ns()

    # Looking at changes.

    def names(self) -> list[str]:
        """The ids of all changes that are told of, the newest first."""
        places: dict[str, tuple[bytes, int]] = {}
        self.lost = 0
        for name, ending in self._folder.names():
            with self._folder.opened(name) as fd:
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
        if found is None or self._room.is_forgotten(time_of(identifier)):
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
        own = self._own.find(name)
        return is_locked(fd) if own is None else own.is_making(head.identifier)

    def _find(self, identifier: str, stack: contextlib.ExitStack) -> tuple[bytes, int, Head] | None:
        """A change's file, open until the end of `stack`, and where it lies there."""
        name, at = self._places.get(identifier, (b"", 0))
        if name:
            fd = stack.enter_context(self._folder.opened(name))
            head = None if fd is None else entry.head_at(fd, at, os.fstat(fd).st_size)
            if fd is not None and head is not None and head.identifier == identifier:
                return name, fd, head
        wanted = identifier.encode()
        for name, _ in sorted(self._folder.names(), key=lambda each: (each[0][:24] <= wanted, each[0]), reverse=True):
            with contextlib.ExitStack() as trial:
                fd = trial.enter_context(self._folder.opened(name))
                head = None if fd is None else _head_of(fd, identifier)
                if fd is not None and head is not None:
                    stack.push(trial.pop_all())
                    return name, fd, head
        return None

    # Changes whose maker is gone.

    def pending(self) -> list[str]:
        """The ids of the changes of which nobody has said that they were made, the newest first."""
        found: list[str] = []
        for name, ending in self._folder.names():
            if ending == OPEN:
                with self._folder.opened(name) as fd:
                    found += [] if fd is None else self._pending(name, fd)
        return sorted(found, reverse=True)

    def _pending(self, name: bytes, fd: int) -> list[str]:
        """Those of one file; where there are none and nobody writes it any more, it gets its last name."""
        is_writing = self._own.find(name) is not None or is_locked(fd)
        pending, made, end = [], 0, 0
        for head in entry.heads(fd):
            if head.mark in (entry.BEGUN, entry.LEFT):
                if not is_writing and not entry.is_whole(fd, head):
                    break
                pending.append(head.identifier)
            made += head.mark == entry.MADE
            end = head.end
        if not pending and not is_writing:
            with contextlib.suppress(BlockingIOError), self._room.alone():  # else whoever looks next does it
                self._finish(name, fd, end, made)
        return pending

    def _finish(self, name: bytes, fd: int, end: int, made: int) -> None:
        if self._folder.is_left(name, fd):
            with contextlib.suppress(FileNotFoundError):
                finish(self.folder, name, fd, end, made)

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
                stack.enter_context(self._folder.locked("claims", CLAIMS_LOCK_S))
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
            own = self._own.find(name)
            if own is not None:
                own.mark(identifier, head.at, mark)
            else:
                entry.set_mark(fd, head.at, mark)
                self._pending(name, fd)  # there may be none left


def _head_of(fd: int, identifier: str) -> Head | None:
    return next((head for head in entry.heads(fd) if head.identifier == identifier), None)


def _is_told(fd: int, head: Head) -> bool:
    """Whether a change was begun, and not forgotten."""
    if head.mark in (entry.BEGUN, entry.LEFT):
        return entry.is_whole(fd, head)
    return head.mark == entry.MADE


def unknown(identifier: str) -> ToolFailure:
    """Refuse an id that no change has."""
    from filewarden.workers.paths.names import echo

    return ToolFailure(
        Code.NOT_FOUND,
        f"No change '{echo(identifier)}' is known: list_changes tells those that are. Old ones are forgotten "
        "(history.max_bytes, history.max_age_s).",
    )
