"""A response whose text becomes JSON while it is written."""

from collections.abc import Iterator

import msgspec
import pytest

from filewarden.broker.protocol.long_text import LongResponse, LongText, as_json
from filewarden.broker.protocol.response import encode

PIECE_BYTES = 1000


def cut(text: bytes) -> Iterator[bytes]:
    """In pieces, wherever they end."""
    return (text[begin : begin + PIECE_BYTES] for begin in range(0, len(text), PIECE_BYTES))


@pytest.mark.parametrize(
    "character", ["x", '"', "\\", "\n", "\x01", "\x7f", "\u00fc", "\u2028", "\u20ac", "\U0001f600"]
)
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_the_pieces_are_the_json_of_the_whole(character: str, shift: int) -> None:
    text = "x" * shift + character * (2 * PIECE_BYTES // len(character.encode())) + "end"
    response = LongResponse(b'{"a":"', LongText(cut(text.encode())), b'","b":1}')
    assert bytes(response) == b'{"a":' + encode(text) + b',"b":1}'
    assert msgspec.json.decode(bytes(response)) == {"a": text, "b": 1}
    parts = list(response.parts())
    assert len(parts) >= 2
    assert all(sum(map(len, each)) <= 6 * PIECE_BYTES + 20 for each in parts)
    assert parts[-1][-1] is response.tail


def test_it_can_be_read_more_than_once() -> None:
    response = LongResponse(b'"', LongText([b"one"]), b'"')
    assert bytes(response) == bytes(response) == b'"one"'
    assert len(response) == 5


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"x" * 9 + b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_no_utf_8_is_no_text(bad: bytes) -> None:
    for pieces in ([bad], [bad, b"x"], [b"x", bad], [bad[:1], bad[1:]], [b"\xc3", b"\xbc", bad]):
        with pytest.raises(UnicodeDecodeError):
            LongText(pieces)


def test_no_piece_is_empty_or_ends_inside_a_character() -> None:
    text = "\u00fc\u20ac\U0001f600x"
    taken = LongText(bytes([byte]) for byte in text.encode())
    assert len(taken) == len(text.encode())
    assert [bytes(as_json(piece)).decode() for piece in taken.pieces] == list(text)
