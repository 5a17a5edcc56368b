"""The form of the audit log: lines of JSON, each of which holds the hash of the line before it. Pure.

A line starts with its number and that hash: `{"seq":7,"prev":"<64 hex digits>",...}`. What is no call is an event:

    begin      the first line of a log
    continue   the first line of a file that goes on where another one ended; `prev` is the hash of its last line
    end        the last line of a file that is full
    start      a server begins to write
    stop       a server has ended in good order
    breach     a worker was ended for what no honest one does, the `reason`: with its place and role, and, where there
               are any, the `principal` that it had served and the `call` that it ran, which has a line of its own
    gap        a server lost `lost` lines, for the `reason` given

The hash is the SHA-256 (FIPS 180-4) of the line before, without its line end.
"""

from collections.abc import Iterable
from hashlib import sha256

MOST_LINE_BYTES = 32_768
FIRST_PREV = "0" * 64
END_OF_FILE = b'"event":"end"}'
"""What the last line of a full file ends with, and no other line does: quotes in a call's line are escaped."""


class Position:
    """Where a chain stands: the number of its last line, and that line's hash."""

    __slots__ = ("digest", "seq")

    def __init__(self, seq: int, digest: str) -> None:
        self.seq = seq
        self.digest = digest

    def add(self, body: bytes) -> bytes:
        """Make the next line of a JSON object, line end and all, and step on to it."""
        self.seq += 1
        line = b'{"seq":%d,"prev":"%s",' % (self.seq, self.digest.encode()) + body[1:]
        self.digest = digest_of(line)
        return line + b"\n"

    def add_all(self, bodies: Iterable[bytes]) -> bytes:
        """Likewise of several; as it is done for every call, the steps of `add` are here once more."""
        seq, digest = self.seq, self.digest
        lines: list[bytes] = []
        for body in bodies:
            seq += 1
            line = b'{"seq":%d,"prev":"%s",%s' % (seq, digest.encode(), body[1:])
            digest = sha256(line).hexdigest()
            lines.append(line)
        self.seq, self.digest = seq, digest
        lines.append(b"")
        return b"\n".join(lines)

    def copy(self) -> "Position":
        """The same place."""
        return Position(self.seq, self.digest)


def first_position() -> Position:
    """Before the first line of a log."""
    return Position(0, FIRST_PREV)


def digest_of(line: bytes) -> str:
    """The hash of a line, which comes without its line end."""
    return sha256(line).hexdigest()


def position_of(line: bytes) -> Position | None:
    """Where a chain stands after this line, which comes without its line end; None when it is no line of a log."""
    head, _, rest = line.partition(b',"prev":"')
    number = head.removeprefix(b'{"seq":')
    is_line = head != number and number.isdigit() and len(number) < 20 and rest[64:66] == b'",' and line[-1:] == b"}"
    return Position(int(number), digest_of(line)) if is_line else None


def prev_of(line: bytes) -> str:
    """The hash that a line of a log holds of the one before."""
    return line.partition(b',"prev":"')[2][:64].decode("ascii", "replace")


def is_end(line: bytes) -> bool:
    """Whether the file goes on elsewhere after this line."""
    return line.endswith(END_OF_FILE)
