import pytest
from hypothesis import given, strategies as st

from filewarden.workers.paths.resemblance import distance, nearest

NAMES = st.text("ab.", max_size=7)


def never() -> bool:
    return False


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        ("cafe\u0301.txt", ["cafe.txt", "caf\u00e9.txt"], "caf\u00e9.txt"),
        (
            "Screenshot 3.05 PM.png",
            ["Screenshot 3.04 PM.png", "Screenshot 3.05\u202fPM.png"],
            "Screenshot 3.05\u202fPM.png",
        ),
        ("a-b.txt", ["a\u2013b.txt"], "a\u2013b.txt"),
        ("ab.txt", ["a\u200bb.txt"], "a\u200bb.txt"),
        ("ａｂ.txt", ["ab.txt"], "ab.txt"),
        ("readme.MD", ["README.md", "readme"], "README.md"),
        ("README", ["README.md", "READING"], "README.md"),
        ("config.yaml", ["config.yml", "confog.yaml"], "config.yml"),
        ("mian.py", ["main.py", "xian.rs"], "main.py"),
        ("utlis.py", ["utils.py", "tools.py"], "utils.py"),
        ("index.htm", ["index.html"], "index.html"),
        ("img_0012.jpeg", ["img_0112.jpg", "img_00121.jpeg"], "img_00121.jpeg"),
    ],
)
def test_the_nearest_name_is_found(wanted: str, names: list[str], found: str) -> None:
    assert nearest(wanted.encode(), [name.encode() for name in names], never)[0] == found.encode()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [("main.py", ["setup.cfg", "tests", "LICENSE"]), ("a", ["b", "c.txt", "ccc"]), ("x", [])],
)
def test_what_has_little_in_common_is_no_hint(wanted: str, names: list[str]) -> None:
    assert nearest(wanted.encode(), [name.encode() for name in names], never) == []


def test_names_that_are_not_utf8_are_compared_too() -> None:
    assert nearest(b"caf\xe9.TXT", [b"caf\xe9.txt", b"caf\xea.txt"], never) == [b"caf\xe9.txt"]


def test_typos_are_looked_for_until_the_time_is_up() -> None:
    asked: list[None] = []

    def is_over() -> bool:
        asked.append(None)
        return len(asked) == 3

    names = [b"file-%04d-x" % number for number in range(1000)]
    assert len(nearest(b"file-0999-y", names, is_over)) <= 3
    assert len(asked) == 3


@given(one=NAMES, other=NAMES)
def test_the_distance_is_that_of_the_whole_table(one: str, other: str) -> None:
    full = whole_table(one, other)
    assert distance(one, other, 7) == full
    assert distance(one, other, 2) == (full if full <= 2 else None)


def whole_table(one: str, other: str) -> int:
    """Optimal string alignment (restricted Damerau-Levenshtein), cell by cell."""
    table = {(at, 0): at for at in range(len(one) + 1)} | {(0, to): to for to in range(len(other) + 1)}
    for at in range(1, len(one) + 1):
        for to in range(1, len(other) + 1):
            steps = [
                table[at - 1, to] + 1,
                table[at, to - 1] + 1,
                table[at - 1, to - 1] + (one[at - 1] != other[to - 1]),
            ]
            if at > 1 and to > 1 and one[at - 1] == other[to - 2] and one[at - 2] == other[to - 1]:
                steps.append(table[at - 2, to - 2] + 1)
            table[at, to] = min(steps)
    return table[len(one), len(other)]
