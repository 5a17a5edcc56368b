"""Where deleted things wait: a private folder at the top of each root, which no tool shows.

One folder a deletion, named by its time and 64 random bits. A deletion is whole when what was deleted and what is told
of it are both there; the latter is written first. `gone-` before a name says that it is being removed for good.
"""

import contextlib
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.file_lock import lock
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.names import echo
from filewarden.workers.paths.reserved import TRASH
from filewarden.workers.paths.root import Root
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.trash_bounds import stamp
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import Draft, sweep_locked, sync_folder
from filewarden.workers.writing.identity import is_same_object
from filewarden.workers.writing.subtree import remove
from filewarden.workers.writing.target import Target
from filewarden.workers.writing.trash_entry import ITEM, ORIGIN, Entry, Told, unknown
from filewarden.workers.writing.write_failures import made

GONE = "gone-"
LOCK_S = 0.5
"""How long another server may hold a new entry to tidy up: it may have been stopped. What is whole it leaves alone."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{16}")

Overdue = Callable[[], bool]


class Trash:
    """The open trash of one root."""

    def __init__(self, fd: int, durability: Durability) -> None:
        self._fd = fd
        self._durability = durability

    def take(self, target: Target, identifier: str, size: int) -> None:
        """Move what is at a target here; `identifier` is new, and what it can be restored by; `size` in bytes.

        Raises:
            ToolFailure: conflict, if something else came to be there meanwhile, which then stays.
            OSError: EXDEV from another file system than the root's.
        """
        os.mkdir(identifier, 0o700, dir_fd=self._fd)
        with self._entry(identifier) as entry:
            try:
                with contextlib.suppress(OSError):  # whoever tidies up leaves it alone
                    lock(entry.fd, time.monotonic() + LOCK_S)
                with Draft(entry.fd, self._durability) as origin:
                    origin.write(Told(b"/".join(target.names), size).encoded())
                    origin.create(ORIGIN)
                    origin.last()
                _move_checked(target, entry.fd)
                if self._durability is Durability.FULL:
                    for folder in (entry.fd, self._fd, target.folder.fd):
                        sync_folder(folder)
            except BaseException:
                entry.end()
                raise

    def told(self, identifier: str) -> Told:
        """What is told of a deletion; raises ToolFailure(not_found)."""
        with self._entry(identifier) as entry:
            return entry.told()

    def look(self, identifier: str) -> tuple[Told, os.stat_result]:
        """Likewise, with the state of what was deleted; raises ToolFailure(not_found)."""
        with self._entry(identifier) as entry:
            return entry.told(), entry.state()

    def give_back(self, identifier: str, target: Target) -> None:
        """Move it to a place that is free.

        Raises:
            ToolFailure: not_found; conflict, if somebody else does the same.
            OSError: FileExistsError when the place is taken.
        """
        with self._entry(identifier) as entry:
            entry.claim()
            renames.without_replacing(entry.fd, ITEM, target.folder.fd, target.name)
            if self._durability is Durability.FULL:
                sync_folder(target.folder.fd)
            entry.end()

    @contextlib.contextmanager
    def item(self, identifier: str, root: Root) -> Iterator[Target]:
        """What was deleted, in its place in the trash.

        Raises:
            ToolFailure: not_found.
        """
        with self._entry(identifier) as entry, _place(entry, root) as target:
            yield target

    def identifiers(self) -> list[str]:
        """The names of all deletions, in no order."""
        return [name for name in self._names() if _ID.fullmatch(name)]

    def tidy(self) -> None:
        """Remove what deletions that were killed have left: entries without an item that nobody works on."""
        for identifier in self.identifiers():
            with contextlib.suppress(OSError, ToolFailure), self._entry(identifier) as entry:
                fcntl.flock(entry.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                sweep_locked(entry.fd)
                entry.end()

    def discard(self, identifier: str, root: Root, is_overdue: Overdue) -> None:
        """Remove a deletion for good; nobody can restore it from now on, also where there was no time for all of it.

        Raises:
            ToolFailure: not_found; or something is mounted in it.
            OSError: somebody works on it, or a part of it cannot be removed; TimeoutError when it is overdue.
        """
        with self._entry(identifier) as entry:
            entry.condemn(GONE + identifier)
            _remove(entry, root, is_overdue)

    def finish(self, root: Root, is_overdue: Overdue) -> None:
        """Go on with what was to be removed for good and is not gone yet; raises TimeoutError when it is overdue."""
        for name in self._names():
            if name.startswith(GONE) and _ID.fullmatch(name.removeprefix(GONE)):
                try:
                    with self._opened(name) as entry:
                        entry.condemn(name)
                        _remove(entry, root, is_overdue)
                except TimeoutError:
                    raise
                except (OSError, ToolFailure):
                    continue  # it stays, and costs nothing but its space

    def _names(self) -> list[str]:
        with os.scandir(self._fd) as entries:
            return [entry.name for entry in entries]

    def _entry(self, identifier: str) -> contextlib.AbstractContextManager[Entry]:
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        return self._opened(identifier)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Entry]:
        try:
            fd = os.open(name, _FLAGS, dir_fd=self._fd)
        except OSError:
            raise unknown(name) from None
        try:
            yield Entry(self._fd, name, fd)
        finally:
            os.close(fd)


def new_identifier() -> str:
    """The name of a deletion that begins now."""
    return stamp(time.time()) + os.urandom(8).hex()


@contextlib.contextmanager
def _place(entry: Entry, root: Root) -> Iterator[Target]:
    folder = Handle(os.dup(entry.fd), root, (TRASH, entry.name.encode()), "", os.fstat(entry.fd))
    with folder:
        yield Target(folder, ITEM, entry.name, entry.state())


def _remove(entry: Entry, root: Root, is_overdue: Overdue) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.stat(ITEM, dir_fd=entry.fd, follow_symlinks=False)
        with _place(entry, root) as target:
            remove(target, ITEM, entry.fd, is_overdue)
    entry.end()


@contextlib.contextmanager
def open_trash(root: Root, durability: Durability) -> Iterator[Trash]:
    """The trash of a root, made where there is none.

    Raises:
        ToolFailure: unsupported, if what has its name is not a private folder of ours.
        OSError: it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(TRASH, 0o700, dir_fd=root.fd)
    with find_trash(root, durability) as trash:
        if trash is None:
            raise _unusable()
        yield trash


@contextlib.contextmanager
def find_trash(root: Root, durability: Durability) -> Iterator[Trash | None]:
    """The trash of a root, None where there is none.

    Raises:
        ToolFailure: unsupported, if what has its name is not a private folder of ours.
    """
    try:
        os.stat(TRASH, dir_fd=root.fd, follow_symlinks=False)
    except FileNotFoundError:
        yield None
        return
    try:
        fd = os.open(TRASH, _FLAGS, dir_fd=root.fd)
    except OSError:
        raise _unusable() from None
    try:
        state = os.fstat(fd)
        if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o077:
            raise _unusable()
        yield Trash(fd, durability)
    finally:
        os.close(fd)


def _move_checked(target: Target, entry: int) -> None:
    """Move it, look at what was moved, and move it back if it is not what was looked at before."""
    renames.without_replacing(target.folder.fd, target.name, entry, ITEM)
    with made():
        moved = os.stat(ITEM, dir_fd=entry, follow_symlinks=False)
    if target.state is None or not is_same_object(moved, target.state):
        renames.without_replacing(entry, ITEM, target.folder.fd, target.name)
        raise ToolFailure(
            Code.CONFLICT,
            f"'{echo(target.asked)}' became something else meanwhile. Nothing was changed; look again.",
        )


def _unusable() -> ToolFailure:
    return ToolFailure(
        Code.UNSUPPORTED,
        f"The trash of this root, {TRASH.decode()}, is not a private folder of the server's account. "
        "Nothing was changed; with permanent a deletion needs no trash.",
    )
