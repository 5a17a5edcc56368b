"""The system call openat2(2): opens a path beneath a directory, with the kernel refusing every way out.

Python has no binding for it. The number is 437 on every architecture; `struct open_how` is three 64-bit fields.
"""

import ctypes
import errno
import os

SYSCALL = 437
NO_XDEV = 0x01
NO_MAGICLINKS = 0x02
NO_SYMLINKS = 0x04
BENEATH = 0x08

_TRIES = 128

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_NUMBER = ctypes.c_long(SYSCALL)
"""As all that is the same in every call: made once, for ctypes takes longer over arguments than the kernel."""


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_SIZE = ctypes.c_size_t(ctypes.sizeof(_OpenHow))
_hows: dict[tuple[int, int], ctypes.Array[_OpenHow]] = {}
"""As arrays of one, which are passed as addresses."""


def openat2(dir_fd: int, path: bytes, flags: int, resolve: int) -> int:
    """Open `path` beneath `dir_fd`; raises OSError. `path` holds no NUL (the call would stop there)."""
    try:
        how = _hows[flags, resolve]
    except KeyError:
        how = _hows[flags, resolve] = (_OpenHow * 1)(_OpenHow(flags | os.O_CLOEXEC, 0, resolve))
    for _ in range(_TRIES):
        fd: int = _syscall(_NUMBER, dir_fd, path, how, _SIZE)
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        # EAGAIN: a rename or a mount raced with the lookup, so the kernel could not prove where it ended.
        if code not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(code, os.strerror(code))


def is_available() -> bool:
    """Whether this kernel (5.6 and newer) has the call and no filter forbids it."""
    try:
        fd = openat2(-100, b".", os.O_PATH | os.O_DIRECTORY, NO_MAGICLINKS)  # -100: AT_FDCWD
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG)
    os.close(fd)
    return True
