"""Where a plain text stands in a buffer, told by the fastest function that the C library has for it.

Measured with glibc 2.36 on 384 KiB of source text: strstr(3) takes a third of memmem(3)'s time for 18 bytes and an
eighteenth for three where the processor knows AVX-512, still a ninth there with AVX2, and hardly more anywhere. It ends
at a NUL byte, though, and for a long text its time can grow with the product of both lengths; one that fits a register
of 64 bytes costs less even at its worst. What is longer is memmem's, which is the faster the longer it is.
"""

import ctypes
from collections.abc import Callable
from typing import NamedTuple

Span = tuple[int, int]
Find = Callable[[int, int], Span | None]
"""The first match between two positions of a buffer, of which the second is a line's end."""

MOST_BYTES = 64
"""Up to here a text is looked for by strstr."""


class _Functions(NamedTuple):
    """By the addresses of memory; they answer with one too, or None."""

    memmem: Callable[[int, int, bytes, int], int | None]
    strstr: Callable[[int, bytes], int | None]


def _c_functions() -> _Functions | None:
    try:
        library = ctypes.CDLL(None)
        memmem, strstr = library.memmem, library.strstr
    except (AttributeError, OSError, TypeError):
        return None  # Windows
    memmem.restype = strstr.restype = ctypes.c_void_p
    memmem.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    strstr.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    return _Functions(memmem, strstr)


_functions = _c_functions()


def literal_find(buffer: bytearray, literal: bytes, *, is_free_of_nul: bool = False) -> Find:
    """Tell how to find bytes in a buffer, whose size must not change; while it is searched, it is nobody else's.

    `is_free_of_nul` promises that what is searched holds no NUL byte, so that nobody has to look for one.
    """
    size = len(literal)
    if _functions is None:

        def plain(begin: int, end: int) -> Span | None:
            at = buffer.find(literal, begin, end)
            return None if at < 0 else (at, at + size)

        return plain
    memmem, strstr = _functions
    start = ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))

    def find_anywhere(begin: int, end: int) -> Span | None:
        address = memmem(start + begin, end - begin, literal, size)
        return None if address is None else (address - start, address - start + size)

    def find_in_text(begin: int, end: int) -> Span | None:
        behind, buffer[end] = buffer[end], 0  # where strstr ends
        try:
            address = strstr(start + begin, literal)
        finally:
            buffer[end] = behind
        if address is not None:
            return address - start, address - start + size
        return None

    def find_around_nul(begin: int, end: int) -> Span | None:
        span = find_in_text(begin, end)
        if span is None and (nul := buffer.find(0, begin, end)) >= 0:
            return find_anywhere(nul + 1, end)
        return span

    if size > MOST_BYTES or 0 in literal:
        return find_anywhere
    return find_in_text if is_free_of_nul else find_around_nul
