import random

import pytest

from filewarden.workers.text import literals
from filewarden.workers.text.literals import MOST_BYTES, literal_find


def found_in(text: bytes, literal: bytes, begin: int, end: int) -> int:
    """Where it is found, in a buffer that is the same afterwards; -1 for nowhere."""
    buffer = bytearray(text)
    span = literal_find(buffer, literal)(begin, end)
    assert buffer == text
    if span is None:
        return -1
    assert span[1] - span[0] == len(literal)
    return span[0]


@pytest.fixture(params=["C", "Python"])
def functions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python":
        monkeypatch.setattr(literals, "_functions", None)


@pytest.mark.usefixtures("functions")
class TestLiteralFind:
    @pytest.mark.parametrize("literal", [b"x", b"needle", b"caf\xc3\xa9", b"n" * MOST_BYTES, b"long" * MOST_BYTES])
    def test_finds_the_first_one_wherever_it_is(self, literal: bytes) -> None:
        for at in (0, 1, 63, 64, 4000):
            text = b"-" * at + literal + b"-" + literal + b"\n"
            assert found_in(text, literal, 0, len(text) - 1) == at
            assert found_in(text, literal, at + 1, len(text) - 1) == at + len(literal) + 1

    def test_finds_nothing_behind_the_end_or_across_it(self) -> None:
        text = b"abc\nneedle\n"
        assert found_in(text, b"needle", 0, 3) == -1
        assert found_in(text, b"c", 0, 2) == -1
        assert found_in(b"nee\ndle\n", b"needle", 0, 7) == -1
        assert found_in(text, b"abc", 1, 3) == -1
        assert found_in(text, b"abc", 3, 3) == -1

    def test_a_nul_byte_hides_nothing(self) -> None:
        text = b"a\0b\0\0needle\0needle\n"
        assert found_in(text, b"needle", 0, len(text) - 1) == 5
        assert found_in(text, b"needle", 6, len(text) - 1) == 12
        assert found_in(text, b"needles", 0, len(text) - 1) == -1

    def test_what_is_looked_for_may_hold_a_nul_byte(self) -> None:
        text = b"ab a\0b a\0c\n"
        assert found_in(text, b"a\0c", 0, len(text) - 1) == 7
        assert found_in(text, b"a\0", 0, len(text) - 1) == 3

    @pytest.mark.parametrize("literal", [b"needle_haystack", b"anne_x", b"ee_zq", b"_zqx"])
    def test_the_end_of_it_alone_is_nothing_however_often_it_comes(self, literal: bytes) -> None:
        for count in range(8):
            ends = b"-".join(literal[at:] for at in range(1, len(literal) - 2)) * count
            text = ends + literal[1:] + b"\n"
            assert found_in(text, literal, 0, len(text) - 1) == -1
            text = ends + literal + b"\n"
            assert found_in(text, literal, 0, len(text) - 1) == len(ends)
            assert found_in(text, literal, len(ends) + 1, len(text) - 1) == -1
            for end in range(len(ends), len(text) - 1):
                assert found_in(text, literal, len(ends), end) == -1

    def test_where_there_is_no_nul_byte_nobody_looks_for_one(self) -> None:
        buffer = bytearray(b"needle\0needle\n")
        in_text, anywhere = literal_find(buffer, b"needle", is_free_of_nul=True), literal_find(buffer, b"needle")
        assert in_text(0, 6) == anywhere(0, 6) == (0, 6)
        assert in_text(7, 13) == anywhere(1, 13) == (7, 13)

    def test_is_no_other_than_in_bytes(self) -> None:
        chance = random.Random(7)
        for _ in range(3000):
            letters = chance.choice((b"ab", b"ab\0", b"abcdefgh\n"))
            text = bytes(chance.choices(letters, k=chance.randint(1, 300))) + b"\n"
            size = chance.choice((1, 2, 3, 5, 8, MOST_BYTES, MOST_BYTES + 1))
            literal = bytes(chance.choices(chance.choice((letters[:2], letters[-4:-1] or letters)), k=size))
            begin = chance.randrange(len(text))
            end = chance.randrange(begin, len(text))
            assert found_in(text, literal, begin, end) == text.find(literal, begin, end)


def test_a_text_that_repeats_costs_no_more_than_once_through_it() -> None:
    buffer = bytearray(b"ab" * 500_000 + b"\n")
    for size in (MOST_BYTES, 4096):
        find = literal_find(buffer, (b"ab" * size)[: size - 1] + b"c")
        for _ in range(200):  # a product of both lengths would take minutes
            assert find(0, len(buffer) - 1) is None
