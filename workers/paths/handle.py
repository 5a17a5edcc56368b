"""What is open or seen beneath a root: an object with its descriptor, or one name in a folder."""

import os
import stat
import time
from typing import Self

import msgspec

from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root

FORMAT = stat.S_IFMT(0xFFFF)
"""The bits of a mode that tell what an object is."""
PLAIN = {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}
"""What leads nowhere else, by those bits."""
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


COARSEST_CLOCK_NS = 2_000_000_000
"""FAT's. What lies there may change again within one tick of its file system's clock, with the same stamps."""


class Handle:
    """An open object beneath a root: its descriptor, where it really lies, and its state when it was opened."""

    __slots__ = ("fd", "is_readable", "names", "path", "root", "stat")

    def __init__(
        self, fd: int, root: Root, names: Names, path: str, state: os.stat_result, *, is_readable: bool = False
    ) -> None:
        self.fd = fd
        self.is_readable = is_readable
        """Whether the content can be read by this descriptor, and not only what is told of it."""
        self.root = root
        self.names = names
        self.path = path
        """What clients call it: relative, with `/`, beginning with the root's name where there are several."""
        self.stat = state

    @property
    def kind(self) -> str:
        """`file`, `directory`, `symlink`, `pipe`, `socket` or `device`."""
        return _KINDS.get(self.stat.st_mode & FORMAT, "device")

    def close(self) -> None:
        """Give the descriptor back; a second call does nothing."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def release(self) -> int:
        """Give the descriptor to the caller, who closes it."""
        fd, self.fd = self.fd, -1
        return fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def has_changed(handle: Handle) -> bool:
    """Whether the file is another than it was when it was opened."""
    before, after = handle.stat, os.fstat(handle.fd)
    return (
        before.st_mtime_ns != after.st_mtime_ns
        or before.st_ctime_ns != after.st_ctime_ns
        or before.st_size != after.st_size
    )


def is_settled(folder: Handle) -> bool:
    """Whether what was just read of a folder holds until its stamps change, also if it was changed right before."""
    before, after = folder.stat, os.fstat(folder.fd)
    is_same = (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    return is_same and has_settled(after)


def has_settled(state: os.stat_result) -> bool:
    """Whether something was left alone long enough for another change to show in its stamps."""
    return time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > COARSEST_CLOCK_NS


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One name in a folder, a link that stays inside seen as what it leads to."""

    kind: str
    stat: os.stat_result
    """Of the target, except for kind `symlink`: of the link itself."""
    is_link: bool


def kind_of(mode: int) -> str:
    """Name a file type, as clients see it."""
    return _KINDS.get(mode & FORMAT, "device")
