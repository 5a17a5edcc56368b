"""A long text in a response: it stays as it came until it is written, and becomes JSON piece by piece meanwhile.

So no copy of the whole response is made, and whoever reads it works on one piece while the next is made.
"""

from collections.abc import Iterator

from filewarden.workers.ahead import pieces

PIECE_BYTES = 256 * 1024
"""Of text at a time: shorter ones wake the reader too often, longer ones let it wait."""


class LongText:
    """A text in UTF-8."""

    __slots__ = ("utf8",)

    def __init__(self, utf8: bytes) -> None:
        """Take bytes of anybody's, at least one; raises UnicodeDecodeError where they are no UTF-8."""
        if not utf8.isascii():
            str(utf8, "utf-8")
        self.utf8 = utf8


class LongResponse:
    """A response with a long text in it: its JSON is `head`, with a quote at the end, the text, and `tail`."""

    __slots__ = ("head", "tail", "text")

    def __init__(self, head: bytes, text: LongText, tail: bytes) -> None:
        self.head = head
        self.text = text
        self.tail = tail

    def __len__(self) -> int:
        """How many bytes are held."""
        return len(self.head) + len(self.text.utf8) + len(self.tail)

    def __bytes__(self) -> bytes:
        """All of it."""
        return b"".join(part for parts in self.parts() for part in parts)

    def parts(self) -> Iterator[tuple[bytes | memoryview, ...]]:
        """All of it, as little at a time as is worth being written alone; the last of the last ones is `tail`."""
        from filewarden.broker.protocol.text_json import inside

        head: tuple[bytes, ...] = (self.head,)
        missing = len(self.text.utf8)
        for piece in pieces(self.text.utf8, PIECE_BYTES):
            missing -= len(piece)
            # Held by no name, so that the next one takes the same memory, which is at hand.
            yield (*head, inside(str(piece, "utf-8")), *(() if missing else (self.tail,)))
            head = ()


Reply = bytes | LongResponse
