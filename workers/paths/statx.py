"""What os.stat does not tell on Linux, by statx(2): when an open file was made, and where mounts begin."""

import ctypes
import os
import struct
import sys

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_SIZE = 256
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_NO_AUTOMOUNT = 0x800
_MOUNT_ROOT = 0x2000
_ATTRIBUTES_AT = 8
_ATTRIBUTES_KNOWN_AT = 56
_BORN = struct.Struct("=I76xq")
"""The mask of what is told, and the seconds of `stx_btime`."""
_NUMBERS = {"x86_64": 332, "aarch64": 291}

_found = _NUMBERS.get(os.uname().machine) if sys.platform == "linux" else None
_number = None if _found is None else ctypes.c_long(_found)
_OF_ITSELF, _WHEN_BORN = ctypes.c_int(_AT_EMPTY_PATH), ctypes.c_uint(_STATX_BTIME)
"""Made once, for ctypes takes longer over arguments than the kernel."""
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_buffer = ctypes.create_string_buffer(_SIZE)
"""Of whoever asks: one thread does."""


def birth_time(fd: int) -> int | None:
    """When the file behind `fd` (O_PATH will do) was made, in whole seconds since the epoch; None if not recorded."""
    if _number is None:
        return None
    if _syscall(_number, fd, b"", _OF_ITSELF, _WHEN_BORN, _buffer) != 0:
        return None
    mask, born = _BORN.unpack_from(_buffer)
    return int(born) if mask & _STATX_BTIME else None


def is_mount(fd: int, name: bytes = b"") -> bool | None:
    """Whether a name in the folder `fd`, or `fd` itself, is the top of a mount; None where the kernel cannot tell.

    It also tells of a bind mount from the same file system, which device numbers do not (STATX_ATTR_MOUNT_ROOT, Linux
    5.8). Raises OSError.
    """
    if _number is None:
        return None
    flags = _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT | (0 if name else _AT_EMPTY_PATH)
    if _syscall(_number, fd, name, flags, 0, _buffer) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    raw = _buffer.raw
    if not _bits(raw, _ATTRIBUTES_KNOWN_AT) & _MOUNT_ROOT:
        return None
    return bool(_bits(raw, _ATTRIBUTES_AT) & _MOUNT_ROOT)


def _bits(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], sys.byteorder)
