"""What becomes of a head before it is parsed, in whatever pieces it comes."""

import pytest

from filewarden.transports.http.head import Offers, with_host_of

OFFER = b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nuPgRaDe: h2c\r\nUp: y\r\nX: \r\n\r\n"
IGNORED = OFFER.replace(b"uPgRaDe", b"ignored")


@pytest.mark.parametrize("first", range(len(OFFER)))
def test_an_offer_is_ignored_wherever_a_piece_ends(first: int) -> None:
    offers = Offers()
    assert b"".join(map(offers.ignored, (OFFER[:first], OFFER[first:]))) == IGNORED


def test_an_offer_is_ignored_byte_by_byte_and_again() -> None:
    offers = Offers()
    assert b"".join(offers.ignored(bytes([each])) for each in OFFER * 2) == IGNORED * 2


@pytest.mark.parametrize("body", [b"u", b"upgrade: x", b"{}", b""])
def test_nothing_of_a_body_is_kept_or_changed(body: bytes) -> None:
    assert Offers().ignored(OFFER + body) == IGNORED + body


@pytest.mark.parametrize("size", [b"a", b"0A", b"a ;b=c"])
def test_a_chunk_that_begins_like_an_offer_is_left_alone_wherever_a_piece_ends(size: bytes) -> None:
    chunk = size + b"\r\nUpgrade: x"
    for first in range(len(IGNORED + chunk)):
        offers, data = Offers(), OFFER + chunk + b"\r\n" + chunk
        pieces = [given for piece in (data[:first], data[first:]) for given in (offers.ignored(piece), offers.kept())]
        assert b"".join(pieces).endswith(chunk + b"\r\n" + chunk)


def test_what_was_kept_of_a_body_is_given_back() -> None:
    offers = Offers()
    assert (offers.ignored(OFFER + b"a\r\nUp"), offers.kept(), offers.kept()) == (IGNORED + b"a\r\n", b"Up", b"")
    assert offers.ignored(OFFER) == IGNORED


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"/mcp", b"a"),
        (b"*", b"a"),
        (b"http://b/mcp", b"b"),
        (b"http://b:1?x", b"b:1"),
        (b"http://c@b:1/", b"c@b:1"),
        (b"b:1", b""),
        (b"http:/b", b""),
    ],
)
def test_a_target_that_names_its_host_has_the_last_word(target: bytes, host: bytes) -> None:
    fields = [(b"host", b"a"), (b"x", b"y")]
    assert dict(with_host_of(target, fields)) == {b"host": host, b"x": b"y"}
