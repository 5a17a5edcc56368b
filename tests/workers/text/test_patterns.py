import time

import pytest

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.text.patterns import MAX_PATTERN_CHARS, Pattern


def finds(line: str | bytes, pattern: str, **options: bool) -> bool:
    """Whether the line, as one of three, matches; the quick look must never miss what is found."""
    text = line.encode() if isinstance(line, str) else line
    buffer = bytearray(b"\n" + text + b"\n")
    found = Pattern(pattern, **options).over(buffer)
    match = found.find(1, len(buffer) - 1)
    for look in (found.may_hold, found.may_hold_in_text):
        assert match is None or look(1, len(buffer) - 1) is not None
    return match is not None


@pytest.mark.parametrize(
    ("line", "pattern", "options", "expected"),
    [
        ("a.b", "a.b", {}, True),
        ("axb", "a.b", {}, False),
        ("axb", "a.b", {"regex": True}, True),
        ("Straße", "STRASSE", {"ignore_case": True}, False),
        ("ÉCOLE", "école", {"ignore_case": True}, True),
        ("ÉCOLE", "école", {}, False),
        ("K", "k", {"ignore_case": True}, True),  # the Kelvin sign
        ("a.B(", "A.b(", {"ignore_case": True}, True),
        ("foobar", "foo", {"word": True}, False),
        ("foo_bar foo", "foo", {"word": True}, True),
        ("cafés", "café", {"word": True}, False),
        ("café", "caf", {"word": True}, False),
        ("un café.", "café", {"word": True}, True),
        ("x = -1", "-1", {"word": True}, True),
        ("FOO", "foo|bar", {"regex": True, "word": True, "ignore_case": True}, True),
        ("foobar", "foo|bar", {"regex": True, "word": True}, False),
        ("end\r", "end$", {"regex": True}, True),
        ("end\r", "^end$", {"regex": True}, True),
        ("end;\r", "[^;]$", {"regex": True}, False),
        ("end;\r", r"\W$", {"regex": True}, True),
        ("end\r", r"\W$", {"regex": True}, False),
        ("end\r", r"\s+$", {"regex": True}, False),
        ("end \r", r"\s+$", {"regex": True}, True),
        ("\r", "^.$", {"regex": True}, False),
        ("\r", "^$", {"regex": True}, True),
        ("end\r", r"d\r$", {"regex": True}, True),
        ("end\r", "end", {"regex": True, "word": True}, True),
        ("\rend\rx", r"^\s.*\sx$", {"regex": True}, True),  # one that ends no line is like any other character
        ("price $5", r"[$]\d", {"regex": True}, True),
        ("price $5", r"\$5$", {"regex": True}, True),
        ("a$b", r"\Qa$b\E", {"regex": True}, True),
        ("", "^$", {"regex": True}, True),
        ("abc", "^b", {"regex": True}, False),
        (b"\xff\xfe latin \xe9", "latin", {"regex": True}, True),
        (b"caf\xe9", "café", {}, False),
        ("--pre=x", "--pre=x", {}, True),
    ],
)
def test_what_matches(line: str | bytes, pattern: str, options: dict[str, bool], expected: bool) -> None:
    assert finds(line, pattern, **options) == expected


@pytest.mark.parametrize("pattern", [r"a[^x]*b", r"a\sb", r"(?s)a.b", r"a\s+b", r"a[\n]b"])
def test_no_expression_reaches_over_a_line_end(pattern: str) -> None:
    buffer = bytearray(b"a\nb\n")
    assert Pattern(pattern, regex=True).over(buffer).find(0, 3) is None


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("foo(?=bar)", "look-ahead"),
        ("foo(?!bar)", "negative look-ahead"),
        ("(?<=foo)bar", "look-behind"),
        ("(?<!foo)bar", "negative look-behind"),
        (r"(a)\1", "a back-reference"),
        (r"(?P<n>a)(?P=n)", "a back-reference"),
        (r"(?P<n>a)\k<n>", "a back-reference"),
        ("(?>a)", "an atomic group"),
        ("a++", "a possessive quantifier"),
        ("(?C1)", "a callout"),
        ("(?R)", "recursion"),
        ("(a)(?(1)b)", "a condition"),
    ],
)
def test_s03_a_construct_that_re2_lacks_is_named(pattern: str, named: str) -> None:
    with pytest.raises(ToolFailure, match=f"uses {named} ") as refused:
        Pattern(pattern, regex=True)
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("pattern", "regex", "problem"),
    [
        ("[", True, "missing ]"),
        ("(", True, "missing )"),
        ("a)|(b", True, "unexpected )"),
        ("*", True, "no argument for repetition"),
        (r"a\nb", True, "line break"),
        ("a\nb", True, "line break"),
        ("a\nb", False, "line break"),
        (r"\Ca", True, "any byte"),
        ("\ud800", False, "surrogate"),
        ("\ud800", True, "surrogate"),
    ],
)
@pytest.mark.parametrize("word", [False, True])
def test_a_pattern_that_cannot_be_searched_for_is_refused(pattern: str, regex: bool, problem: str, word: bool) -> None:
    with pytest.raises(ToolFailure) as refused:
        Pattern(pattern, regex=regex, word=word)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert problem in refused.value.message
    assert "(?m)" not in refused.value.message


@pytest.mark.parametrize("pattern", [r"a{1000}{1000}", r"\p{L}{1,1000}", r"\pL{100}", "((a{100}){100}){100}"])
def test_s02_a_pattern_that_grows_is_refused_soon(pattern: str) -> None:
    begun = time.process_time()
    with pytest.raises(ToolFailure, match="too large"):
        Pattern(pattern, regex=True)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x", "(x+x+)+y", "(" * 1000 + "a" + ")" * 1000],
)
def test_s01_no_expression_takes_more_than_linear_time(pattern: str) -> None:
    buffer = bytearray(b"a" * 200_000 + b"!\n")
    begun = time.process_time()
    Pattern(pattern, regex=True).over(buffer).find(0, len(buffer) - 1)
    assert time.process_time() - begun < 1.0


def test_the_longest_pattern_is_searched_for() -> None:
    pattern = "ab" * (MAX_PATTERN_CHARS // 2)
    assert finds(f"x{pattern}x", pattern)
    assert finds(f"x{pattern}x", pattern, ignore_case=True, word=False)
