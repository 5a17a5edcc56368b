"""Files of several names: served as they are, or closed where the operator says so."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import get_file_info, list_directory, read_file, search_files

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]


@pytest.fixture
def linked(root: Path) -> Path:
    """A root with second names of a file outside, of a denied one, and of one of its own."""
    (root / "outer").hardlink_to(root.parent / "OUT" / "canary.txt")
    (root / ".env").write_text("key")
    (root / "ok").hardlink_to(root / ".env")
    (root / "twin").hardlink_to(root / "a.txt")
    (root / "link").symlink_to("outer")
    return root


def refusals(context: Context, path: str) -> set[Code | None]:
    """What each tool says of one file."""
    found: set[Code | None] = set()
    for attempt in (
        lambda: read_file.run(context, read_file.ReadFile(path=path)),
        lambda: read_file.run(context, read_file.ReadFile(path=path, tail=1)),
        lambda: get_file_info.run(context, get_file_info.GetFileInfo(path=path)),
    ):
        try:
            attempt()
        except ToolFailure as failure:
            is_usual = failure.message.startswith(f"Access denied: '{path}' is outside the allowed folders or closed")
            found.add(failure.code if is_usual else Code.IO_ERROR)
        else:
            found.add(None)
    return found


def seen(context: Context) -> set[str]:
    names: set[str] = set()
    for listed in (
        list_directory.ListDirectory(show_hidden=True),
        list_directory.ListDirectory(show_hidden=True, sort_by="size"),
        list_directory.ListDirectory(show_hidden=True, sort_by="modified"),
    ):
        names |= {entry.name for entry in list_directory.run(context, listed).unfold().entries}
    for searched in (
        search_files.SearchFiles(pattern="*", recursive=True, respect_gitignore=False),
        search_files.SearchFiles(pattern="*", respect_gitignore=False),
    ):
        names |= {match.path for match in search_files.run(context, searched).matches}
    return names


def test_l17_hard_links_are_ordinary_files_by_default(
    linked: Path, open_space: OpenSpace, make_context: MakeContext
) -> None:
    context = make_context(open_space(deny=(".env",)))
    for path in ("outer", "ok", "twin", "a.txt", "link"):
        assert refusals(context, path) == {None}
    assert seen(context) >= {"outer", "ok", "twin", "a.txt", "link"}


def test_l17_l18_where_they_are_refused_no_tool_shows_them(
    linked: Path, open_space: OpenSpace, make_context: MakeContext
) -> None:
    context = make_context(open_space(open_root("R", str(linked), deny=(".env",), refuses_hard_links=True)))
    for path in ("outer", "ok", "twin", "a.txt", "link", ".env", str(linked / "outer"), "sub/../outer"):
        assert refusals(context, path) == {Code.ACCESS_DENIED}
    assert refusals(context, "sub/b.py") == {None}
    assert seen(context) == {"sub", "sub/b.py", "sub/deep/c.py"}


def test_folders_have_many_names_and_are_not_meant(root: Path, open_space: OpenSpace) -> None:
    space = open_space(open_root("R", str(root), refuses_hard_links=True))
    assert (root / "sub").stat().st_nlink > 1
    space.open_directory("sub").close()


def test_a_file_is_served_again_when_its_other_name_is_gone(
    root: Path, open_space: OpenSpace, make_context: MakeContext
) -> None:
    context = make_context(open_space(open_root("R", str(root), refuses_hard_links=True)))
    (root / "twin").hardlink_to(root / "a.txt")
    assert refusals(context, "a.txt") == {Code.ACCESS_DENIED}
    assert "a.txt" not in seen(context)
    (root / "twin").unlink()
    assert refusals(context, "a.txt") == {None}
    assert "a.txt" in seen(context)


@pytest.mark.parametrize("strict", ["outer", "inner"])
def test_c14_of_overlapping_roots_the_stricter_one_decides(
    linked: Path, open_space: OpenSpace, make_context: MakeContext, strict: str
) -> None:
    (linked / "sub" / "twin").hardlink_to(linked / "sub" / "b.py")
    outer = open_root("outer", str(linked), refuses_hard_links=strict == "outer")
    inner = open_root("inner", str(linked / "sub"), refuses_hard_links=strict == "inner")
    context = make_context(open_space(outer, inner))
    for path in ("outer/sub/b.py", "inner/b.py", str(linked / "sub" / "b.py")):
        assert refusals(context, path) == {Code.ACCESS_DENIED}
    assert refusals(context, "outer/a.txt") == ({Code.ACCESS_DENIED} if strict == "outer" else {None})


def test_s08_the_rules_in_a_closed_ignore_file_do_not_tell_what_it_says(
    root: Path, open_space: OpenSpace, make_context: MakeContext
) -> None:
    (root.parent / "OUT" / "words").write_text("a.txt\n")
    os.link(root.parent / "OUT" / "words", root / ".gitignore")
    arguments = search_files.SearchFiles(pattern="*.txt", recursive=True)
    for top, expected in (
        (open_root("R", str(root)), []),
        (open_root("R", str(root), refuses_hard_links=True), ["a.txt"]),
        (open_root("R", str(root), deny=(".gitignore",)), ["a.txt"]),
    ):
        found = search_files.run(make_context(open_space(top)), arguments)
        assert [match.path for match in found.matches] == expected
