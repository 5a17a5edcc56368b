"""What an open folder holds, by kind, read once and in batches: a folder may have a million entries."""

import itertools
import os
import sys
from collections.abc import Callable, Sequence

import msgspec

_BATCH = 2048
_ENCODING = sys.getfilesystemencoding()


class Entries(msgspec.Struct):
    """Names, in no order."""

    folders: list[bytes]
    files: list[bytes]
    """Everything else: regular files, links and special files."""
    links: list[bytes]
    specials: list[bytes]
    """Pipes, sockets and devices."""
    suspects: list[bytes]
    """Those that have an inode number which was asked for."""
    has_marker: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How folders are read."""

    pick_files: Callable[[list[bytes]], list[bytes]] | None = None
    """Leaves of some names of files what is of interest; None: all."""
    fixed: bytes = b""
    """What each name of interest holds: many names are looked through at once."""
    hides_dotted: bool = False
    inodes: frozenset[int] = frozenset()
    """Numbers of which the names are wanted."""
    marker: str = ""
    """A name whose presence is told, hidden or not."""

    def of(self, fd: int) -> Entries:
        """Read an open folder; raises OSError."""
        found = Entries([], [], [], [], [])
        with os.scandir(fd) as entries:
            while batch := list(itertools.islice(entries, _BATCH)):
                self._add(found, batch)
        return found

    def _add(self, found: Entries, batch: Sequence["os.DirEntry[str]"]) -> None:
        folders: list[str] = []
        files: list[str] = []
        links: list[str] = []
        specials: list[str] = []
        hides_dotted = self.hides_dotted
        for entry in batch:
            name = entry.name
            if name[0] == ".":
                found.has_marker = found.has_marker or name == self.marker
                if hides_dotted:
                    continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_file(follow_symlinks=False):
                files.append(name)
            else:
                (links if entry.is_symlink() else specials).append(name)
        if self.inodes:
            found.suspects += _encoded([entry.name for entry in batch if entry.inode() in self.inodes])
        found.folders += _encoded(folders)
        found.files += self._picked(files)
        if links or specials:
            kept = self._picked(links), self._picked(specials)
            found.links += kept[0]
            found.specials += kept[1]
            found.files += kept[0] + kept[1]

    def _picked(self, names: list[str]) -> list[bytes]:
        joined = _joined(names)
        if not names or self.fixed not in joined:
            return []
        encoded = joined.split(b"\0")
        return encoded if self.pick_files is None else self.pick_files(encoded)


def _joined(names: list[str]) -> bytes:
    """Give the bytes of all names at once, which is several times faster than one by one."""
    return "\0".join(names).encode(_ENCODING, "surrogateescape")


def _encoded(names: list[str]) -> list[bytes]:
    return _joined(names).split(b"\0") if names else []
