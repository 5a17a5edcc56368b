import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching import walk
from filewarden.workers.searching.walk import Filters, Walk


def never() -> bool:
    return False


def walked(space: Space, path: str = ".", filters: Filters | None = None, after: Names | None = None) -> list[str]:
    with space.open_directory(path) as start:
        folders = Walk(space, start, filters or Filters(), never, after).folders()
        return [os.fsdecode(b"/".join((*folder.names, name))) for folder in folders for name in folder.files]


@pytest.fixture
def forest(root: Path) -> Path:
    for folder in ("sub", "sub/deep", "sub/deep/x", "b", "b/y", "z"):
        (root / folder).mkdir(exist_ok=True)
        for name in ("1", "2", "c"):
            (root / folder / name).touch()
    return root


def test_files_come_before_folders_and_both_in_order(space: Space, forest: Path) -> None:
    assert walked(space) == [
        "a.txt",
        *("b/1", "b/2", "b/c", "b/y/1", "b/y/2", "b/y/c"),
        *("sub/1", "sub/2", "sub/b.py", "sub/c"),
        *("sub/deep/1", "sub/deep/2", "sub/deep/c", "sub/deep/c.py", "sub/deep/x/1", "sub/deep/x/2", "sub/deep/x/c"),
        *("z/1", "z/2", "z/c"),
    ]


def test_a_walk_goes_on_exactly_after_any_position(space: Space, forest: Path) -> None:
    everything = walked(space)
    for index, path in enumerate(everything):
        assert walked(space, after=tuple(path.encode().split(b"/"))) == everything[index + 1 :]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.lists(st.sampled_from([b"", b"a", b"b", b"sub", b"deep", b"zz", b"..", b"/"]), min_size=1, max_size=4))
def test_o14_a_forged_position_only_leaves_things_out(space: Space, forest: Path, after: list[bytes]) -> None:
    everything = walked(space)
    rest = walked(space, after=tuple(after))
    assert rest == [path for path in everything if path in set(rest)]


def test_a_position_whose_folder_is_gone_goes_on_behind_it(space: Space, forest: Path) -> None:
    assert walked(space, after=(b"c", b"none", b"x"))[0] == "sub/1"


def test_a_walk_stopped_at_any_moment_goes_on_without_a_gap(space: Space, forest: Path) -> None:
    found: list[str] = []
    after: Names | None = None
    for _ in range(20):
        with space.open_directory(".") as start:
            walk = Walk(space, start, Filters(), lambda: True, after)
            found += [os.fsdecode(b"/".join((*f.names, name))) for f in walk.folders() for name in f.files]
        after = walk.position
        if after is None:
            break
    assert found == walked(space)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.sets(st.lists(st.sampled_from(["a", ".b", "ab.py", "c.py", "d"]), min_size=1, max_size=4).map("/".join)),
    wanted=st.sampled_from(["", "b", ".py"]),
    hides_dotted=st.booleans(),
    stays=st.booleans(),
    denied=st.sampled_from([None, "a", "ab.py", "d/a"]),
)
@example(tree={"a", "c.py", "d/a"}, wanted="", hides_dotted=False, stays=False, denied="a")
def test_a_walk_finds_what_recursion_over_every_entry_finds(
    tmp_path_factory: pytest.TempPathFactory,
    tree: set[str],
    wanted: str,
    hides_dotted: bool,
    stays: bool,
    denied: str | None,
) -> None:
    place = tmp_path_factory.mktemp("tree")
    for path in sorted(tree, key=len, reverse=True):  # what lies above another is a folder already
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        if not (place / path).exists():
            (place / path).touch()
    closed = place / denied if denied is not None and (place / denied).exists() else None
    state = None if closed is None else closed.stat()

    def below(folder: Path) -> list[str]:
        seen = [one for one in sorted(folder.iterdir()) if one != closed and not (hides_dotted and one.name[0] == ".")]
        found = [str(one.relative_to(place)) for one in seen if not one.is_dir() and wanted in one.name]
        return found + [path for one in seen if one.is_dir() and not stays for path in below(one)]

    root = open_root("root", str(place))
    try:
        space = Space([root], frozenset() if state is None else frozenset({(state.st_dev, state.st_ino)}))
        raw = wanted.encode()
        filters = Filters(
            wants_name=(lambda name: raw in name) if wanted else None,
            fixed=raw,
            hides_dotted=hides_dotted,
            stays=stays,
        )
        assert walked(space, filters=filters) == below(place)
    finally:
        os.close(root.fd)


def test_links_are_shown_and_not_entered(space: Space, root: Path) -> None:
    (root / "loop").symlink_to(".")
    (root / "out").symlink_to("../OUT")
    (root / "sub" / "up").symlink_to("..")
    assert walked(space) == ["a.txt", "loop", "out", "sub/b.py", "sub/up", "sub/deep/c.py"]
    with space.open_directory(".") as start:
        first = next(Walk(space, start, Filters(), never).folders())
        assert first.links == {b"loop", b"out"}


def test_what_is_not_wanted_is_left_out(space: Space, forest: Path) -> None:
    filters = Filters(
        wants_name=lambda name: name == b"c",
        enters=lambda depth, name: not (depth == 0 and name == b"z"),
        excludes=lambda folder, name: folder + name == b"b/y",
    )
    assert walked(space, filters=filters) == ["b/c", "sub/c", "sub/deep/c", "sub/deep/x/c"]


def test_c07_denied_folders_and_files_are_left_out(open_space: Callable[..., Space], forest: Path) -> None:
    state = (forest / "z").stat()
    file = (forest / "a.txt").stat()
    space = open_space(deny=("deep", "1"), denied=frozenset({(state.st_dev, state.st_ino), (file.st_dev, file.st_ino)}))
    assert walked(space) == ["b/2", "b/c", "b/y/2", "b/y/c", "sub/2", "sub/b.py", "sub/c"]


def test_ignore_files_above_the_start_count(space: Space, forest: Path) -> None:
    (forest / ".gitignore").write_text("/sub/deep/1\nx/\n")
    (forest / "sub" / ".gitignore").write_text("2\n!c\n")
    (forest / "sub" / "deep" / ".gitignore").write_text("!2\n")
    filters = Filters(respects_gitignore=True)
    assert walked(space, "sub", filters) == [
        ".gitignore",
        "1",
        "b.py",
        "c",
        "deep/.gitignore",
        "deep/2",
        "deep/c",
        "deep/c.py",
    ]


def test_l28_a_folder_that_cannot_be_opened_is_counted(space: Space, forest: Path) -> None:
    (forest / "b").chmod(0)
    try:
        with space.open_directory(".") as start:
            walk = Walk(space, start, Filters(), never)
            shown = [folder.names for folder in walk.folders()]
    finally:
        (forest / "b").chmod(0o700)
    if os.geteuid() != 0:
        assert walk.skipped == 1
        assert (b"b",) not in shown
    assert (b"sub",) in shown


def test_t08_a_folder_moved_out_during_the_walk_is_not_entered(space: Space, forest: Path) -> None:
    outside = forest.parent / "OUT"
    seen: list[Names] = []
    with space.open_directory(".") as start:
        walk = Walk(space, start, Filters(), never)
        for folder in walk.folders():
            seen.append(folder.names)
            if folder.names == (b"sub",):
                (forest / "sub" / "deep").rename(outside / "deep")
                (forest / "sub" / "deep").symlink_to(outside / "deep")
                (outside / "deep" / "canary").touch()
    assert (b"sub", b"deep") not in seen
    assert (b"z",) in seen
    assert walk.skipped == 1


def test_o11_depth_is_bounded_by_the_length_of_a_path(space: Space, root: Path) -> None:
    top = os.open(root, os.O_RDONLY)
    fd = top
    depth = 60
    for _ in range(depth):
        os.mkdir("d" * 100, dir_fd=fd)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    with space.open_directory(".") as start:
        walk = Walk(space, start, Filters(), never)
        shown = [folder.names for folder in walk.folders()]
    assert walk.skipped == 1
    assert (b"sub",) in shown


@pytest.mark.parametrize("is_quick", [True, False])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from([b"c", b".py", b"1", b"none", b"x", b".gitignore"]), hides=st.booleans())
def test_a_part_of_all_wanted_names_changes_nothing_but_the_time(
    space: Space, forest: Path, is_quick: bool, part: bytes, hides: bool
) -> None:
    (forest / "sub" / "deep" / "x" / ".hidden.c").touch()
    (forest / "z" / "link-c").unlink(missing_ok=True)
    (forest / "z" / "link-c").symlink_to("c")
    wanted = Filters(wants_name=lambda name: part in name, fixed=part if is_quick else b"", hides_dotted=hides)
    expected = [
        path
        for path in walked(space, filters=Filters(hides_dotted=hides))
        if part in os.fsencode(os.path.basename(path))
    ]
    assert walked(space, filters=wanted) == expected


def test_where_wanted_names_are_all_over_no_folder_is_looked_at_twice(
    space: Space, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(fd: int, _part: bytes) -> bool:
        looked.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        return True

    monkeypatch.setattr(walk, "may_hold", look)
    monkeypatch.setattr(FileSystems, "tell_leaf", lambda _self, folder: b"leaf-" in b"".join(folder.names))
    for number in range(8):
        (root / f"leaf-{number}").mkdir()
        (root / f"leaf-{number}" / ("needle" if number != 4 else "other")).touch()
    wanted = Filters(wants_name=lambda name: name == b"needle", fixed=b"needle")
    assert len(walked(space, filters=wanted)) == 7
    assert looked == ["leaf-0", "leaf-5"]
