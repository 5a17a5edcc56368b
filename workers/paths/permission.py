"""The system call faccessat2(2) on an open descriptor: whether a call could open the object for reading or writing.

It asks what an open would: the rights of the effective account, access lists, security modules on inodes. Python has no
binding that takes a descriptor instead of a path. The number is 439 on every architecture.
"""

import ctypes
import errno
import os

SYSCALL = 439
_AT_EACCESS, _AT_EMPTY_PATH = 0x200, 0x1000
_FLAGS = ctypes.c_int(_AT_EACCESS | _AT_EMPTY_PATH)
_NUMBER = ctypes.c_long(SYSCALL)
"""Made once, for ctypes takes longer over arguments than the kernel."""

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def can_read(fd: int) -> bool | None:
    """Whether what `fd` (O_PATH will do) stands for may be opened for reading; None where only trying tells."""
    return True if _syscall(_NUMBER, fd, b"", os.R_OK, _FLAGS) == 0 else _told(ctypes.get_errno())


def can_write(fd: int) -> bool | None:
    """Whether it may be changed by a process whose mount of it is not read-only, as a reader's is; None as above.

    The mount is looked at last, so that its EROFS means that the rights are there.
    """
    error = _asked(fd, os.W_OK)
    return True if error == errno.EROFS else _told(error)


def _asked(fd: int, rights: int) -> int:
    return 0 if _syscall(_NUMBER, fd, b"", rights, _FLAGS) == 0 else ctypes.get_errno()


def _told(error: int) -> bool | None:
    return True if error == 0 else False if error == errno.EACCES else None
