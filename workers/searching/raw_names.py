"""The names in a folder as the kernel lists them: whether any of them can be of interest, told without reading one.

In a search by name next to none is, and to look through what getdents64(2) writes takes a fraction of the time of
making objects of it. What it writes beside the names may look like a part of one; then the folder is read after all.
"""

import ctypes
import os
from functools import cache
from typing import Any

_LIST_BYTES = 32 * 1024
"""As the C library asks for at a time."""


@cache
def _getdents64() -> Any:
    """The C library's function (glibc 2.30), or None."""
    found = getattr(ctypes.CDLL(None), "getdents64", None)
    if found is not None:
        found.restype = ctypes.c_ssize_t
    return found


@cache
def _room() -> "ctypes.Array[ctypes.c_char]":
    """Of whoever asks: one thread does."""
    return ctypes.create_string_buffer(_LIST_BYTES)


def may_hold(fd: int, part: bytes) -> bool:
    """Whether a name in the folder that was just opened as `fd` may have this part; True where nothing tells.

    The folder is to be read from its beginning afterwards.
    """
    list_some, room = _getdents64(), _room()
    if list_some is None:
        return True
    view = memoryview(room)
    while (length := list_some(fd, room, _LIST_BYTES)) > 0:
        if part in bytes(view[:length]):
            break
    if length:
        os.lseek(fd, 0, os.SEEK_SET)
    return bool(length)
