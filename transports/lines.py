"""From bytes to lines, bounded. Pure."""

_OBJECT, _RETURN = b"{", b"\r"[0]


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
        self._is_inside = False
        """Whether a line has begun, be it one to drop."""

    def renew(self, limit: int) -> None:
        """Hold what comes from now on to this."""
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Every line that `data` completes, without its line end; blank lines are skipped."""
        size = len(data) - 1
        is_object = data[:1] == _OBJECT and data.find(b"\n") == size <= self._limit and data[size - 1] != _RETURN
        if is_object and not self._is_inside:  # one message and the end of its line, as most clients write
            return [data[:-1]]
        *whole, tail = data.split(b"\n")
        first = self._finish(whole.pop(0)) if whole and self._is_inside else b""
        if b"\r" in data:
            whole = [line.removesuffix(b"\r") for line in whole]
        lines: list[bytes | TooLong] = [first, *whole] if first else [*whole]
        if len(data) > self._limit:
            lines = [line if isinstance(line, TooLong) or len(line) <= self._limit else TOO_LONG for line in lines]
        if tail:
            self._keep(tail)
        return [line for line in lines if line is TOO_LONG or (isinstance(line, bytes) and line and not line.isspace())]

    def end(self) -> bytes | TooLong | None:
        """The last line, where nobody ended it; None when there is none."""
        line = self._finish(b"")
        return line if line is TOO_LONG or (isinstance(line, bytes) and line.strip()) else None

    def _finish(self, tail: bytes) -> bytes | TooLong:
        self._keep(tail)
        line = TOO_LONG if self._is_dropping else b"".join(self._parts)
        self._parts, self._length, self._is_dropping, self._is_inside = [], 0, False, False
        return line.removesuffix(b"\r") if isinstance(line, bytes) else line

    def _keep(self, part: bytes) -> None:
        if self._is_dropping or not part:
            return
        self._is_inside = True
        self._length += len(part)
        if self._length > self._limit:
            self._parts, self._is_dropping = [], True
        else:
            self._parts.append(part)
