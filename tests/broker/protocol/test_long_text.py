"""A response whose text becomes JSON while it is written."""

from collections.abc import Iterator

import msgspec
import pytest

from filewarden.broker.protocol.long_text import LongResponse, LongText, MadeText
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


def test_what_is_json_already_goes_out_as_it_is() -> None:
    made = [memoryview(encode(text))[1:-1] for text in ('a "line"\n', "\u00fc\x01")]
    response = LongResponse(b'{"a":"', MadeText(made), b'"}')
    assert msgspec.json.decode(bytes(response)) == {"a": 'a "line"\n\u00fc\x01'}
    assert len(response) == len(bytes(response))
    assert [part for parts in response.parts() for part in parts] == [b'{"a":"', *made, b'"}']


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"x" * 9 + b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_no_utf_8_is_no_text(bad: bytes) -> None:
    for pieces in ([bad], [bad, b"x"], [b"x", bad], [bad[:1], bad[1:]], [b"\xc3", b"\xbc", bad]):
        with pytest.raises(UnicodeDecodeError):
            LongText(pieces)


def test_no_piece_is_empty_or_ends_inside_a_character() -> None:
    text = "\u00fc\u20ac\U0001f600x"
    taken = LongText(bytes([byte]) for byte in text.encode())
    assert len(taken) == len(text.encode())
    assert [bytes(piece.as_json()).decode() for piece in taken.pieces] == list(text)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_what_comes_again_is_looked_at_once_and_its_json_is_kept_from_the_second_time_on(shift: int) -> None:
    came = list(cut(("x" * shift + "\u20ac" * PIECE_BYTES).encode()))
    first = LongText(came)
    made = [piece.as_json() for piece in first.pieces]
    assert all(piece.as_json() is not one for piece, one in zip(first.pieces, made, strict=True))
    second = LongText(came, first)
    assert second.pieces == first.pieces
    kept = [piece.as_json() for piece in second.pieces]
    assert kept == made
    third = LongText(came, second)
    assert all(piece.as_json() is one for piece, one in zip(third.pieces, kept, strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        b"y" * PIECE_BYTES + b"b" * PIECE_BYTES + b"c",
        b"a" * PIECE_BYTES + b"b" * (PIECE_BYTES - 1) + b"yc",
        b"a" * PIECE_BYTES + b"b" * PIECE_BYTES + b"cy",
        b"a" * PIECE_BYTES + b"b" * PIECE_BYTES + b"cy\xc3\xbc",
        b"a" * PIECE_BYTES + b"b" * PIECE_BYTES,
        b"a" * (PIECE_BYTES - 1),
        b"a" * (PIECE_BYTES + 1),
        b"b" * PIECE_BYTES + b"a" * PIECE_BYTES + b"c",
        b"a" * (PIECE_BYTES - 1) + b"\xc3\xbc" + b"b" * PIECE_BYTES,
    ],
)
def test_what_has_changed_is_looked_at(changed: bytes) -> None:
    known = list(cut(b"a" * PIECE_BYTES + b"b" * PIECE_BYTES + b"c"))
    before = LongText(known, LongText(known))
    assert b"".join(piece.as_json() for piece in before.pieces) == b"".join(known)
    came = [same(known, piece) for piece in cut(changed)]
    for _ in range(3):
        after = LongText(came, before)
        assert (b"".join(piece.as_json() for piece in after.pieces), len(after)) == (changed, len(changed))
        before = after


def test_a_piece_that_goes_on_with_another_beginning_is_looked_at() -> None:
    end = b"\xbc" + b"b" * PIECE_BYTES
    before = LongText([b"a\xc3", end])
    assert b"".join(piece.as_json() for piece in before.pieces).decode() == "a\u00fc" + "b" * PIECE_BYTES
    after = LongText([b"a\xc4", end], before)
    assert b"".join(piece.as_json() for piece in after.pieces).decode() == "a\u013c" + "b" * PIECE_BYTES
    with pytest.raises(UnicodeDecodeError):
        LongText([b"aa", end], after)


def same(known: list[bytes], piece: bytes) -> bytes:
    """A piece, as the object that it is among those known, if it is."""
    return next((one for one in known if one == piece), piece)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_what_is_no_utf_8_beside_known_text_is_no_text(bad: bytes) -> None:
    known = [b"a" * PIECE_BYTES, b"\xbc" + b"b" * PIECE_BYTES]
    before = LongText([b"\xc3", known[1]])
    assert bytes(before.pieces[0].as_json()).decode() == "\u00fc" + "b" * PIECE_BYTES
    for text in ([known[0], bad], [bad, known[0]], [b"\xc3", known[1], bad], [b"\xc3\xbc", known[1]], [b"a", known[1]]):
        with pytest.raises(UnicodeDecodeError):
            LongText(text, before)


def test_json_that_is_much_longer_than_its_text_is_not_kept() -> None:
    text = b"\x01" * PIECE_BYTES
    known = LongText([text], LongText([text]))
    assert known.pieces[0].as_json() is not known.pieces[0].as_json()
