"""A long text in a response: it stays as it came until it is written, and becomes JSON piece by piece meanwhile.

So no copy of the whole response is made, and whoever reads it works on one piece while the next is made.
"""

from codecs import utf_8_decode
from collections.abc import Iterable, Iterator

MOST_TIMES_LONGER = 2
"""How much longer than its text JSON may be that is kept: it can be six times as long."""


class Piece:
    """Bytes that came together: text, but for the beginning of a character that the next piece goes on with.

    One that has come twice, as when a file is read again, may come once more: then its JSON is kept.
    """

    __slots__ = ("_begun", "_came", "_has_come_twice", "_json", "_text", "rest")

    def __init__(self, begun: bytes, came: bytes | memoryview) -> None:
        """Look at them while they are at hand, after the beginning of their first character, if they lack that.

        Raises:
            UnicodeDecodeError: they are no UTF-8.
        """
        data = begun + came if begun else came
        text, used = utf_8_decode(data, "strict", False)
        self._begun = begun
        self._came = came
        self.rest = bytes(data[used:])
        """What is not its own."""
        self._text = text if text.isascii() else None
        """What is ASCII, until it is JSON; what is not would take up to four times the room as a string."""
        self._has_come_twice = False
        self._json: memoryview | None = None

    def __len__(self) -> int:
        """How many bytes are its own."""
        return len(self._begun) + len(self._came) - len(self.rest)

    def comes_again(self, begun: bytes, came: bytes | memoryview) -> bool:
        """Whether it is of this very object, which has come now, after this beginning."""
        if came is not self._came or begun != self._begun:
            return False
        self._has_come_twice = True
        return True

    def as_json(self) -> memoryview:
        """Its text as JSON, without the quotes."""
        if self._json is not None:
            return self._json
        from filewarden.broker.protocol.text_json import inside

        text, self._text = self._text, None
        if text is None:
            text, _ = utf_8_decode(self._begun + self._came if self._begun else self._came, "strict", False)
        made = inside(text)
        if self._has_come_twice and len(made) <= MOST_TIMES_LONGER * len(self):
            self._json = made
        return made


class LongText:
    """A text that is UTF-8, in the pieces that it came in, but that none ends inside a character."""

    __slots__ = ("_bytes", "pieces")

    def __init__(self, pieces: Iterable[bytes | memoryview], before: "LongText | None" = None) -> None:
        """Take bytes of anybody's, at least one, cut anywhere; raises UnicodeDecodeError where they are no UTF-8.

        Each piece is looked at once it has come, while it is at hand still, and the next one is asked for afterwards.
        A piece that is an object of the text before is not looked at again.
        """
        self.pieces: list[Piece] = []
        self._bytes = 0
        known = before.pieces if before is not None else []
        rest = b""
        for came in pieces:
            place = len(self.pieces)
            piece = known[place] if place < len(known) and known[place].comes_again(rest, came) else Piece(rest, came)
            if len(piece):
                self.pieces.append(piece)
            self._bytes += len(came)
            rest = piece.rest
        utf_8_decode(rest, "strict", True)

    def __len__(self) -> int:
        """How many bytes it has."""
        return self._bytes


class MadePiece:
    """JSON of a text, without the quotes, that was made before it is written."""

    __slots__ = ("_json",)

    def __init__(self, json: memoryview) -> None:
        self._json = json

    def as_json(self) -> memoryview:
        """It is that already."""
        return self._json


class MadeText:
    """A text of which all is JSON already, in at least one piece."""

    __slots__ = ("_bytes", "pieces")

    def __init__(self, made: Iterable[memoryview]) -> None:
        self.pieces = [MadePiece(json) for json in made]
        self._bytes = sum(len(piece.as_json()) for piece in self.pieces)

    def __len__(self) -> int:
        """How many bytes are held."""
        return self._bytes


class LongResponse:
    """A response with a long text in it: its JSON is `head`, with a quote at the end, the text, and `tail`."""

    __slots__ = ("head", "tail", "text")

    def __init__(self, head: bytes, text: LongText | MadeText, tail: bytes) -> None:
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
            yield (*head, piece.as_json())
            head = ()
        yield (*head, last.as_json(), self.tail)


Reply = bytes | LongResponse
