"""Where deleted things wait: a private folder at the top of each root, which no tool shows.

One folder a deletion, named by its time and 64 random bits: `item` is what was deleted, moved there by one rename,
and `origin` where it lay. A deletion is whole when both are there; `origin` is written first.
"""

import contextlib
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.names import echo
from filewarden.workers.paths.reserved import TRASH
from filewarden.workers.paths.root import Root
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import draft, sweep, sync_folder
from filewarden.workers.writing.identity import is_same_object
from filewarden.workers.writing.target import Target

ITEM, ORIGIN = b"item", b"origin"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{16}")
MOST_ORIGIN_BYTES = 4096


class Trash:
    """The open trash of one root."""

    def __init__(self, fd: int, durability: Durability) -> None:
        self._fd = fd
        self._durability = durability

    def take(self, target: Target, identifier: str) -> None:
        """Move what is at a target here; `identifier` is new, and what it can be restored by.

        Raises:
            ToolFailure: conflict, if something else came to be there meanwhile, which then stays.
            OSError: EXDEV from another file system than the root's.
        """
        os.mkdir(identifier, 0o700, dir_fd=self._fd)
        entry = os.open(identifier, _FLAGS, dir_fd=self._fd)
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(entry, fcntl.LOCK_EX)  # whoever tidies up leaves it alone
            with draft(entry, self._durability) as origin:
                origin.write(b"/".join(target.names))
                origin.create(ORIGIN)
            _move_checked(target, entry)
            if self._durability is Durability.FULL:
                for folder in (entry, self._fd, target.folder.fd):
                    sync_folder(folder)
        except BaseException:
            self._forget(entry, identifier)
            raise
        finally:
            os.close(entry)

    def origin(self, identifier: str) -> bytes:
        """Where it lay beneath the root, with `/`.

        Raises:
            ToolFailure: not_found.
        """
        with self._entry(identifier) as entry:
            try:
                fd = os.open(ORIGIN, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=entry)
            except FileNotFoundError:
                raise unknown(identifier) from None
            try:
                return os.read(fd, MOST_ORIGIN_BYTES)
            finally:
                os.close(fd)

    def give_back(self, identifier: str, target: Target) -> None:
        """Move it to a place that is free.

        Raises:
            ToolFailure: not_found.
            OSError: FileExistsError when the place is taken.
        """
        with self._entry(identifier) as entry:
            renames.without_replacing(entry, ITEM, target.folder.fd, target.name)
            if self._durability is Durability.FULL:
                sync_folder(target.folder.fd)
            self._forget(entry, identifier)

    @contextlib.contextmanager
    def item(self, identifier: str, root: Root) -> Iterator[Target]:
        """What was deleted, in its place in the trash.

        Raises:
            ToolFailure: not_found.
        """
        with self._entry(identifier) as entry:
            folder = Handle(os.dup(entry), root, (TRASH, identifier.encode()), "", os.fstat(entry))
            with folder:
                try:
                    state = os.stat(ITEM, dir_fd=entry, follow_symlinks=False)
                except FileNotFoundError:
                    raise unknown(identifier) from None
                yield Target(folder, ITEM, identifier, state)

    def tidy(self) -> None:
        """Remove what deletions that were killed have left: entries without an item that nobody works on."""
        with os.scandir(self._fd) as entries:
            names = [entry.name for entry in entries if _ID.fullmatch(entry.name)]
        for identifier in names:
            with contextlib.suppress(OSError, ToolFailure), self._entry(identifier) as entry:
                fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
                sweep(entry)
                self._forget(entry, identifier)

    @contextlib.contextmanager
    def _entry(self, identifier: str) -> Iterator[int]:
        if not _ID.fullmatch(identifier):
            raise unknown(identifier)
        try:
            fd = os.open(identifier, _FLAGS, dir_fd=self._fd)
        except OSError:
            raise unknown(identifier) from None
        try:
            yield fd
        finally:
            os.close(fd)

    def _forget(self, entry: int, identifier: str) -> None:
        """Remove an entry that holds nothing but where it came from; one that holds an item stays."""
        with contextlib.suppress(OSError):
            os.stat(ITEM, dir_fd=entry, follow_symlinks=False)
            return
        with contextlib.suppress(OSError):
            os.unlink(ORIGIN, dir_fd=entry)
        with contextlib.suppress(OSError):
            os.rmdir(identifier, dir_fd=self._fd)


def new_identifier() -> str:
    """The name of a deletion that begins now."""
    return time.strftime("%Y%m%dT%H%M%S-", time.gmtime()) + os.urandom(8).hex()


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
    moved = os.stat(ITEM, dir_fd=entry, follow_symlinks=False)
    if target.state is None or not is_same_object(moved, target.state):
        renames.without_replacing(entry, ITEM, target.folder.fd, target.name)
        raise ToolFailure(
            Code.CONFLICT,
            f"'{echo(target.asked)}' became something else meanwhile. Nothing was changed; look again.",
        )


def unknown(identifier: str) -> ToolFailure:
    """Refuse a name that nothing in the trash has."""
    return ToolFailure(
        Code.NOT_FOUND,
        f"Nothing in the trash is called '{echo(identifier)}'. delete_file has told the name as trash_id.",
    )


def _unusable() -> ToolFailure:
    return ToolFailure(
        Code.UNSUPPORTED,
        f"The trash of this root, {TRASH.decode()}, is not a private folder of the server's account. "
        "Nothing was changed; with permanent a deletion needs no trash.",
    )
