"""What can be relied on in the file system that something open lies in, as its type tells (statfs(2))."""

import ctypes
import struct

from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.statx import is_encrypted

_EXT, _XFS, _TMPFS, _BTRFS, _F2FS = 0xEF53, 0x58465342, 0x01021994, 0x9123683E, 0xF2F52010
_ZFS, _BCACHEFS, _OVERLAY = 0x2FC12FC1, 0xCA451A4E, 0x794C7630
_COUNTING = frozenset({_EXT, _XFS, _TMPFS})
"""Where each folder is a link to the one that it lies in, by its `..`, and counted as one.

Btrfs says 1 of every folder, and a file system that is made of others may tell of one of them.
"""
_STAMPING = frozenset({_EXT, _XFS, _TMPFS, _BTRFS, _F2FS, _ZFS, _BCACHEFS, _OVERLAY})
"""Where a folder has other times after each change of what it holds, as the kernel's own for disks and memory see to.

A server or a program behind a file system (NFS, FUSE) tells what it likes, or what it knew a while ago; and what shows
the kernel itself (proc, sysfs) has folders that hold something else from one moment to the next.
"""
_MERGED = 1
"""The links of a folder in an overlay that is put together of several; its times are those of the uppermost alone."""
_TYPE = struct.Struct("@l")
_STATFS_BYTES = 256

_libc = ctypes.CDLL(None)


class FileSystems:
    """Those that one call meets, each asked once. By the next one, others may be mounted under their numbers."""

    def __init__(self) -> None:
        self._type_by_device: dict[int, int | None] = {}

    def tell_leaf(self, folder: Handle) -> bool:
        """Whether an open folder certainly held no folder when it was opened: its name and its `.` are two links."""
        return folder.stat.st_nlink == 2 and self._type(folder) in _COUNTING

    def tell_changes(self, folder: Handle) -> bool:
        """Whether the times of an open folder tell that something in it was changed.

        An encrypted folder has other names when its key comes or goes, and the times that it had.
        """
        kind = self._type(folder)
        if kind not in _STAMPING or (kind == _OVERLAY and folder.stat.st_nlink == _MERGED):
            return False
        return not is_encrypted(folder.fd)

    def _type(self, folder: Handle) -> int | None:
        device = folder.stat.st_dev
        try:
            return self._type_by_device[device]
        except KeyError:
            found = self._type_by_device[device] = file_system_type(folder.fd)
            return found


def file_system_type(fd: int) -> int | None:
    """The type of the file system that `fd` lies in; None where it is not told."""
    told = ctypes.create_string_buffer(_STATFS_BYTES)
    try:
        failed = _libc.fstatfs(fd, told)
    except AttributeError:
        return None
    return None if failed else int(_TYPE.unpack_from(told)[0])
