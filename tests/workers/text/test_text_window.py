import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from filewarden.workers.text.patterns import Pattern
from filewarden.workers.text.text_window import BEGINNING, LineSearch, Place, Read, Wanted, Window, plain, wide

Told = tuple[int, bytes, tuple[bytes, ...], tuple[bytes, ...]]
_SMALL = 256


def pieces_of(data: bytes, step: int) -> Read:
    """Give the data in pieces, as a slow file would."""
    at = 0

    def read(view: memoryview) -> int:
        nonlocal at
        piece = data[at : at + min(step, len(view))]
        view[: len(piece)] = piece
        at += len(piece)
        return len(piece)

    return read


def told(window: Window, search: LineSearch) -> Iterator[Told]:
    def text(span: tuple[int, int]) -> bytes:
        return bytes(window.buffer[span[0] : span[1]])

    for hit in search.hits():
        yield hit.line, text(hit.text), tuple(map(text, hit.before)), tuple(map(text, hit.after))


def search(
    data: bytes, pattern: str, *, wanted: Wanted | None = None, step: int = 1 << 20, at: Place = BEGINNING
) -> list[Told]:
    window = Window(_SMALL)
    find = Pattern(pattern, regex=True).over(window.buffer).find
    lines = LineSearch(
        window, find, pieces_of(data[max(0, at.offset - 1) :], step), wanted or Wanted(), lambda: False, at
    )
    found = list(told(window, lines))
    assert lines.is_done
    return found


def expected(data: bytes, pattern: str, before: int, after: int) -> list[Told]:
    """Line by line, as one would without a buffer: no line is told twice."""
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    end_aware = pattern.replace("$", r"\r?$").encode()  # the end of a line of Windows lies before its \r
    matching = [number for number, line in enumerate(lines) if re.search(end_aware, line)]
    found: list[Told] = []
    shown = 0
    for number in matching:
        start = max(shown, number - before)
        stop = min(len(lines), number + 1 + after)
        stop = next((other for other in matching if number < other < stop), stop)
        found.append((number + 1, lines[number], tuple(lines[start:number]), tuple(lines[number + 1 : stop])))
        shown = stop
    return found


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"x")), max_size=60),
    has_end=st.booleans(),
    pattern=st.sampled_from(["x", "^$", "x$", "^x", "x.*x", ""]),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    step=st.sampled_from([1, 7, 1000]),
)
@example(lines=[b"\r"], has_end=False, pattern="^$", before=0, after=0, step=1)
def test_matching_lines_are_those_of_a_search_line_by_line(
    lines: list[bytes], has_end: bool, pattern: str, before: int, after: int, step: int
) -> None:
    # UTF-8 only, so that both engines mean the same by a dot.
    data = b"\n".join(line.decode("latin-1").encode("ascii", "replace") for line in lines) + b"\n" * has_end
    pattern = pattern or "x|y"
    around = Wanted(before, after)
    window_reach = _SMALL // 8
    found = search(data, pattern, wanted=around, step=step)
    wanted = expected(data, pattern, before, after)
    assert [(line, text) for line, text, _, _ in found] == [(line, text) for line, text, _, _ in wanted]
    for (_, _, real, behind), (_, _, ideal, after_it) in zip(found, wanted, strict=True):
        assert behind == after_it
        if sum(len(line) + 1 for line in ideal) < window_reach:
            assert real == ideal


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.sampled_from([b"x", b"yy", b"", b"abc x", b"z" * 40]), max_size=60), stop=st.integers(1, 8))
def test_a_search_goes_on_where_another_stopped(lines: list[bytes], stop: int) -> None:
    data = b"\n".join(lines)
    whole = search(data, "x")
    window = Window(_SMALL)
    find = Pattern("x").over(window.buffer).find
    first = LineSearch(window, find, pieces_of(data, 50), Wanted(), lambda: False, BEGINNING)
    begun = list(itertools.islice(told(window, first), stop))
    assert begun + search(data, "x", at=first.place) == whole


@pytest.mark.parametrize("at", [0, 100, 255, 256, 700, 1999])
def test_a_line_longer_than_the_buffer_matches_once(at: int) -> None:
    line = b"y" * at + b"x" + b"y" * 2000
    found = search(b"first\n" + line + line + b"\nx last\n", "x")
    assert [number for number, _, _, _ in found] == [2, 3]
    assert b"x" in found[0][1]


def test_anchors_hold_at_the_ends_of_lines_only() -> None:
    data = b"y" * 1000 + b"x" + b"y" * 1000
    assert search(data, "^x") == []
    assert search(data, "x$") == []
    assert search(data, r"\bx") == []
    assert search(data + b"z", "y$") == [], "a piece of a line ends like a line"
    assert [number for number, _, _, _ in search(data + b"x\n", "x$")] == [1]


def test_the_deadline_ends_a_search_at_a_place_to_go_on_from() -> None:
    data = b"".join(b"line %d x\n" % number for number in range(200))
    window = Window(_SMALL)
    find = Pattern("x").over(window.buffer).find
    first = LineSearch(window, find, pieces_of(data, 1000), Wanted(), lambda: True, BEGINNING)
    begun = list(told(window, first))
    assert not first.is_done
    assert 0 < len(begun) < 200
    assert begun + search(data, "x", at=first.place) == search(data, "x")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_files_are_searched_as_utf_8(tmp_path: Path, encoding: str) -> None:
    text = "".join(f"línea {number} 🙂\n" for number in range(20_000))
    file = tmp_path / "wide.txt"
    file.write_text(text, encoding=encoding, newline="")
    window = Window()
    find = Pattern("línea 19999 🙂").over(window.buffer).find
    fd = os.open(file, os.O_RDONLY)
    try:
        search = LineSearch(window, find, wide(fd, encoding), Wanted(), lambda: False, BEGINNING)
        assert [(line, text.decode()) for line, text, _, _ in told(window, search)] == [(20_000, "línea 19999 🙂")]
    finally:
        os.close(fd)


def test_a_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "plain.txt"
    file.write_bytes(b"x one\nx two\n")
    window = Window()
    fd = os.open(file, os.O_RDONLY)
    try:
        os.lseek(fd, 5, os.SEEK_SET)
        find = Pattern("x").over(window.buffer).find
        search = LineSearch(window, find, plain(fd), Wanted(), lambda: False, Place(6, 2))
        assert [(line, text) for line, text, _, _ in told(window, search)] == [(2, b"x two")]
    finally:
        os.close(fd)
