"""A long text in pieces: each is worked on while the next is sent."""

from collections.abc import Iterator

AHEAD_BYTES = 128 * 1024
"""A longer text goes ahead of what is told about it, in pieces of this size."""


def pieces(text: bytes, most_bytes: int = AHEAD_BYTES) -> Iterator[memoryview]:
    """A text in UTF-8, in pieces of which none ends inside a character."""
    view, begin = memoryview(text), 0
    while begin < len(text):
        end = min(begin + most_bytes, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield view[begin:end]
        begin = end
