import msgspec
from hypothesis import given, settings, strategies as st

from filewarden.workers.searching.match_page import Form, Match, MatchPage

FILES = st.lists(st.tuples(st.text("abcé\\", min_size=1, max_size=30), st.integers(1, 40)), min_size=1, max_size=30)


@settings(deadline=None)
@given(files=FILES, chars=st.integers(600, 6000), most=st.integers(1, 300), text=st.text(max_size=60))
def test_a_page_keeps_to_its_budget_and_loses_nothing_that_it_took(
    files: list[tuple[str, int]], chars: int, most: int, text: str
) -> None:
    text = text.encode("utf-8", "replace").decode()
    page = MatchPage(Form.MATCHES, most, chars)
    taken: list[tuple[str, int]] = []
    for number, (name, lines) in enumerate(files):
        for line in range(1, lines + 1):
            path = f"{number}/{name}"
            if not page.take(Match(path=path, line=line, text=text)):
                break
            taken.append((path, line))
        else:
            continue
        break
    entries = page.entries()
    assert 1 <= len(taken) <= most
    assert len(entries) == 1 or len(msgspec.json.encode(entries).decode()) <= chars
    match page.form:
        case Form.MATCHES:
            assert [(entry.path, entry.line) for entry in entries] == taken
            assert page.shrunk is None
        case Form.LOCATIONS:
            told = [(entry.path, line) for entry in entries if isinstance(entry.lines, tuple) for line in entry.lines]
            assert told == taken
        case _:
            assert sum(entry.count for entry in entries if isinstance(entry.count, int)) == len(taken)
            assert page.shrunk is not None
