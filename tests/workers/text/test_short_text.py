"""Lines of a text that is in the buffer as a whole, against the search that reads as it goes."""

from hypothesis import example, given, settings, strategies as st

from filewarden.workers.text.patterns import Pattern
from filewarden.workers.text.short_text import matching_lines
from filewarden.workers.text.text_window import BEGINNING, LineSearch, Read, Wanted, Window

LINES = st.lists(st.sampled_from([b"", b"x", b"xx", b"a x b", b"\r", b"x\r", b"y" * 40, b"\xff x"]), max_size=30)


def reader(data: bytes) -> Read:
    rest = memoryview(data)

    def read(view: memoryview) -> int:
        nonlocal rest
        piece, rest = rest[: len(view)], rest[len(view) :]
        view[: len(piece)] = piece
        return len(piece)

    return read


@settings(max_examples=200, deadline=None)
@given(lines=LINES, has_end=st.booleans(), pattern=st.sampled_from(["x", "^$", "x$", "^x", r"\r", "x|y", "^x$"]))
@example(lines=[], has_end=False, pattern="^$")
@example(lines=[], has_end=True, pattern="^$")
def test_they_are_those_that_a_window_finds(lines: list[bytes], has_end: bool, pattern: str) -> None:
    data = b"\n".join(lines) + b"\n" * has_end
    window = Window(4096)
    find = Pattern(pattern, regex=True).over(window.buffer).find

    search = LineSearch(window, find, reader(data), Wanted(), lambda: False, BEGINNING)
    expected = [(hit.line, *hit.text, hit.match[0]) for hit in search.hits()]
    window.buffer[:] = b"\nx" * (len(window.buffer) // 2) + b"x"  # what an earlier file left there
    window.buffer[: len(data)] = data
    assert list(matching_lines(window.buffer, find, len(data))) == expected


@settings(max_examples=50, deadline=None)
@given(lines=LINES)
def test_a_search_may_begin_with_what_is_in_its_window(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    whole, begun = Window(256), Window(256)
    here = min(len(data), 100)
    begun.buffer[:here] = data[:here]

    def told(window: Window, rest: bytes, here: int) -> list[tuple[int, bytes]]:
        find = Pattern("x").over(window.buffer).find
        search = LineSearch(window, find, reader(rest), Wanted(), lambda: False, BEGINNING, here)
        return [(hit.line, bytes(window.buffer[slice(*hit.text)])) for hit in search.hits()]

    assert told(begun, data[here:], here) == told(whole, data, 0)
