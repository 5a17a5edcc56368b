import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.reporter import Reporter
from filewarden.workers.searching.first_look import FirstLook
from filewarden.workers.searching.match_page import Match
from filewarden.workers.tools.search_text import SearchText, TextFound, run
from filewarden.workers.wire import Progress, unpack_from_worker

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]
Json = dict[str, Any]


def search(context: Context, pattern: str, **arguments: object) -> TextFound:
    return run(context, msgspec.convert({"pattern": pattern, **arguments}, SearchText))


def places(found: TextFound) -> list[tuple[str, int]]:
    return [(match.path, match.line) for match in found.matches if isinstance(match.line, int)]


def all_pages(context: Context, pattern: str, **arguments: object) -> list[Match]:
    matches: list[Match] = []
    cursor: str | None = None
    for _ in range(10_000):
        page = search(context, pattern, cursor=cursor, **arguments)
        assert page.total == len(page.matches)
        assert page.truncated == (page.next_cursor is not msgspec.UNSET)
        matches += page.matches
        if isinstance(page.next_cursor, msgspec.UnsetType):
            return matches
        assert page.matches
        cursor = page.next_cursor
    raise AssertionError("the pages do not end")


@pytest.fixture
def forest(root: Path) -> Path:
    """Twelve files, each with the word `token` in lines 2 and 4."""
    for folder in ("src", "src/pkg", "docs", ".hidden"):
        (root / folder).mkdir()
        for name in ("one.py", "two.py", "note.md"):
            (root / folder / name).write_text("first\na token here\nthird\ntoken again\nlast\n")
    return root


def test_an_answer_has_exactly_these_fields(context: Context, root: Path) -> None:
    (root / "sub" / "b.py").write_text("one\ntwo words\n\tthree\r\n")
    found = search(context, "words", context_before=1, context_after=5)
    assert msgspec.json.decode(msgspec.json.encode(found)) == {
        "pattern": "words",
        "total": 1,
        "truncated": False,
        "matches": [{"path": "sub/b.py", "line": 2, "text": "two words", "before": ["one"], "after": ["\tthree"]}],
        "files_searched": 3,
    }
    assert msgspec.to_builtins(search(context, "three"))["matches"] == [
        {"path": "sub/b.py", "line": 3, "text": "\tthree"}
    ]


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"path": "docs"}, ["docs/note.md", "docs/one.py", "docs/two.py"]),
        ({"path": "docs/one.py"}, ["docs/one.py"]),
        ({"glob": "*.md"}, ["docs/note.md", "src/note.md", "src/pkg/note.md"]),
        ({"glob": "src/*.py"}, ["src/one.py", "src/two.py"]),
        ({"glob": "{docs,src}/**/n*"}, ["docs/note.md", "src/note.md", "src/pkg/note.md"]),
        ({"glob": "*.md", "exclude": ["pkg"]}, ["docs/note.md", "src/note.md"]),
        ({"glob": "*.md", "exclude": ["src/**"]}, ["docs/note.md"]),
        ({"glob": "note.md", "show_hidden": True, "path": ".hidden"}, [".hidden/note.md"]),
        (
            {"glob": "note.md", "show_hidden": True},
            [".hidden/note.md", "docs/note.md", "src/note.md", "src/pkg/note.md"],
        ),
    ],
)
def test_where_it_searches(context: Context, forest: Path, arguments: Json, paths: list[str]) -> None:
    found = search(context, "token", **arguments)
    assert places(found) == [(path, line) for path in paths for line in (2, 4)]
    assert [match.path for match in search(context, "token", mode="files", **arguments).matches] == paths
    counts = search(context, "token", mode="counts", **arguments).matches
    assert [(match.path, match.count) for match in counts] == [(path, 2) for path in paths]


def test_gitignore_is_respected_unless_told_otherwise(context: Context, forest: Path) -> None:
    (forest / ".gitignore").write_text("*.py\n")
    assert {match.path for match in search(context, "token").matches} == {
        "docs/note.md",
        "src/note.md",
        "src/pkg/note.md",
    }
    assert len(search(context, "token", respect_gitignore=False).matches) == 18


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("mode", ["matches", "files", "counts"])
def test_pages_hold_everything_once(context: Context, forest: Path, mode: str, size: int) -> None:
    whole = search(context, "token", mode=mode, max_results=1000).matches
    assert len(whole) == (18 if mode == "matches" else 9)
    assert all_pages(context, "token", mode=mode, max_results=size) == whole


def test_lines_do_not_run_from_one_file_into_the_next(context: Context, root: Path) -> None:
    for name in ("f1", "f2", "f3"):
        (root / name).write_text("needle")
    found = search(context, "^needle$", regex=True, glob="f?")
    assert places(found) == [("f1", 1), ("f2", 1), ("f3", 1)]
    assert search(context, "needleneedle").matches == []


def test_a_file_that_changed_between_pages_is_counted_anew(context: Context, root: Path) -> None:
    file = root / "f.txt"
    file.write_text("".join(f"hit {number}\n" for number in range(1, 10)))
    first = search(context, "hit", path="f.txt", max_results=3)
    file.write_text("".join(f"a hit with more words {number}\n" for number in range(1, 10)))
    rest = search(context, "hit", path="f.txt", cursor=first.next_cursor)
    assert [(match.line, match.text) for match in rest.matches] == [
        (number, f"a hit with more words {number}") for number in range(4, 10)
    ]


def test_a_long_file_that_changed_between_pages_is_gone_through_once_more(
    space: Space, make_context: MakeContext, root: Path
) -> None:
    """Also where one call is too short to come to where the page before ended."""
    file = root / "f.txt"
    file.write_text(("hit\n" + "miss\n" * 20_000) * 20)
    late = make_context(space, seconds=-1.0)
    found: list[tuple[str, int]] = []
    cursor: str | None = None
    for turn in range(40):
        page = search(late, "hit", path="f.txt", cursor=cursor)
        found += places(page)
        if isinstance(page.next_cursor, msgspec.UnsetType):
            break
        cursor = page.next_cursor
        if turn == 5:
            with file.open("a") as end:
                end.write("hit\n")
    assert found == [("f.txt", number * 20_001 + 1) for number in range(21)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.booleans(), max_size=12), max_size=8),
    size=st.integers(1, 9),
    changes=st.lists(
        st.tuples(st.integers(1, 6), st.sampled_from("abcdefgh"), st.lists(st.booleans(), max_size=12)), max_size=4
    ),
)
def test_no_line_comes_twice_when_files_come_and_go(
    tmp_path_factory: pytest.TempPathFactory,
    make_context: MakeContext,
    files: dict[str, list[bool]],
    size: int,
    changes: list[tuple[int, str, list[bool]]],
) -> None:
    top = tmp_path_factory.mktemp("changing")
    touched = {name for _, name, _ in changes}

    def write(name: str, lines: list[bool]) -> None:
        (top / name).write_text("".join("hit\n" if is_hit else "miss\n" for is_hit in lines))

    for name, lines in files.items():
        write(name, lines)
    chosen = open_root("R", str(top))
    try:
        context = make_context(Space((chosen,)))
        seen: list[tuple[str, int]] = []
        cursor: str | None = None
        for turn in range(200):
            page = search(context, "hit", max_results=size, cursor=cursor)
            seen += places(page)
            if isinstance(page.next_cursor, msgspec.UnsetType):
                break
            cursor = page.next_cursor
            for when, name, lines in changes:
                if when == turn:
                    write(name, lines) if lines else (top / name).unlink(missing_ok=True)
        assert len(seen) == len(set(seen)), "a line came twice"
        unchanged = {
            (name, number)
            for name, lines in files.items()
            if name not in touched
            for number, is_hit in enumerate(lines, 1)
            if is_hit
        }
        assert unchanged <= set(seen)
        assert {place for place in seen if place[0] not in touched} == unchanged
    finally:
        os.close(chosen.fd)


def test_one_file_shows_fifty_lines_unless_it_is_asked_for_alone(context: Context, root: Path) -> None:
    (root / "long.txt").write_text("hit\n" * 120)
    (root / "sub" / "short.txt").write_text("hit\n")
    found = search(context, "hit", max_results=1000)
    assert places(found) == [*(("long.txt", line) for line in range(1, 51)), ("sub/short.txt", 1)]
    assert isinstance(found.note, str)
    assert "long.txt" in found.note
    assert len(all_pages(context, "hit", max_results=20)) == 51
    assert len(all_pages(context, "hit", path="long.txt", max_results=50)) == 120
    (count,) = search(context, "hit", mode="counts", glob="long.txt").matches
    assert count.count == 120


def test_dense_results_shrink_step_by_step_and_say_so(space: Space, make_context: MakeContext, root: Path) -> None:
    for number in range(12):
        (root / f"f{number:02}.txt").write_text("some words that all match here\n" * 40)

    def answer(chars: int) -> TextFound:
        found = search(make_context(space, max_answer_chars=chars), "words", max_results=400)
        assert len(msgspec.json.encode(found)) <= chars + 600
        return found

    full, located, counted = answer(100_000), answer(4000), answer(1200)
    assert full.note is msgspec.UNSET
    assert full.total == 400
    assert [match.lines for match in located.matches[:2]] == [tuple(range(1, 41))] * 2
    assert located.matches[0].text is msgspec.UNSET
    assert "numbers of its matching lines" in str(located.note)
    assert [(match.path, match.count) for match in counted.matches[:2]] == [("f00.txt", 40), ("f01.txt", 40)]
    assert "count of its matching lines" in str(counted.note)
    tiny = make_context(space, max_answer_chars=700)
    pages = all_pages(tiny, "words", max_results=1000)
    assert sum(match.count for match in pages if isinstance(match.count, int)) == 12 * 40


def test_binary_files_are_passed_over_and_counted(context: Context, root: Path) -> None:
    (root / "image.png").write_bytes(b"\x89PNG\0\0 needle\n")
    (root / "large.bin").write_bytes(b"needle\0" * 200_000)
    (root / "text.txt").write_bytes(b"needle\n")
    found = search(context, "needle")
    assert places(found) == [("text.txt", 1)]
    assert found.binary == 2
    assert search(context, "needle", path="image.png").binary == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_files_with_a_byte_order_mark_are_searched(context: Context, root: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    (root / "marked.txt").write_text(f"{mark}première\nnaïve needle\n" * 30, encoding=encoding)
    assert len(search(context, "naïve needle", path="marked.txt").matches) == 30
    assert places(search(context, "^première", regex=True))[0] == ("marked.txt", 1)
    assert len(all_pages(context, "naïve needle", path="marked.txt", max_results=7)) == 30


@pytest.mark.parametrize("mode", ["matches", "files", "counts"])
def test_a_full_page_leaves_files_of_wide_characters_to_the_next(context: Context, root: Path, mode: str) -> None:
    for name in ("f1", "f2", "f3"):
        (root / name).write_text("needle\nnothing\nneedle\n", encoding="utf-16" if name != "f2" else "utf-8")
    whole = search(context, "needle", mode=mode).matches
    assert len(whole) == (6 if mode == "matches" else 3)
    for size in range(1, 6):
        assert all_pages(context, "needle", mode=mode, max_results=size) == whole


@pytest.mark.parametrize("mode", ["matches", "files", "counts"])
def test_a_file_of_wide_characters_is_given_up_only_if_a_whole_call_is_too_short(
    space: Space, make_context: MakeContext, root: Path, mode: str
) -> None:
    (root / "wide.txt").write_text("nothing\n" * 100_000 + "needle\n", encoding="utf-16")
    late = make_context(space, seconds=-1.0)
    first = search(late, "needle", path="wide.txt", mode=mode)
    assert (first.matches, first.skipped) == ([], msgspec.UNSET)
    rest = search(make_context(space), "needle", path="wide.txt", mode=mode, cursor=first.next_cursor)
    assert [match.path for match in rest.matches] == ["wide.txt"]
    again = search(late, "needle", path="wide.txt", mode=mode, cursor=first.next_cursor)
    assert (again.matches, again.truncated, again.skipped) == ([], False, 1)


def test_lines_are_clipped_around_the_match_and_escaped(context: Context, root: Path) -> None:
    (root / "long.txt").write_bytes(b"\xc3\xa9" * 500_000 + b"needle" + "ü".encode() * 500_000)
    (root / "odd.txt").write_bytes(b"\x1b[2Jneedle\x00\xff\xe2\x80\xae end\r\n")
    by_path = {match.path: match.text for match in search(context, "needle", path="long.txt").matches}
    text = by_path["long.txt"]
    assert isinstance(text, str)
    assert text.startswith("…éé")
    assert text.endswith("üü…")
    assert "needle" in text
    assert len(text) < 420
    (root / "odd.txt").write_bytes(b"x" * 9000 + b"\n\x1b[2Jneedle\x00\xff\xe2\x80\xae end\r\n")
    (odd,) = search(context, "needle", path="odd.txt").matches
    assert odd.text == r"\x1B[2Jneedle\x00\xFF\xE2\x80\xAE end"


def test_closed_files_are_invisible(open_space: OpenSpace, make_context: MakeContext, root: Path) -> None:
    for path in ("secrets/key.txt", ".env", "open.txt", "sub/token"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("needle\n")
    os.link(root / "sub" / "token", root / "other-name")
    state = (root / "sub" / "token").stat()
    space = open_space(deny=("secrets/**", ".env"), denied=frozenset({(state.st_dev, state.st_ino)}))
    context = make_context(space)
    for mode in ("matches", "files", "counts"):
        found = search(context, "needle", show_hidden=True, mode=mode)
        assert [match.path for match in found.matches] == ["open.txt"]
        assert found.skipped is msgspec.UNSET
    for path in ("secrets", "secrets/key.txt", ".env", "sub/token", "other-name"):
        with pytest.raises(ToolFailure) as refused:
            search(context, "needle", path=path)
        assert refused.value.code is Code.ACCESS_DENIED


def test_files_of_several_names_are_closed_where_the_root_says_so(make_context: MakeContext, root: Path) -> None:
    (root / "one.txt").write_text("needle\n")
    (root / "two.txt").write_text("needle\n")
    os.link(root / "two.txt", root / "sub" / "three.txt")
    strict = open_root("R", str(root), refuses_hard_links=True)
    try:
        context = make_context(Space((strict,)))
        assert places(search(context, "needle")) == [("one.txt", 1)]
        for path in ("two.txt", "sub/three.txt"):
            with pytest.raises(ToolFailure):
                search(context, "needle", path=path)
    finally:
        os.close(strict.fd)


BEHIND_NUL = b"y" * 9000 + b"\0" + b"z\n" * 9000 + b"needle\n"
"""A text all the same, as its beginning tells."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.sampled_from(
            [b"needle\n", b"nothing\n", b"x\0needle\n", b"\0", b"needle\n" + b"y" * 9000 + b"\0", BEHIND_NUL, b""]
        ),
        max_size=9,
    ),
    regex=st.booleans(),
)
@example(contents=[BEHIND_NUL, b"\0", BEHIND_NUL], regex=False)
@example(contents=[100 * BEHIND_NUL], regex=False)
def test_text_among_binary_files_is_found(
    tmp_path_factory: pytest.TempPathFactory, make_context: MakeContext, contents: list[bytes], regex: bool
) -> None:
    top = tmp_path_factory.mktemp("mixed")
    for number, content in enumerate(contents):
        (top / f"{number}").write_bytes(content)
    root = open_root("main", str(top))
    found = search(make_context(Space([root])), "need[l]e" if regex else "needle", regex=regex, mode="files")
    os.close(root.fd)
    assert [match.path for match in found.matches] == [
        f"{number}" for number, content in enumerate(contents) if b"needle" in content and b"\0" not in content[:8192]
    ]
    assert found.files_searched == len(contents)
    assert (found.binary or 0) == sum(b"\0" in content[:8192] for content in contents)


def test_a_closed_object_that_is_swapped_in_is_not_shown(
    open_space: OpenSpace, make_context: MakeContext, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing and the look the name comes to mean another object, as a race would have it."""
    (root / "token").write_text("needle\n")
    (root / "plain.txt").write_text("harmless\n")
    state = (root / "token").stat()
    space = open_space(denied=frozenset({(state.st_dev, state.st_ino)}))
    candidates = FirstLook.candidates

    def swap(self: FirstLook, folder_fd: int, names: Sequence[bytes]) -> Iterator[bytes]:
        if b"plain.txt" in names:
            os.replace(root / "plain.txt", root / "gone.txt")
            os.link(root / "token", root / "plain.txt")
        return candidates(self, folder_fd, names)

    monkeypatch.setattr(FirstLook, "candidates", swap)
    assert search(make_context(space), "needle").matches == []
    monkeypatch.undo()
    with pytest.raises(ToolFailure):
        search(make_context(space), "needle", path="plain.txt")


def test_links_pipes_and_unreadable_files_do_no_harm(context: Context, root: Path, places: Any) -> None:
    (root / "a.txt").write_text("needle\n")
    (root / "inner").symlink_to("a.txt")
    (root / "outer").symlink_to(places.outside / "canary.txt")
    (root / "folder").symlink_to(places.outside)
    os.mkfifo(root / "pipe")
    found = search(context, "needle|canary|[0-9a-f]{64}", regex=True)
    assert [match.path for match in found.matches] == ["a.txt"]
    assert [match.path for match in search(context, "needle", path="inner").matches] == ["a.txt"]
    for path in ("outer", "folder", "pipe"):
        with pytest.raises(ToolFailure):
            search(context, "needle", path=path)


def test_the_deadline_gives_what_there_is_and_a_way_on(space: Space, make_context: MakeContext, root: Path) -> None:
    for folder in range(30):
        (root / f"d{folder:02}").mkdir()
        for name in range(5):
            (root / f"d{folder:02}" / f"f{name}.txt").write_text("nothing\nneedle\n")
    (root / "d07" / "large.txt").write_text("needle\n" + "nothing\n" * 200_000 + "needle\n")
    whole = all_pages(make_context(space), "needle", max_results=1000)
    assert len(whole) == 152
    late = make_context(space, seconds=-1.0)
    found: list[Match] = []
    cursor: str | None = None
    pages = 0
    while True:
        page = search(late, "needle", cursor=cursor)
        found += page.matches
        pages += 1
        if isinstance(page.next_cursor, msgspec.UnsetType):
            break
        assert page.next_cursor != cursor, "a page made no progress"
        cursor = page.next_cursor
    assert found == whole
    assert pages > 30
    counted = 0
    cursor = None
    while True:
        page = search(late, "needle", cursor=cursor, mode="counts")
        counted += sum(match.count for match in page.matches if isinstance(match.count, int))
        if isinstance(page.next_cursor, msgspec.UnsetType):
            break
        cursor = page.next_cursor
    assert counted == 152


@pytest.mark.parametrize(
    "cursor", ["", "AAAA", "../../etc", "\x00", "kwAAkcQB", "lAAAkcQBYcA", "x" * 20_000], ids=range(7)
)
def test_o14_a_cursor_that_is_not_ours_is_refused(context: Context, forest: Path, cursor: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        search(context, "token", cursor=cursor)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_a_cursor_belongs_to_its_arguments(context: Context, forest: Path) -> None:
    cursor = search(context, "token", max_results=1).next_cursor
    assert search(context, "token", max_results=5, cursor=cursor).total == 5
    others: list[Json] = [{"regex": True}, {"path": "src"}, {"show_hidden": True}, {"glob": "*.py"}]
    for other in others:
        with pytest.raises(ToolFailure):
            search(context, "token", cursor=cursor, **other)


def test_all_roots_are_searched_in_order(
    open_space: OpenSpace, make_context: MakeContext, root: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    for folder in (root, second):
        for name in ("x.txt", "y.txt"):
            (folder / name).write_text("needle\nneedle\n")
    context = make_context(open_space(open_root("A", str(root)), open_root("B", str(second))))
    paths = [f"{top}/{name}" for top in "AB" for name in ("x.txt", "y.txt")]
    expected = [(path, line) for path in paths for line in (1, 2)]
    for size in (1, 3, 5, 100):
        matches = all_pages(context, "needle", max_results=size)
        assert [(match.path, match.line) for match in matches] == expected


def test_a_long_search_reports_where_it_is(space: Space, make_context: MakeContext, forest: Path) -> None:
    heard: list[tuple[float, str | None]] = []

    def hear(frame: bytes) -> None:
        progress = unpack_from_worker(frame)
        assert isinstance(progress, Progress)
        heard.append((progress.done, progress.message))

    reporter = Reporter(hear, 1, wants_progress=True, log_level=None)
    context = msgspec.structs.replace(make_context(space), reporter=reporter)
    search(context, "token")
    assert heard == [], "a search that is done at once says nothing"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("filewarden.workers.searching.scan_progress.QUIET_S", 0.0)
        patch.setattr("filewarden.workers.reporter.BURST", 1000.0)
        search(context, "token")
    assert heard
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert "files" in str(heard[-1][1])
    assert "folders" in str(heard[-1][1])
    assert any("src/pkg" in str(message) for _, message in heard), heard


def test_memory_does_not_grow_with_what_is_searched(space: Space, make_context: MakeContext, root: Path) -> None:
    import tracemalloc

    with (root / "line.txt").open("wb") as file:
        for _ in range(30):
            file.write(b"y" * 1_000_000)
        file.write(b"needle")
    (root / "hits.txt").write_bytes(b"hit\n" * 100_000)
    context = make_context(space)
    search(context, "warm")
    tracemalloc.start()
    try:
        (found,) = search(context, "needle", path="line.txt").matches
        assert found.line == 1
        assert search(context, "hit", path="hits.txt").total == 100
        (counted,) = search(context, "hit", mode="counts", path="hits.txt").matches
        assert counted.count == 100_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
