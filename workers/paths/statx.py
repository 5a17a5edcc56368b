"""What os.stat does not tell on Linux, by statx(2): when a file was made, where mounts begin, and much at once."""

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Sequence
from itertools import repeat

import msgspec

_AT_EMPTY_PATH = 0x1000
_STATX_BTIME = 0x800
_SIZE = 256
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_NO_AUTOMOUNT = 0x800
_MOUNT_ROOT = 0x2000
_ENCRYPTED = 0x800
_ATTRIBUTES_AT = 8
_ATTRIBUTES_KNOWN_AT = 56
_BASIC_STATS = 0x7FF
_MODE_AT, _INODE_AT, _BYTES_AT, _MODIFIED_AT = 28, 32, 40, 112
"""Of two bytes, and of eight each."""
MOST_AT_ONCE = 384
"""As many names as a page of a listing has, mostly."""
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


def is_encrypted(fd: int) -> bool:
    """Whether the kernel encrypts the names in the folder `fd`, and the files (fscrypt), as far as it tells."""
    if _number is None or _syscall(_number, fd, b"", _OF_ITSELF, 0, _buffer) != 0:
        return False
    return bool(_bits(_buffer.raw, _ATTRIBUTES_AT) & _ENCRYPTED)


class Columns(msgspec.Struct, frozen=True):
    """What is told of several names, one item a name: the type with the permissions, bytes, seconds since the epoch."""

    modes: list[int]
    inodes: list[int]
    sizes: list[int]
    modified: list[int]


class _Table:
    """The records of many names, filled one by one, read column by column; made when it is first needed."""

    def __init__(self) -> None:
        buffer = ctypes.create_string_buffer(_SIZE * MOST_AT_ONCE)
        self._places = [ctypes.byref(buffer, begin) for begin in range(0, len(buffer), _SIZE)]
        library = ctypes.PyDLL(None)  # nobody else runs here meanwhile
        self._look = getattr(library, "statx", None) or functools.partial(library.syscall, _number)
        whole = memoryview(buffer).cast("B")
        self._shorts, self._longs, self._signed = whole.cast("H"), whole.cast("Q"), whole.cast("q")

    def fill(self, fd: int, names: Sequence[bytes]) -> bool:
        """Ask for each name, until one cannot be looked at; whether all could."""
        flags, told = repeat(_AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT), repeat(_BASIC_STATS)
        return not any(map(self._look, repeat(fd), names, flags, told, self._places))

    def read(self, count: int) -> Columns:
        """The first records."""
        end = count * _SIZE // 8
        return Columns(
            self._shorts[_MODE_AT // 2 : 4 * end : _SIZE // 2].tolist(),
            self._longs[_INODE_AT // 8 : end : _SIZE // 8].tolist(),
            self._longs[_BYTES_AT // 8 : end : _SIZE // 8].tolist(),
            self._signed[_MODIFIED_AT // 8 : end : _SIZE // 8].tolist(),
        )


_table = functools.cache(_Table)


def look_at_all(fd: int, names: Sequence[bytes]) -> Columns | None:
    """What is told of up to MOST_AT_ONCE names in the folder `fd`, links themselves; None where not all can be told.

    For many names it takes two thirds of the time that os.lstat takes, which makes of each all that might be asked for.
    """
    if _number is None:
        return None
    table = _table()
    return table.read(len(names)) if table.fill(fd, names) else None


def _bits(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], sys.byteorder)
