"""The birth time of an open file, which os.stat does not carry on Linux: statx(2)."""

import ctypes
import os
import sys

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_SIZE = 256
_BTIME_AT = 80
_NUMBERS = {"x86_64": 332, "aarch64": 291}

_number = _NUMBERS.get(os.uname().machine) if sys.platform == "linux" else None
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_syscall.argtypes = (
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_char_p,
)


def birth_time(fd: int) -> int | None:
    """When the file behind `fd` (O_PATH will do) was made, in whole seconds since the epoch; None if not recorded."""
    if _number is None:
        return None
    buffer = ctypes.create_string_buffer(_SIZE)
    if _syscall(_number, fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, buffer) != 0:
        return None
    mask = int.from_bytes(buffer.raw[:4], sys.byteorder)
    if not mask & _STATX_BTIME:
        return None
    return int.from_bytes(buffer.raw[_BTIME_AT : _BTIME_AT + 8], sys.byteorder, signed=True)
