"""A folder that is searched again, by the tool that does: told as it is now, and read no more than it must be."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.paths import file_system
from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.resolution import Resolver
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching import known_folders, walk
from filewarden.workers.searching.entries import Entries, Reading, Whole
from filewarden.workers.searching.known_folders import KnownFolders
from filewarden.workers.tools.search_files import SearchFiles, run
from filewarden.workers.tools.search_text import SearchText, run as search_text
from tests.workers.own_mounts import mount, with_own_mounts

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]
FUSE = 0x65735546


def names(context: Context, pattern: str, **arguments: object) -> list[str]:
    asked = msgspec.convert({"pattern": pattern, "path": "many", **arguments}, SearchFiles)
    return [match.name for match in run(context, asked).matches]


@pytest.fixture
def many(root: Path) -> Path:
    (root / "many").mkdir()
    for number in range(20):
        (root / "many" / f"file{number:02}.txt").touch()
    (root / "many" / "file00.folder.txt").mkdir()
    (root / "many" / "file00.link.txt").symlink_to("file00.txt")
    (root / "many" / ".file00.txt").touch()
    os.mkfifo(root / "many" / "file00.pipe.txt")
    return root / "many"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often folders are read from now on, of which nothing is known at first."""
    monkeypatch.setattr(walk, "_known_folders", KnownFolders())
    scandir, count = os.scandir, [0]

    def counted(fd: int) -> object:
        count[0] += 1
        return scandir(fd)

    monkeypatch.setattr(os, "scandir", counted)
    return count


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long after everything that is there was made."""
    monkeypatch.setattr(time, "time_ns", lambda: time.clock_gettime_ns(time.CLOCK_REALTIME) + 60 * 10**9)


def change(folder: Path, what: Callable[[], object]) -> None:
    """Change what a folder holds, so that its stamps tell: a coarse clock may need another tick for that."""
    before = folder.stat().st_mtime_ns
    what()
    give_up_at = time.monotonic() + 20
    while folder.stat().st_mtime_ns == before:
        assert time.monotonic() < give_up_at, "the clock of the file system stands still"
        (folder / "passing").touch()
        (folder / "passing").unlink()


@pytest.mark.usefixtures("later")
def test_its_names_are_kept_and_other_patterns_choose_from_them(
    context: Context, many: Path, readings: list[int]
) -> None:
    found = ["file00.link.txt", "file00.txt"]
    assert names(context, "file00*") == names(context, "file00*") == found
    assert readings == [2]
    assert names(context, "file00*") == found
    assert names(context, "*1?.txt") == [f"file1{number}.txt" for number in range(10)]
    assert names(context, "*file00.txt") == [".file00.txt", "file00.txt"]
    assert names(context, "*file00.txt", show_hidden=False) == ["file00.txt"]
    assert names(context, "*.py") == []
    assert names(context, "*", max_results=3) == [".file00.txt", "file00.link.txt", "file00.txt"]
    assert readings == [2]


@pytest.mark.usefixtures("later")
def test_what_changes_is_seen_at_once(context: Context, many: Path, readings: list[int]) -> None:
    def asked() -> Iterator[list[str]]:
        while True:
            yield names(context, "file0[0-2].txt")

    answers = asked()
    assert next(answers) == next(answers) == next(answers) == ["file00.txt", "file01.txt", "file02.txt"]
    assert readings == [2]
    change(many, (many / "file01.txt").unlink)
    assert next(answers) == next(answers) == next(answers) == ["file00.txt", "file02.txt"]
    change(many, lambda: (many / "file02.txt").rename(many / "file01.txt"))
    assert next(answers) == next(answers) == next(answers) == ["file00.txt", "file01.txt"]
    change(many, lambda: (many / "file01.txt").rename(many / "other.txt"))
    change(many, (many / "file01.txt").mkdir)
    assert next(answers) == next(answers) == next(answers) == ["file00.txt"]
    assert readings == [8]
    (many / "file00.txt").write_text("more")
    asked_for = msgspec.convert({"pattern": "file00.txt", "path": "many"}, SearchFiles)
    assert [match.size for match in run(context, asked_for).matches] == [4], "files themselves are looked at each time"
    assert readings == [8]


def test_nothing_is_kept_of_a_folder_that_was_changed_just_now(
    context: Context, many: Path, readings: list[int]
) -> None:
    """It may change again with the same stamps."""
    for count in range(1, 5):
        assert names(context, "file00.txt") == ["file00.txt"]
        assert readings == [count]


@pytest.mark.usefixtures("later")
def test_what_changes_is_seen_where_its_time_was_set_back(context: Context, many: Path, readings: list[int]) -> None:
    before = many.stat()
    for _ in range(3):
        assert names(context, "*0.txt") == [".file00.txt", "file00.txt", "file10.txt"]
    change(many, (many / "file20.txt").touch)
    os.utime(many, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(context, "*0.txt") == [".file00.txt", "file00.txt", "file10.txt", "file20.txt"]


@pytest.mark.usefixtures("later")
def test_hidden_folders_are_known_and_not_entered(context: Context, many: Path, readings: list[int]) -> None:
    for folder in (".hidden", "shown", "empty"):
        (many / folder).mkdir()
    for folder in (".hidden", "shown"):
        (many / folder / "one.py").touch()
    for _ in range(3):
        assert names(context, "*.py", recursive=True) == ["one.py", "one.py"]
        assert names(context, "*", path="many/empty") == []
    before = readings[0]
    assert names(context, "*.py", recursive=True, show_hidden=False) == ["one.py"]
    assert names(context, "*", path="many/empty") == []
    assert readings == [before]


@pytest.mark.usefixtures("later")
def test_a_folder_of_the_same_number_on_another_device_is_not_taken_for_it(space: Space, many: Path) -> None:
    known, reading, systems = KnownFolders(), Reading(), FileSystems()
    with space.open_directory("many") as folder:
        for _ in range(2):
            found = known.whole(folder, reading, systems)
        assert found is not None
        state = folder.stat
        fields = list(state)
        fields[2] += 1
        told = ("st_mtime_ns", "st_ctime_ns")
        folder.stat = os.stat_result(fields, {name: getattr(state, name) for name in told})
        assert folder.stat.st_ctime_ns == state.st_ctime_ns
        assert known.whole(folder, reading, systems) is None


@pytest.mark.usefixtures("later")
def test_another_folder_is_not_taken_for_it(context: Context, many: Path, readings: list[int]) -> None:
    for _ in range(3):
        assert names(context, "file00.txt") == ["file00.txt"]
    assert names(context, "*", path="sub") == ["b.py"]
    for _ in range(3):
        assert names(context, "file00.txt") == ["file00.txt"]


@pytest.mark.usefixtures("later")
def test_a_folder_with_too_many_names_is_read_each_time(
    context: Context, many: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_folders, "MOST_NAMES", 23)
    for count in (1, 3, 4, 5):  # once more, to count
        assert names(context, "file00.txt") == ["file00.txt"]
        assert readings == [count]
    change(many, (many / "file19.txt").unlink)
    for _ in range(4):
        assert names(context, "file00.txt") == ["file00.txt"]
    assert readings == [7]


@pytest.mark.usefixtures("later")
def test_where_times_do_not_tell_of_changes_a_folder_is_read_each_time(
    context: Context, many: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_system, "file_system_type", lambda _fd: FUSE)
    for count in range(1, 5):
        assert names(context, "file00.txt") == ["file00.txt"]
        assert readings == [count]


@pytest.mark.usefixtures("later")
def test_a_folder_is_read_each_time_whose_names_come_and_go_with_a_key(
    context: Context, many: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_system, "is_encrypted", lambda _fd: True)
    for count in range(1, 5):
        assert names(context, "file00.txt") == ["file00.txt"]
        assert readings == [count]


@pytest.mark.usefixtures("later", "readings")
def test_what_comes_from_below_in_an_overlay_is_seen_at_once(
    make_context: MakeContext, root: Path, resolver: Resolver
) -> None:
    """Its times are those of the uppermost folder alone."""
    lower, upper, work = (root / name for name in ("lower", "upper", "work"))
    for folder in (lower / "merged", lower / "plain", upper / "merged", work, root / "many"):
        folder.mkdir(parents=True)

    def layer() -> None:
        mount("overlay", root / "many", kind="overlay", options=f"lowerdir={lower},upperdir={upper},workdir={work}")

    def search() -> None:
        opened = open_root("R", str(root))
        context = make_context(Space((opened,), resolver=resolver))
        for where in ("merged", "plain"):
            for _ in range(3):
                assert names(context, "*.txt", recursive=True, path=f"many/{where}") == []
            (lower / where / "new.txt").touch()
            assert names(context, "*.txt", recursive=True, path=f"many/{where}") == ["new.txt"]
        os.close(opened.fd)

    with_own_mounts(layer, search)


@pytest.mark.usefixtures("later")
def test_all_folders_of_a_tree_are_known_to_searches_of_both_kinds(
    context: Context, many: Path, readings: list[int]
) -> None:
    below = many / "file00.folder.txt" / "deeper"
    below.mkdir(parents=True)
    (below / "file00.py").write_text("needle\n")
    for _ in range(2):
        assert names(context, "*00.py", recursive=True) == ["file00.py"]
    before = readings[0]
    assert names(context, "*00.py", recursive=True) == ["file00.py"]
    asked = msgspec.convert({"pattern": "needle", "path": "many"}, SearchText)
    assert [match.path for match in search_text(context, asked).matches] == ["many/file00.folder.txt/deeper/file00.py"]
    assert readings == [before]
    change(below, (below / "new.py").touch)
    assert names(context, "*.py", recursive=True) == ["file00.py", "new.py"]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("bound", ["MOST_FOLDERS", "MOST_BYTES"])
def test_what_is_known_makes_way_only_after_a_rest(
    context: Context, root: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(known_folders, bound, 2 if bound == "MOST_FOLDERS" else 1)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    (root / "other").mkdir()
    (root / "other" / "d.py").touch()

    def reads(path: str) -> int:
        before = readings[0]
        assert len(names(context, "*.py", path=path)) == 1
        return readings[0] - before

    places = ("sub", "sub/deep", "other")
    assert [reads(path) for path in places] == [1, 1, 1]
    assert [reads(path) for path in places] == [1, 1, 1]
    known = {"MOST_FOLDERS": [0, 0, 1], "MOST_BYTES": [0, 1, 1]}[bound]
    assert [reads(path) for path in places] == known
    now[0] += known_folders.RESTED_S
    taken = {"MOST_FOLDERS": [1, 1, 0], "MOST_BYTES": [1, 0, 0]}[bound]
    assert [reads("other") for _ in range(3)] == taken
    assert reads("sub") == 1, "made way"
    now[0] += known_folders.RESTED_S - 1
    assert reads("other") == 0
    now[0] += 2
    assert reads("other") == 0, "it was used meanwhile"


@pytest.mark.usefixtures("later")
def test_what_was_used_meanwhile_does_not_keep_what_rests_from_making_way(
    context: Context, root: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_folders, "MOST_FOLDERS", 2)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    (root / "other").mkdir()
    (root / "other" / "d.py").touch()
    for path in ("sub", "sub/deep"):
        for _ in range(3):
            names(context, "*.py", path=path)
    now[0] += known_folders.RESTED_S
    names(context, "*.py", path="sub")
    for _ in range(2):
        names(context, "*.py", path="other")
    before = readings[0]
    for path in ("sub", "other"):
        names(context, "*.py", path=path)
    assert readings == [before]


@pytest.mark.usefixtures("later")
def test_a_folder_that_changes_again_and_again_takes_no_more_room(
    context: Context, many: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with context.space.open_directory("many") as folder:
        whole = Whole.of(Reading().of(folder.fd) or Entries())
    monkeypatch.setattr(known_folders, "MOST_BYTES", whole.bytes - 100)
    for number in range(4):
        change(many, (many / f"file{number:02}.txt").unlink)
        for _ in range(2):
            names(context, "*.py")
        before = readings[0]
        names(context, "*.py")
        assert readings == [before]
    for _ in range(3):
        before = readings[0]
        names(context, "*.py", path="sub")
        assert readings == [before + 1], "there is no room"


@pytest.mark.usefixtures("later", "readings")
def test_a_closed_object_stays_closed(open_space: OpenSpace, make_context: MakeContext, many: Path) -> None:
    context = make_context(open_space())
    for _ in range(4):
        assert names(context, "file0[0-2].txt") == ["file00.txt", "file01.txt", "file02.txt"]
    state = (many / "file01.txt").stat()
    context = make_context(open_space(denied=frozenset({(state.st_dev, state.st_ino)})))
    for _ in range(4):
        assert names(context, "file0[0-2].txt") == ["file00.txt", "file02.txt"]
    context = make_context(open_space(deny=("file02*",)))
    for _ in range(2):
        assert names(context, "file0[0-2].txt") == ["file00.txt", "file01.txt"]
