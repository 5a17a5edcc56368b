"""What an open folder holds, by kind, read once and in batches: a folder may have a million entries.

A batch is looked at as a whole first: one text of all its names tells whether any can be of interest. In most searches
next to none is, and then nothing more is done with it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice

import msgspec

_BATCH = 2048
_ENCODING = sys.getfilesystemencoding()

_Batch = list["os.DirEntry[str]"]
_inode = os.DirEntry.inode


class Entries(msgspec.Struct):
    """Names, in no order."""

    folders: list[bytes] = []
    files: list[bytes] = []
    """Everything else: regular files, links and special files."""
    links: list[bytes] = []
    specials: list[bytes] = []
    """Pipes, sockets and devices."""
    suspects: list[bytes] = []
    """What has an inode number that was asked for, of interest or not."""
    has_marker: bool = False


class Whole(msgspec.Struct, frozen=True):
    """All that a folder holds, to choose from again."""

    entries: Entries
    """Without the names of files."""
    names: str
    """Those, in order, with NUL between them: as one text, which is looked through as a whole first."""

    @classmethod
    def of(cls, entries: Entries) -> "Whole":
        """Take over what was read."""
        names = b"\0".join(sorted(entries.files)).decode(_ENCODING, "surrogateescape")
        return cls(msgspec.structs.replace(entries, files=[]), names)

    @property
    def bytes(self) -> int:
        """Of memory that is taken by names, about."""
        found = self.entries
        others = (found.folders, found.links, found.specials, found.suspects)
        return sys.getsizeof(self.names) + sum(map(sys.getsizeof, chain.from_iterable(others)))


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
            return self.among(entries)

    def among(self, entries: "Iterator[os.DirEntry[str]]") -> Entries | None:
        """Choose from all that a folder holds, None: nothing in it is of interest; raises OSError."""
        batch = list(islice(entries, _BATCH))
        text = _text(batch)
        if self.fixed not in text and len(batch) < _BATCH and not self._has_folders(batch):
            return None
        found = Entries()
        self._add(found, batch, text)
        while len(batch) == _BATCH:
            batch = list(islice(entries, _BATCH))
            self._add(found, batch, _text(batch))
        return found

    def anything(self) -> "Reading":
        """Tell how to read all of what this chooses from."""
        return Reading(inodes=self.inodes, marker=self.marker)

    def part_of(self, whole: Whole) -> Entries | None:
        """Choose from what a folder holds, None: nothing in it is of interest."""
        found = whole.entries
        files = self._wanted(whole.names) if self.fixed in whole.names else []
        folders = [] if self.leaves_folders else found.folders
        if self.hides_dotted:
            files = [name for name in files if not name.startswith(b".")]
            folders = [name for name in folders if not name.startswith(b".")]
        if not files and not folders:
            return None
        if not found.links and not found.specials and not found.suspects:
            return Entries(folders=folders, files=files, has_marker=found.has_marker)
        chosen = {*folders, *files}
        return Entries(
            folders=folders,
            files=files,
            links=[name for name in found.links if name in chosen],
            specials=[name for name in found.specials if name in chosen],
            suspects=[name for name in found.suspects if name in chosen],
            has_marker=found.has_marker,
        )

    def _has_folders(self, batch: _Batch) -> bool:
        return not self.leaves_folders and bool([one for one in batch if one.is_dir(follow_symlinks=False)])

    def _add(self, found: Entries, batch: _Batch, text: str) -> None:
        if text.startswith(".") or "\0." in text:
            found.has_marker = found.has_marker or self.marker in text.split("\0")
            if self.hides_dotted:
                batch = [entry for entry in batch if entry.name[0] != "."]
                text = _text(batch)
        if self.leaves_folders and self.fixed:
            batch = [entry for entry in batch if self.fixed in entry.name]
            text = _text(batch)
        files = [entry for entry in batch if entry.is_file(follow_symlinks=False)]
        if len(files) < len(batch):
            self._add_others(found, [entry for entry in batch if not entry.is_file(follow_symlinks=False)])
            text = _text(files)
        if files and self.fixed in text:
            found.files += self._wanted(text)
            self._suspect(found, files)

    def _add_others(self, found: Entries, batch: _Batch) -> None:
        """Add what is no regular file."""
        folders = [entry for entry in batch if entry.is_dir(follow_symlinks=False)]
        if len(folders) < len(batch):
            others = [entry for entry in batch if not entry.is_dir(follow_symlinks=False)]
            links = self._wanted(_text([entry for entry in others if entry.is_symlink()]))
            specials = self._wanted(_text([entry for entry in others if not entry.is_symlink()]))
            found.links += links
            found.specials += specials
            found.files += links + specials
        if not self.leaves_folders:
            found.folders += _split(_text(folders))
        self._suspect(found, batch)

    def _wanted(self, text: str) -> list[bytes]:
        """Give the names in a text that are of interest."""
        return self._chosen(text.split("\0")) if self.fixed else self._judged(_split(text))

    def _chosen(self, names: list[str]) -> list[bytes]:
        if self.fixed:
            names = [name for name in names if self.fixed in name]
        return self._judged(_split("\0".join(names)))

    def _judged(self, names: list[bytes]) -> list[bytes]:
        return names if self.wants_file is None else [name for name in names if self.wants_file(name)]

    def _suspect(self, found: Entries, batch: _Batch) -> None:
        if not self.inodes.isdisjoint(map(_inode, batch)):
            found.suspects += _split(_text([entry for entry in batch if entry.inode() in self.inodes]))


def _text(batch: _Batch) -> str:
    return "\0".join([entry.name for entry in batch])


def _split(text: str) -> list[bytes]:
    """Give the names in a text as bytes, which is several times faster for all at once than one by one."""
    return text.encode(_ENCODING, "surrogateescape").split(b"\0") if text else []
