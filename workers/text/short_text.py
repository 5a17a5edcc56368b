"""The matching lines of a text that is in the window as a whole, as nearly every file is: nothing is read or kept.

A file that holds a match is met once in a hundred others, with all that is done about it gone from the processor's
caches: what counts here is how little that is.
"""

from collections.abc import Iterator

from filewarden.workers.text.literals import Find

_LINE_FEED = 10


def matching_lines(buffer: bytearray, find: Find, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Give number, begin, end and first match of each matching line of the first `size` bytes, in a larger buffer."""
    limit = size
    if size and buffer[size - 1] == _LINE_FEED:
        limit -= 1
    buffer[limit] = _LINE_FEED
    at, line = 0, 1
    while at < size and (match := find(at, limit)) is not None:
        begin = buffer.rfind(b"\n", at, match[0]) + 1 or at
        end = buffer.find(b"\n", match[1], limit)
        if end < 0:
            end = limit
        line += buffer.count(b"\n", at, begin)
        yield line, begin, end, match[0]
        at = end + 1
        line += 1
