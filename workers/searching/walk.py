"""A walk over the folders below one folder: in a fixed order, never through a link, and resumable.

Each folder is opened by its real names from the root's own handle, with links refused, so a folder that is swapped for
a link or moved away during the walk cannot lead anywhere else; one descriptor is open at a time. A folder's files come
before its subfolders, both in the order of their bytes. A position is the folder's names and the last file examined in
it (empty: none yet); where it was taken from a client, it only says what to leave out.
"""

import errno
import os
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.resolution import Names
from filewarden.workers.searching.entries import Entries, Reading
from filewarden.workers.searching.ignore import FILE_NAME, Ignore, Rules, read_rules
from filewarden.workers.searching.known_folders import KnownFolders
from filewarden.workers.searching.raw_names import may_hold

if TYPE_CHECKING:
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.paths.space import Space

MAX_PATH_BYTES = 4000
_NONE: frozenset[bytes] = frozenset()
_known_folders = KnownFolders()
"""Of this worker."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk leaves out by name. Paths are relative to the folder where the walk starts."""

    wants_name: Callable[[bytes], object] | None = None
    """Whether a file's name alone can be of interest; None: any."""
    fixed: bytes = b""
    """What each name that is wanted holds somewhere."""
    enters: Callable[[int, bytes], bool] | None = None
    """Whether to look into a folder of this depth (0: in the start) and name; None: all."""
    stays: bool = False
    """Whether only the folder where the walk starts is of interest, and none below it."""
    excludes: Callable[[bytes, bytes], bool] | None = None
    """Whether a name (second) in a folder (first, empty or with a slash at its end) is left out."""
    respects_gitignore: bool = False
    hides_dotted: bool = False
    """Whether names that begin with a dot are left out."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """One folder of a walk, open until the next one is asked for."""

    handle: "Handle"
    names: Names
    """Relative to the start."""
    files: list[bytes]
    """Names of everything that is not a folder, sorted."""
    folders: list[bytes]
    """Names of the folders below that the walk goes on to, sorted."""
    links: frozenset[bytes]
    """Those of `files` that are links; they are not followed here."""
    specials: frozenset[bytes]
    """Those of `files` that are pipes, sockets or devices."""


class _Pending(msgspec.Struct, frozen=True):
    names: Names
    ignore: Ignore | None
    after: Names | None


class Walk:
    """A walk from one folder: iterate over `folders()`; `position` then says where a walk that stopped goes on."""

    def __init__(
        self,
        space: "Space",
        start: "Handle",
        filters: Filters,
        is_overdue: Callable[[], bool],
        after: Names | None = None,
        *,
        repeats_last: bool = False,
    ) -> None:
        """`repeats_last`: the file that was examined last comes again, because not all of it was."""
        self._space = space
        self._root = start.root
        self._open_folder = space.opener(start.root)
        self._denied_inodes = space.denied_inodes
        self._top = start
        self._start = start.names
        self._filters = filters
        self._repeats_last = repeats_last
        self._is_overdue = is_overdue
        self._judge = space.judge(start.root)
        self._reading = Reading(
            wants_file=filters.wants_name,
            fixed=filters.fixed.decode("ascii") if filters.fixed.isascii() else "",
            leaves_folders=filters.stays,
            hides_dotted=filters.hides_dotted,
            inodes=self._denied_inodes,
            marker=os.fsdecode(FILE_NAME),
        )
        self._file_systems = FileSystems()
        self._pending = [_Pending((), self._ignore_above() if filters.respects_gitignore else None, after)]
        self._has_just_found = False
        """Whether the folder that was read last held files of interest."""
        self.skipped = 0
        """Folders that could not be opened."""
        self.entered = 0
        """Folders that were looked into."""
        self.where: Names = self._start
        """The real names of the folder that was entered last."""
        self.position: Names | None = None
        """Set when the deadline ended the walk: what to pass as `after`."""

    def top(self) -> Folder:
        """Read the folder where the walk starts, and nothing else; raises OSError."""
        todo = self._pending.pop()
        return _folder(self._top, todo, self._read(self._top, todo) or Entries())

    def folders(self, *, shows_empty: bool = False) -> Generator[Folder, None, None]:
        """Open folder after folder; those without a file of interest are shown on demand only."""
        may_stop = False
        while self._pending:
            if may_stop and self._is_overdue():
                self.position = (*self._pending[-1].names, b"")
                return
            todo = self._pending.pop()
            # One folder beyond the way back to the position is always read, so that every page makes progress.
            may_stop = may_stop or todo.after is None or len(todo.after) == 1
            handle = self._open(todo.names) if todo.names else self._top
            if handle is None:
                continue
            self.entered += 1
            self.where = handle.names
            try:
                found = self._visit(handle, todo)
                if shows_empty or (found is not None and found.files):
                    yield _folder(handle, todo, found or Entries())
            finally:
                if handle is not self._top:
                    handle.close()

    def _open(self, names: Names) -> "Handle | None":
        try:
            handle = self._open_folder((*self._start, *names))
        except OSError as error:
            # What is mounted here is closed where the root keeps to one file system, and closed is not seen.
            self.skipped += error.errno not in (errno.ENOENT, errno.EXDEV)
            return None
        if handle.stat.st_ino in self._denied_inodes and self._space.denies_object(handle.stat):
            handle.close()
            return None
        return handle

    def _visit(self, handle: "Handle", todo: _Pending) -> Entries | None:
        try:
            return self._read(handle, todo)
        except OSError:
            self.skipped += 1  # It went away under us, or its file system failed.
            return None

    def _read(self, handle: "Handle", todo: _Pending) -> Entries | None:
        """Read a folder once, keep in order what is of interest, and note the folders below for later."""
        known = _known_folders.whole(handle, self._reading, self._file_systems)
        if known is not None:
            found = self._reading.part_of(known)
        elif self._holds_nothing(handle):
            return None
        else:
            found = self._reading.of(handle.fd)
            self._has_just_found = found is not None and bool(found.files)
        if found is None:
            return None
        ignore = todo.ignore
        if ignore is not None and found.has_marker:
            ignore = Ignore(ignore, b"/".join(handle.names), self._rules(handle))
        if found.folders:
            found.folders = self._below(found.folders, todo)
        if todo.after is not None:
            found.folders, found.files = self._rest(found.folders, found.files, todo.after)
        if found.suspects:
            closed = {name for name in found.suspects if self._is_denied(handle, name)}
            found.files = [name for name in found.files if name not in closed]
            found.folders = [name for name in found.folders if name not in closed]
        if found.files:
            found.files = sorted(self._kept(handle, todo.names, ignore, found.files, is_folder=False))
        if found.folders:
            kept = self._kept(handle, todo.names, ignore, found.folders, is_folder=True)
            found.folders = sorted(self._short_enough(handle, kept))
            self._note(todo, ignore, found.folders)
        return found

    def _holds_nothing(self, handle: "Handle") -> bool:
        """Whether a folder without folders holds no name that is wanted, as far as can be told without reading it.

        After one that held some the next one is read at once: most likely it does, too.
        """
        fixed = self._filters.fixed
        return (
            bool(fixed)
            and not self._has_just_found
            and self._file_systems.tell_leaf(handle)
            and not may_hold(handle.fd, fixed)
        )

    def _below(self, folders: list[bytes], todo: _Pending) -> list[bytes]:
        """Leave the folders that something of interest may lie in."""
        enters, depth = self._filters.enters, len(todo.names)
        return folders if enters is None else [name for name in folders if enters(depth, name)]

    def _note(self, todo: _Pending, ignore: Ignore | None, below: list[bytes]) -> None:
        """Note the folders below for later; what is noted last comes first."""
        after = todo.after
        for name in reversed(below):
            rest = after[1:] if after is not None and len(after) > 1 and name == after[0] else None
            self._pending.append(_Pending((*todo.names, name), ignore, rest))

    def _rest(self, below: list[bytes], files: list[bytes], after: Names) -> tuple[list[bytes], list[bytes]]:
        """Leave out what comes before the position in this folder."""
        last = after[0]
        if len(after) > 1:
            return [name for name in below if name >= last], []
        return below, [name for name in files if name > last or (self._repeats_last and name == last)]

    def _kept(
        self, handle: "Handle", names: Names, ignore: Ignore | None, candidates: list[bytes], *, is_folder: bool
    ) -> list[bytes]:
        """Leave out what ignore rules, the client or the operator leave out."""
        judge, excludes = self._judge, self._filters.excludes
        if ignore is not None:
            candidates = ignore.keep(handle.names, candidates, is_folder=is_folder)
        if excludes is not None:
            prefix = b"".join(name + b"/" for name in names)
            candidates = [name for name in candidates if not excludes(prefix, name)]
        if judge is not None:
            candidates = [name for name in candidates if not judge((*handle.names, name))]
        return candidates

    def _short_enough(self, handle: "Handle", below: list[bytes]) -> list[bytes]:
        room = MAX_PATH_BYTES - sum(len(name) + 1 for name in handle.names)
        if room > 256:
            return below
        kept = [name for name in below if len(name) < room]
        self.skipped += len(below) - len(kept)
        return kept

    def _is_denied(self, handle: "Handle", name: bytes) -> bool:
        try:
            return self._space.denies_object(os.stat(name, dir_fd=handle.fd, follow_symlinks=False))
        except OSError:
            return True

    def _ignore_above(self) -> Ignore:
        """Read the rules of the folders from the root down to the start, which is read when the walk opens it."""
        chain = Ignore(None, b"", None)
        for count in range(len(self._start)):
            names = self._start[:count]
            try:
                with self._open_folder(names) as handle:
                    chain = Ignore(chain, b"/".join(names), self._rules(handle))
            except OSError:
                continue
        return chain

    def _rules(self, handle: "Handle") -> Rules | None:
        """Read a folder's own rules, unless they are closed: what they hide would tell what they say."""
        return read_rules(handle.fd, lambda state: self._space.closes(handle, FILE_NAME, state))


def _folder(handle: "Handle", todo: _Pending, found: Entries) -> Folder:
    return Folder(
        handle=handle,
        names=todo.names,
        files=found.files,
        folders=found.folders,
        links=frozenset(found.links) if found.links else _NONE,
        specials=frozenset(found.specials) if found.specials else _NONE,
    )
