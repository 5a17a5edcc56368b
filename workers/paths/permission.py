"""The system call faccessat2(2) on an open descriptor: whether a call could open the object for reading.

It asks what an open would: the rights of the effective account, access lists, security modules on inodes. Python has no
binding that takes a descriptor instead of a path. The number is 439 on every architecture.
"""

import ctypes
import errno
import os

SYSCALL = 439
_AT_EACCESS, _AT_EMPTY_PATH = 0x200, 0x1000
_FLAGS = _AT_EACCESS | _AT_EMPTY_PATH

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)


def can_read(fd: int) -> bool | None:
    """Whether what `fd` (O_PATH will do) stands for may be opened for reading; None where only trying tells."""
    if _syscall(SYSCALL, fd, b"", os.R_OK, _FLAGS) == 0:
        return True
    return False if ctypes.get_errno() == errno.EACCES else None
