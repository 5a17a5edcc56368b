import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching import tree
from filewarden.workers.tools.directory_tree import TOOL, DirectoryTree, TreeText, run

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]


def show(context: Context, **arguments: object) -> TreeText:
    return run(context, msgspec.convert(arguments, DirectoryTree))


def lines(context: Context, **arguments: object) -> list[str]:
    return show(context, **arguments).tree.split("\n")


@pytest.fixture
def forest(root: Path) -> Path:
    for path in ("src/pkg/deep/deeper/x.py", "src/pkg/one.py", "src/two.py", "docs/guide.md", ".hidden/secret"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "empty").mkdir()
    return root


def test_a_tree_is_indented_text_with_counts_of_what_is_deeper(context: Context, forest: Path) -> None:
    found = show(context)
    assert found.tree.split("\n") == [
        "docs/",
        "  guide.md",
        "empty/",
        "src/",
        "  pkg/",
        "    deep/ … 1 file, 1 folder",
        "    one.py",
        "  two.py",
        "sub/",
        "  deep/",
        "    c.py",
        "  b.py",
        "a.txt",
    ]
    assert (found.path, found.folders, found.files, found.truncated) == (".", 7, 6, False)
    assert lines(context, depth=1) == [
        "docs/ … 1 file",
        "empty/ … empty",
        "src/ … 3 files, 3 folders",
        "sub/ … 2 files, 1 folder",
        "a.txt",
    ]
    assert lines(context, path="src/pkg", depth=9) == ["deep/", "  deeper/", "    x.py", "one.py"]


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"exclude": ["pkg"]}, {"pkg/", "one.py"}),
        ({"exclude": ["src/pkg/**"]}, {"pkg/", "one.py"}),
        ({"exclude": ["src/pkg/one.py"]}, {"one.py"}),
        ({"exclude": ["*.py"]}, {"one.py", "two.py", "b.py", "c.py"}),
        ({"exclude": ["pkg/one.py"], "path": "src"}, {"one.py"}),
    ],
)
def test_excluded_names_are_relative_to_the_tree(
    context: Context, forest: Path, arguments: dict[str, Any], missing: set[str]
) -> None:
    everything = lines(context, path=arguments.get("path", "."))
    left = lines(context, **arguments)
    named = {line.strip().split(" … ")[0] for line in everything} - {line.strip().split(" … ")[0] for line in left}
    assert named - {"deep/", "c.py"} >= missing - {"c.py"}
    assert not {line.strip() for line in left} & missing


def test_folded_folders_count_what_would_be_shown(context: Context, forest: Path) -> None:
    assert "src/ … 1 file" in lines(context, depth=1, exclude=["src/pkg"])
    (forest / "src" / ".gitignore").write_text("*.py\n!one.py\n")
    assert "src/ … 1 file, 3 folders" in lines(context, depth=1)
    assert "src/ … 4 files, 3 folders" in lines(context, depth=1, respect_gitignore=False, show_hidden=True)


def test_hidden_and_ignored_names_are_shown_on_demand(context: Context, forest: Path) -> None:
    (forest / ".gitignore").write_text("docs/\n")
    assert {".hidden/", ".gitignore", "docs/"} & {line.strip() for line in lines(context)} == set()
    assert ".hidden/" in lines(context, show_hidden=True)
    assert "docs/" in lines(context, respect_gitignore=False)


def test_closed_names_are_neither_shown_nor_counted(
    open_space: OpenSpace, make_context: MakeContext, forest: Path
) -> None:
    state = (forest / "docs").stat()
    space = open_space(deny=("src/pkg/**", "b.*"), denied=frozenset({(state.st_dev, state.st_ino)}))
    context = make_context(space)
    assert lines(context) == ["empty/", "src/", "  two.py", "sub/", "  deep/", "    c.py", "a.txt"]
    assert lines(context, depth=1) == ["empty/ … empty", "src/ … 1 file", "sub/ … 1 file, 1 folder", "a.txt"]
    for path in ("docs", "src/pkg"):
        with pytest.raises(ToolFailure) as refused:
            show(context, path=path)
        assert refused.value.code is Code.ACCESS_DENIED


def test_hard_links_are_left_out_where_they_are_closed(make_context: MakeContext, forest: Path) -> None:
    os.link(forest / "src" / "two.py", forest / "src" / "twin.py")
    strict = open_root("R", str(forest), refuses_hard_links=True)
    try:
        context = make_context(Space((strict,)))
        assert lines(context, path="src") == ["pkg/", "  deep/", "    deeper/ … 1 file", "  one.py"]
        assert "src/ … 2 files, 3 folders" in lines(context, depth=1)
    finally:
        os.close(strict.fd)


def test_links_are_marked_and_not_entered(context: Context, forest: Path, places: Any) -> None:
    (forest / "out").symlink_to(places.outside)
    (forest / "inner").symlink_to("src")
    os.mkfifo(forest / "pipe")
    assert lines(context, depth=1)[-4:] == ["a.txt", "inner@", "out@", "pipe"]


def test_names_cannot_forge_lines(context: Context, root: Path) -> None:
    names = ["a\nforged.txt", "b\x1b[2J", "c\u202e", os.fsdecode(b"d\xff")]
    for name in names:
        (root / name).mkdir()
        (root / name / name).touch()
    shown = lines(context, depth=2)
    assert len(shown) == 2 * len(names) + len(["sub/", "deep/", "b.py", "a.txt"])
    assert all(line.isprintable() for line in shown)
    assert r"a\x0Aforged.txt/" in shown
    assert lines(context, path=r"d\xFF") == [r"d\xFF"]


@pytest.mark.parametrize("chars", [600, 1000, 3000, 10_000])
def test_the_answer_keeps_to_its_budget_and_upper_levels_come_first(
    space: Space, make_context: MakeContext, root: Path, chars: int
) -> None:
    for top in range(8):
        for middle in range(6):
            folder = root / f"top{top}" / f"mid{middle}" / 'q"\\'
            folder.mkdir(parents=True)
            for name in range(10):
                (folder / f"file-{name:03}").touch()
    found = show(make_context(space, max_answer_chars=chars), depth=9)
    assert len(msgspec.json.encode(found).decode()) <= chars + 350
    assert found.truncated
    assert isinstance(found.note, str)
    tops = [line for line in found.tree.split("\n") if line.startswith("top")]
    shown = len(tops)
    if shown < 8:
        assert chars < 1000
        assert found.tree.split("\n")[-1] == f"… and 1 file, {9 - shown} folders more"
    assert any("…" in line for line in found.tree.split("\n"))


def test_a_huge_folder_is_cut_and_told(context: Context, root: Path) -> None:
    for name in range(1000):
        (root / "sub" / f"f{name:04}").touch()
    shown = lines(context, path="sub")
    assert shown[-1] == "… and 801 files more"
    assert len([line for line in shown if line.startswith("f")]) == tree.MOST_FILES - 1
    assert show(context, path="sub").truncated


def test_so_many_folders_are_shown(space: Space, make_context: MakeContext, root: Path) -> None:
    for name in range(30):
        (root / "sub" / f"d{name:02}").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "MOST_FOLDERS", 10)
        found = show(make_context(space), path="sub", depth=2)
    assert found.tree.split("\n")[-2:] == ["b.py", "… and 21 folders more"]
    assert (found.folders, found.truncated) == (10, True)


def test_all_roots_are_shown(open_space: OpenSpace, make_context: MakeContext, root: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    (second / "in").mkdir(parents=True)
    context = make_context(open_space(open_root("A", str(root)), open_root("B", str(second))))
    assert lines(context, depth=2) == ["A/", "  sub/ … 2 files, 1 folder", "  a.txt", "B/", "  in/ … empty"]
    assert lines(context, path="B") == ["in/"]


def test_the_deadline_leaves_a_tree_without_counts(space: Space, make_context: MakeContext, forest: Path) -> None:
    found = show(make_context(space, seconds=-1.0))
    assert found.truncated
    assert found.tree == ""
    late = show(make_context(space, seconds=60.0), depth=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "COUNT_S", -1.0)
        uncounted = show(make_context(space), depth=1)
    assert len(uncounted.tree.split("\n")) == len(late.tree.split("\n"))
    assert "sub/ … at least 1 file, 1 folder" in uncounted.tree


def test_the_spelling_of_the_reference_server_is_known() -> None:
    assert TOOL.aliases == {"excludePatterns": "exclude"}
