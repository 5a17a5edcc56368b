"""A long text in a response: it stays as it came until it is written, and becomes JSON piece by piece meanwhile.

So no copy of the whole response is made, and whoever reads it works on one piece while the next is made.
"""

from codecs import utf_8_decode
from collections.abc import Iterable, Iterator

Piece = str | bytes | memoryview
"""What is ASCII is a string, which JSON is made of; what is not would take up to four times the room as one."""


class LongText:
    """A text that is UTF-8, in the pieces that it came in, but that none ends inside a character."""

    __slots__ = ("_bytes", "pieces")

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        """Take bytes of anybody's, at least one, cut anywhere; raises UnicodeDecodeError where they are no UTF-8.

        Each piece is looked at once it has come, while it is at hand still, and the next one is asked for afterwards.
        """
        self.pieces: list[Piece] = []
        self._bytes = 0
        rest: bytes | memoryview = b""
        for piece in pieces:
            data = bytes(rest) + piece if rest else piece
            text, used = utf_8_decode(data, "strict", False)
            if used:
                self.pieces.append(text if text.isascii() else data[:used])
            self._bytes += len(piece)
            rest = data[used:]
        utf_8_decode(rest, "strict", True)

    def __len__(self) -> int:
        """How many bytes it has."""
        return self._bytes


def as_json(piece: Piece) -> memoryview:
    """A piece as JSON, without its quotes."""
    from filewarden.broker.protocol.text_json import inside

    return inside(piece if isinstance(piece, str) else str(piece, "utf-8"))


class LongResponse:
    """A response with a long text in it: its JSON is `head`, with a quote at the end, the text, and `tail`."""

    __slots__ = ("head", "tail", "text")

    def __init__(self, head: bytes, text: LongText, tail: bytes) -> None:
        self.head = head
        self.text = text
        self.tail = tail

    def __len__(self) -> int:
        """How many bytes are held."""
        return len(self.head) + len(self.text) + len(self.tail)

    def __bytes__(self) -> bytes:
        """All of it."""
        return b"".join(part for parts in self.parts() for part in parts)

    def parts(self) -> Iterator[tuple[bytes | memoryview, ...]]:
        """All of it, as little at a time as is worth being written alone; the last of the last ones is `tail`."""
        head: tuple[bytes, ...] = (self.head,)
        *others, last = self.text.pieces
        for piece in others:
            # Its JSON is held by no name, so that the next one takes the same memory, which is at hand.
            yield (*head, as_json(piece))
            head = ()
        yield (*head, as_json(last), self.tail)


Reply = bytes | LongResponse
