import fnmatch
import time

import pytest
from hypothesis import given, strategies as st

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.globs import compile_glob


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a.py"),
        ("*.py", ".hidden.py"),
        ("**/*.py", "a.py"),
        ("**/*.py", "x/y/a.py"),
        ("src/*.py", "src/a.py"),
        ("src/**/t?.py", "src/t1.py"),
        ("src/**/t?.py", "src/a/b/t1.py"),
        ("a/**", "a/b/c"),
        ("**", "a/b"),
        ("a/**/b/**/c", "a/q/b/b/z/c"),
        ("{a,b}*.{x,yy}", "b1.yy"),
        ("{a,b{c,d}}", "bd"),
        ("{src,tests}/**/*.py", "tests/x/y.py"),
        ("{a/b,c}/x", "a/b/x"),
        ("[abc]", "b"),
        ("[!abc]", "d"),
        ("[a-c]x", "bx"),
        ("[]a]", "]"),
        ("[[[[", "[[[["),
        ("{a}", "{a}"),
        ("?", "é"),
        ("[äö]x", "öx"),
        ("[\u0430-\u044f]", "\u0436"),
        ("[!ä]", "b"),
        ("?", b"\xff"),
        (r"caf\xE9*", b"caf\xe9.txt"),
        (r"a\b", r"a\b"),
        ("--pre=x", "--pre=x"),
        ("a\nb*", "a\nbc"),
    ],
)
def test_a_glob_matches(pattern: str, path: str | bytes) -> None:
    assert compile_glob(pattern).matches(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a.PY"),
        ("*.py", "d/a.py"),
        ("a/**", "a"),
        ("a/**/c", "ac"),
        ("?", ""),
        ("??", "é"),
        ("[!a]", "a"),
        ("[!ä]", "ä"),
        ("*[!é]", "é"),
        ("[!a]", "/"),
        ("*a?*b", "ab"),
        ("*ab*b", "ab"),
        ("a", "a\n"),
    ],
)
def test_a_glob_does_not_match(pattern: str, path: str | bytes) -> None:
    assert not compile_glob(pattern).matches(path)


@given(st.text(alphabet="ab*?[]!-", min_size=1, max_size=8), st.text(alphabet="ab-![]", max_size=8))
def test_single_names_match_as_fnmatch_says(pattern: str, name: str) -> None:
    try:
        matcher = compile_glob(pattern)
    except ToolFailure:
        return  # fnmatch lets a set be empty; we say so
    if pattern not in (".", "**"):
        assert matcher.matches(name) == fnmatch.fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("[é", ("[é", "[É"), ("é", "É")),
        ("[]é", ("[]É",), ("É", "]")),
        ("[!]", ("[!]",), ("!", "a")),
        ("[É-]", ("é", "É", "-"), ("ß",)),
        ("[!é]x", ("ex",), ("éx", "Éx")),
    ],
)
def test_a_letter_of_either_case_stays_what_the_pattern_has(
    pattern: str, matching: tuple[str, ...], others: tuple[str, ...]
) -> None:
    matcher = compile_glob(pattern, ignore_case=True)
    assert [name for name in (*matching, *others) if matcher.matches(name)] == list(matching)


def test_with_anywhere_a_pattern_may_begin_in_any_folder() -> None:
    matcher = compile_glob("src/*.py", anywhere=True)
    assert matcher.matches("a/b/src/x.py")
    assert matcher.matches("src/x.py")
    assert not matcher.matches("asrc/x.py")


def test_folders_that_cannot_hold_a_match_are_known() -> None:
    matcher = compile_glob("src/t*/**/x.py")
    assert matcher.enters(0, b"src")
    assert not matcher.enters(0, b"lib")
    assert matcher.enters(1, b"tests")
    assert not matcher.enters(1, b"docs")
    assert matcher.enters(2, b"anything")
    assert matcher.enters(9, b"anything")
    assert not compile_glob("*.py").enters(0, b"src")
    assert not compile_glob("a/*").enters(1, b"b")


@pytest.mark.parametrize(
    ("pattern", "anywhere", "is_flat", "enters_all"),
    [
        ("*.py", False, True, False),
        ("./{a,b*}", False, True, False),
        ("*.py", True, False, True),
        ("a/*.py", False, False, False),
        ("{a,b/c}", False, False, False),
        ("**", False, False, True),
        ("a/**", False, False, False),
        ("{a/x,**/y}", False, False, True),
    ],
)
def test_a_pattern_tells_whether_every_folder_or_none_can_hold_a_match(
    pattern: str, anywhere: bool, is_flat: bool, enters_all: bool
) -> None:
    matcher = compile_glob(pattern, anywhere=anywhere)
    assert (matcher.is_flat, matcher.enters_all) == (is_flat, enters_all)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "/",
        "/etc/*",
        "//x",
        "../*",
        "**/../../OUT/*",
        "R/../OUT/**",
        "{a,/b}",
        "{a,..}/x",
        "{a,b}" * 20,
        "*" * 40,
        "/".join(["**", "a"] * 9),
        "x" * 1025,
        "a\0b",
        "[z-a]",
        r"\x41",
        "[\u4e00-\u9fff]",
    ],
)
def test_s04_s05_s07_a_glob_out_of_bounds_is_refused(pattern: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        compile_glob(pattern)
    assert refused.value.code is Code.INVALID_ARGUMENT
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/**/**/**/**/x", "a/" * 2000 + "y"),
        ("*a" * 20 + "b", "a" * 255),
        ("**/*a*a*a*a*a*a*b", ("a" * 255 + "/") * 15 + "a" * 250),
        ("**/*?*?/**/*a/**/*b", ("a" * 50 + "/") * 80 + "a" * 200),
        ("{*a*a*a*c,*a*a*d}*{e,f}", "a" * 255),
        ("[[[[" * 50, "[" * 255),
        ("*[!b]*[!b]*[!b]*[!b]*b*c", "a" * 255),
    ],
)
def test_s04_no_glob_takes_long(pattern: str, path: str) -> None:
    matcher = compile_glob(pattern)
    begun = time.process_time()
    matcher.matches(path)
    assert time.process_time() - begun < 0.1


@pytest.mark.parametrize(
    ("pattern", "fixed"),
    [
        ("*.py", b".py"),
        ("*", b""),
        ("a?bcd[ef]g", b"bcd"),
        ("src/*test*", b"test"),
        ("{a,b}.py", b""),
        ("x\\xFFy", b"x\xffy"),
    ],
)
def test_what_every_match_holds(pattern: str, fixed: bytes) -> None:
    assert compile_glob(pattern).fixed == fixed
    assert compile_glob(pattern, ignore_case=True).fixed == b""
