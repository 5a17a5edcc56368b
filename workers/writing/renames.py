"""renameat2(2): renames that replace nothing, and exchanges of two names, decided by the kernel in one step."""

import ctypes
import os

_NOREPLACE, _EXCHANGE = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


def without_replacing(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """Rename to a name that is free; raises OSError, FileExistsError when it is taken."""
    _renameat2(old_folder, old, new_folder, new, _NOREPLACE)


def exchange(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """Let two names change places; raises OSError, EINVAL where the file system cannot."""
    _renameat2(old_folder, old, new_folder, new, _EXCHANGE)


def _renameat2(old_folder: int, old: bytes, new_folder: int, new: bytes, flags: int) -> None:
    if _libc.renameat2(old_folder, old, new_folder, new, flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
