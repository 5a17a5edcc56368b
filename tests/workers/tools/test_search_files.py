import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tool import Lane
from filewarden.workers.tools.search_files import TOOL, Found, SearchFiles, lane, run

MakeContext = Callable[..., Context]


def search(context: Context, pattern: str, **arguments: object) -> Found:
    return run(context, msgspec.convert({"pattern": pattern, **arguments}, SearchFiles))


def paths(context: Context, pattern: str, **arguments: object) -> list[str]:
    found = search(context, pattern, **arguments)
    assert found.total == len(found.matches)
    return [match.path for match in found.matches]


def all_pages(context: Context, pattern: str, **arguments: object) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = search(context, pattern, cursor=cursor, **arguments)
        found += [match.path for match in page.matches]
        assert page.truncated == (page.next_cursor is not msgspec.UNSET)
        if isinstance(page.next_cursor, msgspec.UnsetType):
            return found
        cursor = page.next_cursor


@pytest.fixture
def forest(root: Path) -> Path:
    for folder in ("src", "src/pkg", "docs", ".hidden"):
        (root / folder).mkdir()
        for name in ("one.py", "two.py", "note.md", ".dot.py"):
            (root / folder / name).touch()
    return root


def test_a_match_has_exactly_these_fields(context: Context, root: Path) -> None:
    os.utime(root / "sub" / "b.py", (1_000_000_000, 1_000_000_000))
    assert msgspec.to_builtins(search(context, "b.*", path="sub")) == {
        "pattern": "b.*",
        "total": 1,
        "truncated": False,
        "matches": [{"path": "sub/b.py", "name": "b.py", "size": 6, "modified": 1_000_000_000}],
    }


@pytest.mark.parametrize(
    ("pattern", "arguments", "expected"),
    [
        ("*.py", {}, []),
        ("*.py", {"path": "src"}, ["src/.dot.py", "src/one.py", "src/two.py"]),
        ("src/o*.py", {}, ["src/one.py"]),
        ("*/one.py", {}, [".hidden/one.py", "docs/one.py", "src/one.py"]),
        ("one.py", {"path": "src", "recursive": True}, ["src/one.py", "src/pkg/one.py"]),
        ("**/one.py", {"path": "src"}, ["src/one.py", "src/pkg/one.py"]),
        ("pkg/one.py", {"recursive": True}, ["src/pkg/one.py"]),
        ("src/**", {}, [*(f"src/{n}" for n in (".dot.py", "note.md", "one.py", "two.py")), "src/pkg/.dot.py"]),
        ("{one,two}.py", {"path": "docs"}, ["docs/one.py", "docs/two.py"]),
        ("[!a-s]*.py", {"path": "docs"}, ["docs/.dot.py", "docs/two.py"]),
        ("--pre=*", {"recursive": True}, []),
        ("deep", {"recursive": True}, []),
    ],
)
def test_globs_find_regular_files(
    context: Context, forest: Path, pattern: str, arguments: dict[str, object], expected: list[str]
) -> None:
    assert paths(context, pattern, **arguments)[:5] == expected


def test_excluded_folders_and_files_are_left_out(context: Context, forest: Path) -> None:
    found = paths(context, "*.py", recursive=True, exclude=["pkg", ".hidden/**", "docs/t*", ".dot.py"])
    assert found == ["docs/one.py", "src/one.py", "src/two.py", "sub/b.py", "sub/deep/c.py"]


@pytest.mark.parametrize(
    ("arguments", "is_respected"),
    [
        ({"recursive": True}, True),
        ({"recursive": True, "respect_gitignore": False}, False),
        ({}, False),
        ({"respect_gitignore": True}, True),
    ],
)
def test_gitignore_is_respected_when_recursive_or_asked_for(
    context: Context, root: Path, arguments: dict[str, object], is_respected: bool
) -> None:
    (root / ".gitignore").write_text("a.*\n")
    assert (paths(context, "a.txt", **arguments) == []) == is_respected


def test_pages_hold_every_match_once(context: Context, forest: Path) -> None:
    whole = paths(context, "*.py", recursive=True)
    assert len(whole) == 14
    assert all_pages(context, "*.py", recursive=True, max_results=3) == whole
    assert all_pages(context, "*.py", recursive=True, max_results=14) == whole
    assert not search(context, "*.py", recursive=True, max_results=14).truncated


def test_results_stop_at_the_ceiling_and_at_the_budget(space: Space, make_context: MakeContext, root: Path) -> None:
    for number in range(250):
        (root / f"f{number:03}").touch()
    assert search(make_context(space), "f*", max_results=10_000).total == 200
    assert search(make_context(space), "f*").total == 20
    small = make_context(space, max_answer_chars=2000)
    page = search(small, "f*", max_results=200)
    assert page.truncated
    assert len(msgspec.json.encode(page)) <= 2000
    assert len(all_pages(small, "f*", max_results=200)) == 250


def test_s09_past_the_deadline_a_search_gives_what_it_has(
    space: Space, make_context: MakeContext, forest: Path
) -> None:
    whole = paths(make_context(space), "*.py", recursive=True)
    hurried = make_context(space, seconds=-1.0)
    first = search(hurried, "*.py", recursive=True)
    assert first.truncated
    assert first.total < len(whole)
    assert all_pages(hurried, "*.py", recursive=True) == whole


def test_o14_a_cursor_belongs_to_its_arguments(context: Context, forest: Path) -> None:
    cursor = search(context, "*.py", recursive=True, max_results=1).next_cursor
    for pattern, arguments in (
        ("*.md", {"recursive": True}),
        ("*.py", {}),
        ("*.py", {"recursive": True, "path": "src"}),
    ):
        with pytest.raises(ToolFailure) as refused:
            search(context, pattern, cursor=cursor, **arguments)
        assert refused.value.code is Code.INVALID_ARGUMENT


def test_l09_links_to_files_count_and_l15_others_do_not(context: Context, root: Path) -> None:
    (root / "inner.py").symlink_to("sub/b.py")
    (root / "folder.py").symlink_to("sub")
    (root / "out.py").symlink_to("../OUT/canary.txt")
    (root / "outside").symlink_to("../OUT")
    (root / "dangling.py").symlink_to("none")
    (root / "pipe_link.py").symlink_to("p")
    os.mkfifo(root / "p")
    os.mkfifo(root / "p.py")
    assert paths(context, "*", recursive=True) == ["a.txt", "inner.py", "sub/b.py", "sub/deep/c.py"]


def test_l05_a_loop_is_walked_once(context: Context, root: Path) -> None:
    (root / "s").symlink_to(".")
    (root / "sub" / "up").symlink_to("..")
    assert paths(context, "c.py", recursive=True) == ["sub/deep/c.py"]


def test_c07_l11_denied_objects_are_not_found(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    (root / ".env").touch()
    (root / "ok").symlink_to(".env")
    (root / "secrets").mkdir()
    (root / "secrets" / "key").touch()
    state = (root / "a.txt").stat()
    context = make_context(open_space(deny=(".env", "secrets/**"), denied=frozenset({(state.st_dev, state.st_ino)})))
    for pattern in ("**", ".e?v", "*", "secrets/*", "{.env,ok,key,a.txt}"):
        found = paths(context, pattern, recursive=True)
        assert not {"a.txt", ".env", "ok", "secrets/key"} & set(found)


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "**/../../OUT/*", "", "{a,b}" * 20])
def test_s04_s05_a_pattern_that_climbs_is_refused(context: Context, pattern: str) -> None:
    with pytest.raises((ToolFailure, msgspec.ValidationError)):
        search(context, pattern)


def test_s08_hostile_ignore_files_are_bounded(context: Context, root: Path) -> None:
    (root / ".gitignore").write_text("\n".join(["*a" * 100 + "b", "**/" * 200 + "x", "!../OUT", "/", "[" * 500]))
    (root / "sub" / ".gitignore").symlink_to("../../OUT/canary.txt")
    os.mkfifo(root / "sub" / "deep" / ".gitignore")
    (root / ("a" * 200)).touch()
    begun = time.process_time()
    assert len(paths(context, "*", recursive=True)) == 5
    assert time.process_time() - begun < 1.0


def test_p35_names_that_are_no_text_are_found(context: Context, root: Path) -> None:
    with open(os.fsencode(root) + b"/caf\xe9.txt", "w", encoding="ascii"):
        pass
    assert paths(context, "caf*") == [r"caf\xE9.txt"]
    assert paths(context, r"caf\xe9.*") == [r"caf\xE9.txt"]
    assert paths(context, "caf?.txt") == [r"caf\xE9.txt"]


def test_all_roots_are_searched_in_order(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "x.py").touch()
    (root / "y.py").touch()
    space = open_space(open_root("one", str(root)), open_root("two", str(other)))
    context = make_context(space)
    assert paths(context, "*.py") == ["one/y.py", "two/x.py"]
    assert all_pages(context, "*.py", recursive=True, max_results=1) == [
        "one/y.py",
        "one/sub/b.py",
        "one/sub/deep/c.py",
        "two/x.py",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (SearchFiles(pattern="*.py"), Lane.QUICK),
        (SearchFiles(pattern="*.py", recursive=True), Lane.SCAN),
        (SearchFiles(pattern="**/*.py"), Lane.SCAN),
    ],
)
def test_walks_wait_in_the_scan_lane(arguments: SearchFiles, expected: Lane) -> None:
    assert lane(arguments) is expected
    assert TOOL.scans


@pytest.mark.parametrize(
    ("path", "code"), [("none", Code.NOT_FOUND), ("a.txt", Code.NOT_A_DIRECTORY), ("..", Code.ACCESS_DENIED)]
)
def test_what_is_no_folder_cannot_be_searched(context: Context, path: str, code: Code) -> None:
    with pytest.raises(ToolFailure) as refused:
        search(context, "*", path=path)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("pattern", "arguments", "expected"),
    [
        ("*.PY", {"path": "src"}, []),
        ("*.PY", {"path": "src", "ignore_case": True}, ["src/.dot.py", "src/one.py", "src/two.py"]),
        ("SRC/O*", {"ignore_case": True}, ["src/one.py"]),
        ("ÉTÉ*", {"ignore_case": True}, ["été.txt"]),
        ("[É]té*", {"ignore_case": True}, ["été.txt"]),
        ("été*", {}, ["été.txt"]),
        ("ÉTÉ*", {}, []),
        ("*.py", {"path": "src", "show_hidden": False}, ["src/one.py", "src/two.py"]),
        ("*/one.py", {"show_hidden": False}, ["docs/one.py", "src/one.py"]),
        ("*.md", {"recursive": True, "exclude": ["DOCS"], "ignore_case": True, "show_hidden": False}, ["src/note.md"]),
    ],
)
def test_case_and_hidden_names_are_as_asked_for(
    context: Context, forest: Path, pattern: str, arguments: dict[str, object], expected: list[str]
) -> None:
    (forest / "été.txt").touch()
    (forest / "src" / "pkg" / "note.md").unlink()
    assert paths(context, pattern, **arguments) == expected


@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_newest_come_first_on_every_page(context: Context, forest: Path, size: int) -> None:
    found = sorted(paths(context, "*", recursive=True, max_results=200))
    for number, path in enumerate(found):
        os.utime(forest / path, (1_000_000_000 + number // 2 * 7 % 11,) * 2)
    times = {path: (forest / path).stat().st_mtime_ns for path in found}
    newest = sorted(found, key=lambda path: (-times[path], tuple(path.encode().split(b"/"))))
    assert all_pages(context, "*", recursive=True, sort_by="newest", max_results=size) == newest


def test_the_newest_of_too_many_files_are_not_guessed(space: Space, make_context: MakeContext, forest: Path) -> None:
    with pytest.raises(ToolFailure) as refused:
        search(make_context(space, seconds=-1.0), "*", recursive=True, sort_by="newest")
    assert refused.value.code is Code.TIMEOUT


def test_a_cursor_belongs_to_its_order(context: Context, forest: Path) -> None:
    cursor = search(context, "*", recursive=True, max_results=2).next_cursor
    with pytest.raises(ToolFailure):
        search(context, "*", recursive=True, sort_by="newest", cursor=cursor)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_tree_of_300_000_entries_is_paged_through_as_find_sees_it(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    for folder in range(300):
        path = root / f"d{folder % 7}" / f"e{folder}"
        path.mkdir(parents=True)
        (path / "seed").touch()
        fd = os.open(path, os.O_RDONLY)
        for name in range(1000):
            os.link("seed", f"f{name:04}", src_dir_fd=fd, dst_dir_fd=fd)
        os.close(fd)
    listed = subprocess.run(["find", ".", "-type", "f", "-printf", "%P\\n"], cwd=root, capture_output=True, text=True)
    context = make_context(open_space(), max_answer_chars=4_000_000, max_results=20_000)
    found = all_pages(context, "*", recursive=True, max_results=20_000)
    assert sorted(found) == sorted(listed.stdout.split())
    assert len(found) > 300_000
