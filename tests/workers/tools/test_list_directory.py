import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths import file_system
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching.budget import Budget
from filewarden.workers.searching.folder_order import FolderOrder
from filewarden.workers.searching.kept_orders import Key
from filewarden.workers.tools import list_directory
from filewarden.workers.tools.list_directory import ListDirectory, Listed, Listing

MakeContext = Callable[..., Context]
EXT4, FUSE = 0xEF53, 0x65735546


def run(context: Context, arguments: ListDirectory) -> Listing:
    return list_directory.run(context, arguments).unfold()


def names(listing: Listing) -> list[str]:
    return [entry.name for entry in listing.entries]


def everything(context: Context, arguments: ListDirectory) -> list[str]:
    found: list[str] = []
    while True:
        listing = run(context, arguments)
        found += names(listing)
        assert listing.total == len(listing.entries)
        assert listing.truncated == (listing.next_cursor is not msgspec.UNSET)
        if isinstance(listing.next_cursor, msgspec.UnsetType):
            return found
        arguments = msgspec.structs.replace(arguments, cursor=listing.next_cursor)


def test_an_entry_has_exactly_these_fields(context: Context, root: Path) -> None:
    os.utime(root / "a.txt", (1_000_000_000.9, 1_000_000_000.9))
    listing = msgspec.to_builtins(run(context, ListDirectory()))
    assert list(listing) == ["path", "total", "entries", "truncated"]
    modified = int((root / "sub").stat().st_mtime)
    assert listing["entries"] == [
        {"name": "sub", "type": "directory", "size": None, "modified": modified, "path": "sub"},
        {"name": "a.txt", "type": "file", "size": 6, "modified": 1_000_000_000, "path": "a.txt"},
    ]
    below = run(context, ListDirectory(path="./sub/"))
    assert below.path == "sub"
    assert [entry.path for entry in below.entries] == ["sub/deep", "sub/b.py"]


def test_names_are_sorted_with_folders_first_and_without_case(context: Context, root: Path) -> None:
    for name in ("B.txt", "c.txt", "A2"):
        (root / name).touch()
    (root / "Zoo").mkdir()
    (root / "linked").symlink_to("sub")
    assert names(run(context, ListDirectory())) == ["linked", "sub", "Zoo", "a.txt", "A2", "B.txt", "c.txt"]


def test_many_names_are_sorted_too_and_those_that_differ_in_case_by_their_bytes(context: Context, root: Path) -> None:
    folder = root / "many"
    folder.mkdir()
    made = ["".join(letters) for letters in itertools.product("aA", "bßS", "éE", "cC", "dD")] + [
        "\u017fé",
        "z" * 30,
        "Z1",
    ]
    for number, name in enumerate(made):
        (folder / name).mkdir() if number % 5 == 0 else (folder / name).touch()
    folders = frozenset(made[::5])
    assert len(made) > 48
    assert names(run(context, ListDirectory(path="many"))) == sorted(
        made, key=lambda name: (name not in folders, name.casefold(), name.encode())
    )


def test_sizes_are_sorted_largest_first_and_times_newest_first(context: Context, root: Path) -> None:
    for number, name in enumerate(("x", "y", "z"), 1):
        (root / name).write_bytes(b"x" * number * 100)
        os.utime(root / name, (2_000_000_000 - number, 2_000_000_000 - number))
    (root / "out").symlink_to("../OUT/canary.txt")
    assert names(run(context, ListDirectory(sort_by="size"))) == ["z", "y", "x", "a.txt", "out", "sub"]
    assert names(run(context, ListDirectory(sort_by="modified")))[:3] == ["x", "y", "z"]


def test_hidden_names_are_shown_when_asked_for(context: Context, root: Path) -> None:
    (root / ".hidden").touch()
    assert ".hidden" not in names(run(context, ListDirectory()))
    assert ".hidden" in names(run(context, ListDirectory(show_hidden=True)))


@pytest.mark.parametrize("sort_by", ["name", "size", "modified"])
def test_o10_pages_hold_every_entry_once(space: Space, make_context: MakeContext, root: Path, sort_by: str) -> None:
    for number in range(300):
        (root / f"f{number:03}").write_bytes(b"x" * (number % 7))
    for number in range(20):
        (root / f"d{number:03}").mkdir()
    arguments = msgspec.convert({"sort_by": sort_by}, ListDirectory)
    whole = names(run(make_context(space), arguments))
    assert len(whole) == 322
    small = make_context(space, max_answer_chars=2000)
    assert everything(small, arguments) == whole
    assert len(msgspec.json.encode(run(small, arguments))) <= 2000


def test_o10_a_page_of_a_large_folder_is_quick(context: Context, root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    for number in range(20_000):
        os.mknod(f"f{number:05}", dir_fd=folder)
    os.close(folder)
    begun = time.process_time()
    listing = run(context, ListDirectory())
    assert listing.truncated
    assert time.process_time() - begun < 1.0


def test_past_the_deadline_a_large_folder_is_refused(space: Space, make_context: MakeContext, root: Path) -> None:
    for number in range(1100):
        (root / f"f{number}").touch()
    with pytest.raises(ToolFailure) as refused:
        run(make_context(space, seconds=-1.0), ListDirectory())
    assert refused.value.code is Code.TIMEOUT


def test_o14_a_cursor_belongs_to_its_arguments(space: Space, make_context: MakeContext, root: Path) -> None:
    for number in range(50):
        (root / f"f{number}").touch()
    context = make_context(space, max_answer_chars=1000)
    cursor = run(context, ListDirectory()).next_cursor
    assert isinstance(cursor, str)
    for arguments in (
        ListDirectory(cursor=cursor, sort_by="size"),
        ListDirectory(cursor=cursor, path="sub"),
        ListDirectory(cursor="x"),
    ):
        with pytest.raises(ToolFailure) as refused:
            run(context, arguments)
        assert refused.value.code is Code.INVALID_ARGUMENT


def test_l16_l19_every_kind_of_entry_has_its_word(context: Context, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "inner").symlink_to("a.txt")
    (root / "inner_dir").symlink_to("sub")
    (root / "inner_pipe").symlink_to("pipe")
    (root / "out").symlink_to("../OUT/canary.txt")
    (root / "dangling").symlink_to("none")
    (root / "loop").symlink_to("loop")
    (root / "device").symlink_to("/dev/zero")
    kinds = {entry.name: entry.type for entry in run(context, ListDirectory()).entries}
    assert kinds == {
        "sub": "directory",
        "inner_dir": "directory",
        "a.txt": "file",
        "inner": "file",
        "pipe": "pipe",
        "inner_pipe": "pipe",
        "out": "symlink",
        "dangling": "symlink",
        "loop": "symlink",
        "device": "symlink",
    }


def test_l16_nothing_of_an_outside_target_is_told(context: Context, root: Path) -> None:
    (root / "out").symlink_to("../OUT/canary.txt")
    (entry,) = (entry for entry in run(context, ListDirectory()).entries if entry.name == "out")
    assert entry.size == 0


def test_c07_l11_closed_entries_are_not_listed(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    (root / "secret.key").touch()
    (root / "ok.txt").symlink_to("secret.key")
    state = (root / "a.txt").stat()
    space = open_space(deny=("*.key",), denied=frozenset({(state.st_dev, state.st_ino)}))
    for sort_by in ("name", "size"):
        listing = run(make_context(space), msgspec.convert({"sort_by": sort_by}, ListDirectory))
        assert names(listing) == ["sub"]
        assert listing.skipped is msgspec.UNSET


def test_o01_o12_odd_names_are_listed_escaped(context: Context, root: Path) -> None:
    folder = os.fsencode(root)
    for name in (b"a\n[FILE] forged.txt", b"caf\xe9", b"\x1b[2J", "\u202e".encode(), rb"\\server", b"\\\n"):
        with open(folder + b"/" + name, "w", encoding="ascii"):
            pass
    listing = run(context, ListDirectory())
    assert len(listing.entries) == 8
    for entry in listing.entries:
        context.space.resolve(entry.path).close()
    assert all(entry.name.isprintable() for entry in listing.entries)
    assert r"a\x0A[FILE] forged.txt" in names(listing)


def test_l28_an_entry_that_cannot_be_examined_is_counted(context: Context, root: Path) -> None:
    (root / "sub").chmod(0o400)
    try:
        listing = run(context, ListDirectory(path="sub"))
    finally:
        (root / "sub").chmod(0o700)
    if os.geteuid() != 0:
        assert (listing.total, listing.skipped) == (0, 2)


def test_several_roots_are_listed_by_a_dot(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path
) -> None:
    space = open_space(open_root("two", str(root / "sub")), open_root("one", str(root)))
    listing = run(make_context(space), ListDirectory())
    assert [(entry.name, entry.type, entry.size, entry.path) for entry in listing.entries] == [
        ("one", "directory", None, "one"),
        ("two", "directory", None, "two"),
    ]
    below = run(make_context(space), ListDirectory(path="two"))
    assert (below.path, [entry.path for entry in below.entries]) == ("two", ["two/deep", "two/b.py"])


@pytest.mark.parametrize(
    ("path", "code"),
    [("none", Code.NOT_FOUND), ("a.txt", Code.NOT_A_DIRECTORY), ("..", Code.ACCESS_DENIED), ("d", Code.ACCESS_DENIED)],
)
def test_l03_what_is_no_folder_here_is_refused(context: Context, root: Path, path: str, code: Code) -> None:
    (root / "d").symlink_to("../OUT")
    with pytest.raises(ToolFailure) as refused:
        run(context, ListDirectory(path=path))
    assert refused.value.code is code


@pytest.mark.parametrize("max_answer_chars", [2_000, 9_000, 1_000_000])
def test_many_are_listed_together_as_they_are_one_by_one(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path, max_answer_chars: int
) -> None:
    folder = root / "mixed"
    folder.mkdir()
    for number in range(500):
        path = folder / f"{'日' if number % 31 == 0 else 'f'}{number:03}{'x' * (number % 13)}"
        if number % 40 == 7:
            path.symlink_to("../a.txt" if number % 80 == 7 else "../../OUT/canary.txt")
        elif number % 40 == 13:
            os.mkfifo(path)
        elif number % 9 == 0:
            path.mkdir()
        else:
            path.write_bytes(b"x" * number)
    hidden = [folder / f"f{number:03}{'x' * (number % 13)}" for number in (100, 101, 303)]
    denied = frozenset((path.stat().st_dev, path.stat().st_ino) for path in hidden)
    together = make_context(open_space(denied=denied), max_answer_chars=max_answer_chars)
    each = make_context(open_space(denied=denied, deny=("no such name",)), max_answer_chars=max_answer_chars)
    cursor: str | None = None
    found = 0
    while True:
        arguments = ListDirectory(path="mixed", cursor=cursor)
        listing = run(together, arguments)
        assert listing == run(each, arguments)
        assert len(msgspec.json.encode(listing).decode()) <= max_answer_chars
        found += listing.total
        if not listing.truncated:
            break
        cursor = str(listing.next_cursor)
    assert found == 497


def test_what_changes_while_it_is_listed_is_left_out(
    open_space: Callable[..., Space], make_context: MakeContext, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = (root / "a.txt").stat()
    context = make_context(open_space(denied=frozenset({(state.st_dev, state.st_ino)})))
    made = make_long(root, 100)
    keys = FolderOrder.keys
    gone: list[str] = []

    def then_change(self: FolderOrder, after: Key | None) -> tuple[list[Key], int]:
        found = keys(self, after)
        for name in gone:
            (root / "long" / name).unlink()
        os.replace(root / "sub" / "closed", root / "long" / made[5])
        return found

    monkeypatch.setattr(FolderOrder, "keys", then_change)
    for lost, gone[:] in (0, []), (10, made[::10]):
        (root / "sub" / "closed").hardlink_to(root / "a.txt")
        listing = run(context, ListDirectory(path="long"))
        assert (listing.total, listing.skipped) == (99 - lost, lost or msgspec.UNSET)
        assert names(listing) == [name for name in made if name not in (made[5], *gone)]


def test_a_page_is_as_full_as_it_can_be(space: Space, make_context: MakeContext, root: Path) -> None:
    make_long(root, 300)
    context = make_context(space, max_answer_chars=10_000)
    whole = run(make_context(space, max_answer_chars=1_000_000), ListDirectory(path="long")).entries
    budget = Budget(10_000)
    fitting = next(place for place, item in enumerate(whole) if not budget.take(item))
    assert run(context, ListDirectory(path="long")).total == fitting


FOLDED: dict[str, Any] = {"path": "p", "names": "a/b", "types": ["file"] * 2, "sizes": [1, None], "modified": [1, 2]}


def test_a_folded_answer_is_the_answer() -> None:
    assert msgspec.to_builtins(Listed(**FOLDED, truncated=True, next_cursor="c", skipped=3).unfold()) == {
        "path": "p",
        "total": 2,
        "entries": [
            {"name": "a", "type": "file", "size": 1, "modified": 1, "path": "p/a"},
            {"name": "b", "type": "file", "size": None, "modified": 2, "path": "p/b"},
        ],
        "truncated": True,
        "next_cursor": "c",
        "skipped": 3,
    }
    assert Listed(".", "", [], [], []).unfold() == Listing(path=".", total=0, entries=[], truncated=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": "a"},
        {"names": "a/b/c"},
        {"types": []},
        {"sizes": [1]},
        {"modified": [1, 2, 3]},
        {"path": "x" * 5_000_000},
        {name: value * 50_000 for name, value in FOLDED.items() if name != "names"}
        | {"names": "/".join("x" * 100_000), "path": "y" * 100},
    ],
    ids=["few names", "many names", "no types", "few sizes", "many times", "a long path", "many entries"],
)
def test_a_folded_answer_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"columns of different|entries below a path"):
        Listed(**(FOLDED | wrong)).unfold()


def make_long(root: Path, count: int = 1500) -> list[str]:
    folder = root / "long"
    folder.mkdir()
    made = [f"file-{number:04}" for number in range(count)]
    for name in made:
        (folder / name).touch()
    return made


def pages(context: Context, path: str) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        listing = run(context, ListDirectory(path=path, cursor=cursor))
        found += names(listing)
        if not listing.truncated:
            return found
        cursor = str(listing.next_cursor)


def test_a_long_folder_that_changes_between_pages_is_read_again(context: Context, root: Path, later: None) -> None:
    made = make_long(root)
    assert pages(context, "long") == made
    assert pages(context, "long") == made
    (root / "long" / "file-0000").unlink()
    (root / "long" / "file-2000").touch()
    assert pages(context, "long") == [*made[1:], "file-2000"]


@pytest.mark.parametrize(("kind", "readings"), [(EXT4, 1), (FUSE, 2)])
def test_a_long_folder_is_read_again_where_times_do_not_tell_of_changes(
    context: Context, root: Path, monkeypatch: pytest.MonkeyPatch, later: None, kind: int, readings: int
) -> None:
    make_long(root)
    monkeypatch.setattr(file_system, "file_system_type", lambda _fd: kind)
    scandir, read = os.scandir, []

    def counted(fd: int) -> object:
        read.append(fd)
        return scandir(fd)

    monkeypatch.setattr(os, "scandir", counted)
    for _ in range(2):
        run(context, ListDirectory(path="long"))
    assert len(read) == readings


def test_a_long_folder_shows_entries_as_they_are_now(context: Context, root: Path, later: None) -> None:
    make_long(root)
    first = run(context, ListDirectory(path="long"))
    (root / "long" / first.entries[0].name).write_text("12345")
    assert run(context, ListDirectory(path="long")).entries[0].size == 5


def test_folders_do_not_answer_for_each_other(
    open_space: Callable[..., Space], make_context: Callable[..., Context], root: Path, later: None
) -> None:
    made = make_long(root)
    loose = make_context(open_space())
    odd = make_context(open_space(deny=("file-*[13579]",)))
    for _ in range(2):
        assert pages(loose, "long") == made
        assert pages(odd, "long") == made[::2]


def test_pages_by_size_keep_the_order_they_began_with(context: Context, root: Path, later: None) -> None:
    made = make_long(root)
    first = run(context, ListDirectory(path="long", sort_by="size"))
    (root / "long" / made[-1]).write_text("large by now")
    (root / "long" / made[0]).write_text("x")
    found = names(first) + everything(
        context, ListDirectory(path="long", sort_by="size", cursor=str(first.next_cursor))
    )
    assert found == made
    assert names(run(context, ListDirectory(path="long", sort_by="size")))[:2] == [made[-1], made[0]]
