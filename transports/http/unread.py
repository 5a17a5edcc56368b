"""What is held for clients that have not read it yet: bounded for all of them together. Pure.

Each of those who hold some has a bound of its own. Where all together are too much, whoever left the most is dropped.
"""

from typing import Protocol

from filewarden.broker.holdings import Holdings

ALL_BYTES = 128 * 1024 * 1024
"""Where no setting says how many; `http.max_unread_bytes` does of all that an MCP server holds."""


class Reader(Protocol):
    """A stream or a connection."""

    def drop(self) -> None:
        """End it, and hold nothing for it any more."""


class Unread:
    """How much is held for whom."""

    def __init__(self, holdings: Holdings, all_bytes: int = ALL_BYTES) -> None:
        self._holdings = holdings
        self._all_bytes = all_bytes
        self._bytes = 0
        self._sizes: dict[Reader, int] = {}

    def note(self, reader: Reader, size: int) -> None:
        """So many bytes are held for a reader now; it may be dropped for them, or another one."""
        before = self._sizes.pop(reader, 0)
        if size:
            self._sizes[reader] = size
        self._bytes += size - before
        self._holdings.add(size - before)
        while self._bytes > self._all_bytes:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            self.note(largest, 0)
            largest.drop()
