"""From bytes to lines, bounded. Pure."""

from collections.abc import Iterable, Iterator


class TooLong:
    """Stands where a line was longer than allowed; its bytes are gone."""


TOO_LONG = TooLong()


class LineSplitter:
    """Collects bytes until a line is whole. A line over `limit` bytes is dropped up to its end and reported once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._length = 0
        self._is_dropping = False

    def renew(self, limit: int) -> None:
        """Hold what comes from now on to this."""
        self._limit = limit

    def feed(self, data: bytes) -> Iterable[bytes | TooLong]:
        """Every line that `data` completes, without its line end; blank lines are skipped."""
        if data.find(b"\n") == len(data) - 1 and not self._parts and not self._is_dropping:
            return self._whole(data)  # nearly every request comes alone and in one piece
        return self._split(data)

    def _split(self, data: bytes) -> Iterator[bytes | TooLong]:
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = self._finish(data[start:end])
            start = end + 1
            if line is TOO_LONG or (isinstance(line, bytes) and not line.isspace() and line):
                yield line
        self._keep(data[start:])

    def end(self) -> bytes | TooLong | None:
        """The last line, where nobody ended it; None when there is none."""
        line = self._finish(b"")
        return line if line is TOO_LONG or (isinstance(line, bytes) and line.strip()) else None

    def _whole(self, data: bytes) -> tuple[bytes | TooLong, ...]:
        if len(data) > self._limit + 1:
            return (TOO_LONG,)
        return () if not data or data.isspace() else (data[:-1].removesuffix(b"\r"),)

    def _finish(self, tail: bytes) -> bytes | TooLong:
        self._keep(tail)
        line = TOO_LONG if self._is_dropping else b"".join(self._parts)
        self._parts, self._length, self._is_dropping = [], 0, False
        return line.removesuffix(b"\r") if isinstance(line, bytes) else line

    def _keep(self, part: bytes) -> None:
        if self._is_dropping or not part:
            return
        self._length += len(part)
        if self._length > self._limit:
            self._parts, self._is_dropping = [], True
        else:
            self._parts.append(part)
