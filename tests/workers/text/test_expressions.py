import random
import re

import pytest

from filewarden.workers.errors import ToolFailure
from filewarden.workers.text import patterns
from filewarden.workers.text.expressions import required_texts
from filewarden.workers.text.literals import Find, Span, literal_find
from filewarden.workers.text.patterns import Pattern


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("needle", "needle"),
        ("^def needle\\(", "def needle("),
        (r"\bneedle\b", "needle"),
        (r"needle\d+", "needle"),
        (r"a\.b\*c", "a.b*c"),
        ("colou?r", "colo"),
        ("ab*cd", "cd"),
        ("ab+cd", "ab"),
        ("abc{0,2}de", "ab"),
        ("ab{2}", "a"),
        ("abc{de", "abc"),
        ("a{,2}b", ",2}b"),
        ("x(?:y|z)needle", "needle"),
        ("(needle)?ab", "ab"),
        ("one.*three", "three"),
        ("[a-z]needle[^]x]", "needle"),
        (r"\Qa.b\Ecd", "cd"),
        ("größe", "größe"),
        ("(?i)needle", ""),
        ("(?s:a)needle", "needle"),
        ("(?mi)needle", ""),
        ("(?P<name>x)needle", "needle"),
        (r"\x41BC", ""),
        (r"\x{41}BC", ""),
        (r"\pNabc", ""),
        (r"\p{Greek}abc", ""),
        (r"\101abc", ""),
        (r"\d+\s*", ""),
        ("(?s)needle", "needle"),
        ("ab(?s)*", ""),
        ("ab(?U-s)?", ""),
        ("ab(?m){0}", ""),
        (r"ab\Q\E*", ""),
        ("((a)", ""),
        ("", ""),
    ],
)
def test_what_every_match_holds(expression: str, text: str) -> None:
    assert required_texts(expression) == ((text,) if text else ())


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        ("needle|pin", ("needle", "pin")),
        (r"^def needle\(|\bpin\b|(x)ab", ("def needle(", "pin", "ab")),
        ("needle|", ()),
        (r"needle|\Qpin", ()),
        ("|needle", ()),
        (r"needle|\d+", ()),
        (r"needle|\x41", ()),
        (r"needle\|pin", ("needle|pin",)),
        ("[|]needle", ("needle",)),
        ("(a|b)needle", ("needle",)),
    ],
)
def test_every_match_of_an_alternative_holds_something(expression: str, texts: tuple[str, ...]) -> None:
    assert required_texts(expression) == texts


def test_of_several_texts_the_one_is_taken_that_tells_the_most() -> None:
    assert required_texts(r"def \w+_qqq") == ("_qqq",)
    assert required_texts(r"x.return") == ("return",)


PIECES = (
    *(
        "ab",
        "b",
        "c",
        ".",
        "a?",
        "b*",
        "c+",
        "(ab|c)",
        "(?:b)?",
        "[ab]",
        "[^a]",
        r"\b",
        "^",
        "$",
        "a{2}",
        "b{0,1}",
        "c{1,}",
    ),
    *(
        "|",
        r"\.",
        r"\w",
        "(a(b)?c)*",
        "a+?",
        "bc??",
        r"\Qab\E",
        r"\Q\E",
        "(?s)",
        "*",
        "?",
        "é",
        "{",
        "}",
        ",",
        "]",
        "-",
    ),
)
"""Of expressions that are put together by chance."""


@pytest.mark.parametrize("expression", ["abc\\", "[abc", "(abc", "abc)", "a**", "(?"])
def test_what_is_no_expression_is_refused_as_ever(expression: str) -> None:
    with pytest.raises(ToolFailure, match="RE2"):
        Pattern(expression, regex=True)


def test_no_match_lacks_it_and_none_is_missed_for_it() -> None:
    chance = random.Random(11)
    compiled = found = guided = 0
    for _ in range(4000):
        expression = "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        try:
            pattern = Pattern(expression, regex=True)
        except ToolFailure:
            continue
        compiled += 1
        text = "".join(chance.choices(("a", "b", "c", ".", "é", "{", ",", "\n", "\r\n", "ab", "abc"), k=60)) + "\n"
        buffer = bytearray(text.encode())
        alone = bytearray(buffer)
        plainly = Pattern(f"(?:{expression})", regex=True).over(alone)  # a group: nothing is known of it
        ways = pattern.over(buffer)
        held = [each.encode() for each in required_texts(expression)]
        guided += bool(held)
        begin = 0
        while (span := plainly.find(begin, len(alone) - 1)) is not None:
            assert ways.find(begin, len(buffer) - 1) == span, (expression, text)
            assert not held or any(each in alone[span[0] : span[1]] for each in held), (expression, text)
            for look in (ways.may_hold, ways.may_hold_in_text):
                may = look(begin, len(buffer) - 1)
                assert may is not None, (expression, text)
                assert may[0] <= span[0], (expression, text)
            found += 1
            begin = alone.find(b"\n", span[1]) + 1
            if begin >= len(alone):
                break
        else:
            assert ways.find(begin, len(buffer) - 1) is None, (expression, text)
        assert buffer == alone == text.encode()
    assert min(compiled, found, guided) > 1000


def test_a_text_that_is_everywhere_does_not_lead_to_more_than_a_few_lines() -> None:
    buffer = bytearray(b"import this\n" * 50_000 + b"import that\n")
    find = Pattern(r"import \w+t\b", regex=True).over(buffer).find
    for _ in range(100):
        span = find(0, len(buffer) - 1)
        assert span is not None
        assert bytes(buffer[slice(*span)]) == b"import that"


def test_alternatives_are_not_looked_for_far_behind_what_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    def counting(buffer: bytearray, literal: bytes, *, is_free_of_nul: bool = False) -> Find:
        find = literal_find(buffer, literal, is_free_of_nul=is_free_of_nul)

        def counted(begin: int, end: int) -> Span | None:
            nonlocal looked_at
            looked_at += end - begin
            return find(begin, end)

        return counted

    monkeypatch.setattr(patterns, "literal_find", counting)
    buffer = bytearray(b"pin\n" * 20_000)
    find = Pattern("needle|pin|bolt", regex=True).over(buffer).find
    begin = found = 0
    while begin < len(buffer) and (span := find(begin, len(buffer) - 1)) is not None:
        begin, found = span[1] + 1, found + 1
    assert found == 20_000
    assert looked_at < 3 * found * 400, "to the end for each line it would be 2,400,000,000"
    buffer[:] = b"-" * 40_000 + b"\n" + b"-\n" * 19_995 + b"bolt\n" + b"x" * 4
    looked_at = 0
    assert find(0, len(buffer) - 1) == (79_991, 79_995)
    assert looked_at < 3 * 2 * len(buffer)


def test_what_is_escaped_is_text() -> None:
    assert required_texts(re.escape("a.b*(c)[d]{2}")) == ("a.b*(c)[d]{2}",)
