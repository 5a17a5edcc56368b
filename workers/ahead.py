"""A long text on its way ahead of what is told about it, in pieces: each is worked on while the next is sent."""

from collections.abc import Iterator

AHEAD_BYTES = 128 * 1024
"""A longer text goes ahead, in pieces of this size."""


def pieces(text: bytes) -> Iterator[memoryview]:
    """A text in UTF-8, in pieces of which none ends inside a character."""
    view, begin = memoryview(text), 0
    while begin < len(text):
        end = min(begin + AHEAD_BYTES, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield view[begin:end]
        begin = end
