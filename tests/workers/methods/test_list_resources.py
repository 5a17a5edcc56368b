import os
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers import cursors
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.methods.list_resources import MOST_IN_A_ROOT, run
from filewarden.workers.operations import ListResources, Resource
from filewarden.workers.paths.file_uris import uri_of
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]


def uri(path: Path) -> str:
    return uri_of(os.fsencode(os.path.realpath(path.parent)) + b"/" + os.fsencode(path.name))


def everything(context: Context) -> list[Resource]:
    found: list[Resource] = []
    cursor: str | None = None
    for _ in range(1000):
        page = run(context, ListResources(cursor))
        found += page.resources
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the list has no end")


def test_a_root_and_its_first_level_are_listed(context: Context, root: Path) -> None:
    page = run(context, ListResources())
    assert page.next_cursor is None
    described, text, folder = page.resources
    assert (described.uri, described.name, described.mime_type) == (uri(root), "R", "inode/directory")
    assert text == Resource(uri=uri(root / "a.txt"), name="a.txt", mime_type="text/plain", size=6)
    assert folder == Resource(uri=uri(root / "sub"), name="sub", mime_type="inode/directory")


def test_dotted_special_and_closed_names_are_left_out(
    open_space: OpenSpace, make_context: MakeContext, root: Path
) -> None:
    (root / ".hidden").write_text("x")
    (root / "closed").mkdir()
    (root / "key").write_text("x")
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to("../OUT/canary.txt")
    (root / "in").symlink_to("a.txt")
    key = (root / "key").stat()
    space = open_space(deny=("closed",), denied=frozenset({(key.st_dev, key.st_ino)}))
    names = [each.name for each in everything(make_context(space))]
    assert names == ["R", "a.txt", "in", "sub"]


def test_a_name_that_is_not_utf_8_has_an_address(context: Context, root: Path) -> None:
    (root / os.fsdecode(b"\xff%.md")).write_text("x")
    found = next(each for each in everything(context) if each.mime_type == "text/markdown")
    assert (found.name, found.uri) == ("\\xFF%.md", uri(root) + "/%FF%25.md")


@pytest.mark.parametrize("max_answer_chars", [1000, 40_000])
def test_pages_give_everything_once_and_in_order(
    max_answer_chars: int, open_space: OpenSpace, make_context: MakeContext, root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "Q"
    other.mkdir()
    for number in range(150):
        (root / f"f{number:03}").touch()
        (other / f"g{number:03}").touch()
    space = open_space(open_root("R", str(root)), open_root("Q", str(other)))
    context = make_context(space, max_answer_chars=max_answer_chars)
    first = run(context, ListResources())
    assert first.next_cursor is not None
    assert len(first.resources) <= 100
    found = [each.name for each in everything(context)]
    assert found == ["R", "a.txt", *(f"f{n:03}" for n in range(150)), "sub", "Q", *(f"g{n:03}" for n in range(150))]


def test_a_page_goes_on_where_the_last_entry_is_gone(context: Context, root: Path) -> None:
    for number in range(150):
        (root / f"f{number:03}").touch()
    first = run(context, ListResources())
    (root / first.resources[-1].name).unlink()
    second = run(context, ListResources(first.next_cursor))
    assert second.resources[0].name > first.resources[-1].name
    assert len(first.resources) + len(second.resources) == 153


def test_the_list_has_an_end_in_a_huge_folder(context: Context, root: Path) -> None:
    for number in range(MOST_IN_A_ROOT + 50):
        (root / f"f{number:05}").touch()
    assert len(everything(context)) == MOST_IN_A_ROOT + 1


@pytest.mark.parametrize("cursor", ["", "x", "!!!!", cursors.write(Resource(uri="u", name="n"))])
def test_a_foreign_cursor_is_refused(context: Context, cursor: str) -> None:
    with pytest.raises(ToolFailure) as refused:
        run(context, ListResources(cursor))
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_a_root_that_is_gone_is_no_failure(context: Context, root: Path) -> None:
    moved = root.with_name("moved")
    root.rename(moved)
    for path in sorted(moved.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    moved.rmdir()
    assert [each.name for each in everything(context)] == ["R"]
