"""What an open folder holds, by kind, read once and in batches: a folder may have a million entries.

A batch is looked at as a whole first: one text of all its names tells whether any can be of interest. In most searches
next to none is, and then nothing more is done with it.
"""

import os
import sys
from collections.abc import Callable
from itertools import islice

import msgspec

_BATCH = 2048
_ENCODING = sys.getfilesystemencoding()

_Batch = list["os.DirEntry[str]"]


class Entries(msgspec.Struct):
    """Names, in no order."""

    folders: list[bytes] = []
    files: list[bytes] = []
    """Everything else: regular files, links and special files."""
    links: list[bytes] = []
    specials: list[bytes] = []
    """Pipes, sockets and devices."""
    suspects: list[bytes] = []
    """Those of the folders and files that have an inode number which was asked for."""
    has_marker: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How folders are read."""

    wants_file: Callable[[bytes], object] | None = None
    """Whether the name of a file is of interest; None: each is."""
    fixed: str = ""
    """What each name of interest holds, in ASCII."""
    leaves_folders: bool = False
    """Whether the folders in it are of no interest."""
    hides_dotted: bool = False
    inodes: frozenset[int] = frozenset()
    """Numbers of which the names are wanted."""
    marker: str = ""
    """A name with a dot at its beginning, whose presence is told, hidden or not, where anything is of interest."""

    def of(self, fd: int) -> Entries | None:
        """Read an open folder, None: nothing in it is of interest; raises OSError."""
        with os.scandir(fd) as entries:
            batch = list(islice(entries, _BATCH))
            text, folders = self._first_look(batch)
            if len(batch) < _BATCH and not folders and self.fixed not in text:
                return None
            found = Entries()
            while batch:
                self._add(found, batch, text, folders)
                batch = list(islice(entries, _BATCH))
                text, folders = self._first_look(batch)
        return found

    def _first_look(self, batch: _Batch) -> tuple[str, _Batch]:
        """Give all names as one text, and which entries are folders."""
        text = "\0".join([entry.name for entry in batch])
        if self.leaves_folders:
            return text, []
        return text, [entry for entry in batch if entry.is_dir(follow_symlinks=False)]

    def _add(self, found: Entries, batch: _Batch, text: str, folders: _Batch) -> None:
        has_files = len(folders) < len(batch) and self.fixed in text
        if text[0] == "." or "\0." in text:
            found.has_marker = found.has_marker or any(entry.name == self.marker for entry in batch)
            if self.hides_dotted:
                batch, folders = _undotted(batch), _undotted(folders)
        if folders:
            found.folders += _names(folders)
            self._suspect(found, folders)
        if has_files:
            self._add_files(found, batch)

    def _add_files(self, found: Entries, batch: _Batch) -> None:
        """Add what is of interest of a batch and is no folder."""
        wants, fixed = self.wants_file, self.fixed
        if fixed:
            batch = [entry for entry in batch if fixed in entry.name]
        names = _names(batch)
        if wants is not None:
            batch = [entry for entry, name in zip(batch, names, strict=True) if wants(name)]
        files = [entry for entry in batch if entry.is_file(follow_symlinks=False)]
        found.files += names if len(files) == len(names) else _names(files)
        self._suspect(found, files)
        if len(files) < len(batch):
            self._add_others(found, batch)

    def _add_others(self, found: Entries, batch: _Batch) -> None:
        """Add what is neither file nor folder."""
        others = [one for one in batch if not one.is_file(follow_symlinks=False)]
        others = [one for one in others if not one.is_dir(follow_symlinks=False)]
        links = _names([entry for entry in others if entry.is_symlink()])
        specials = _names([entry for entry in others if not entry.is_symlink()])
        found.links += links
        found.specials += specials
        found.files += links + specials
        self._suspect(found, others)

    def _suspect(self, found: Entries, batch: _Batch) -> None:
        inodes = self.inodes
        if inodes:
            found.suspects += _names([entry for entry in batch if entry.inode() in inodes])


def _undotted(batch: _Batch) -> _Batch:
    return [entry for entry in batch if entry.name[0] != "."]


def _names(batch: _Batch) -> list[bytes]:
    """Give the bytes of all names at once, which is several times faster than one by one."""
    if not batch:
        return []
    return "\0".join([entry.name for entry in batch]).encode(_ENCODING, "surrogateescape").split(b"\0")
