"""Folders that hold no folders, as the number of their links tells.

Where each folder in a folder is a link to it, by its `..`, one that has two links (its name and its `.`) holds none.
Not all file systems count so: Btrfs says 1 of each, and one that is made of others may tell of one of them.
"""

import ctypes
import struct

from filewarden.workers.paths.handle import Handle

_COUNTING = frozenset({0xEF53, 0x58465342, 0x01021994})
"""The types of ext2 to ext4, XFS, and tmpfs (statfs(2))."""
_TYPE = struct.Struct("@l")
_STATFS_BYTES = 256

_libc = ctypes.CDLL(None)


class Leaves:
    """What is known of the file systems that one walk meets: another one may find others mounted by their numbers."""

    def __init__(self) -> None:
        self._count_by_device: dict[int, bool] = {}

    def has(self, folder: Handle) -> bool:
        """Whether an open folder certainly held no folder when it was opened."""
        return folder.stat.st_nlink == 2 and self._counts(folder)

    def _counts(self, folder: Handle) -> bool:
        device = folder.stat.st_dev
        if device not in self._count_by_device:
            self._count_by_device[device] = file_system_type(folder.fd) in _COUNTING
        return self._count_by_device[device]


def file_system_type(fd: int) -> int | None:
    """The type of the file system that `fd` lies in; None where it is not told."""
    told = ctypes.create_string_buffer(_STATFS_BYTES)
    try:
        failed = _libc.fstatfs(fd, told)
    except AttributeError:
        return None
    return None if failed else int(_TYPE.unpack_from(told)[0])
