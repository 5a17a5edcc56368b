"""A folder that is listed again, by the tool that does: told as it is now, and read no more than it must be."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filewarden.workers.context import Context
from filewarden.workers.paths import file_system
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.searching.folder_order import SortBy
from filewarden.workers.searching.kept_orders import CONTINUED_S, MOST_FOLDERS, MOST_KEYS, KeptOrders, Key, Question
from filewarden.workers.tools import list_directory
from filewarden.workers.tools.list_directory import ListDirectory
from tests.workers.own_mounts import mount, with_own_mounts

MakeContext = Callable[..., Context]
OpenSpace = Callable[..., Space]
Read = list[int]
FUSE = 0x65735546


def names(context: Context, path: str = "few", *, sort_by: SortBy = "name", show_hidden: bool = False) -> list[str]:
    asked = ListDirectory(path=path, sort_by=sort_by, show_hidden=show_hidden)
    return [entry.name for entry in list_directory.run(context, asked).unfold().entries]


@pytest.fixture
def few(root: Path) -> Path:
    folder = root / "few"
    folder.mkdir()
    for name in ("b.txt", "a.txt", ".hidden"):
        (folder / name).touch()
    (folder / "folder").mkdir()
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """What was read of folders: a number for each time."""
    scandir, read = os.scandir, Read()

    def counted(fd: int) -> object:
        read.append(fd)
        return scandir(fd)

    monkeypatch.setattr(os, "scandir", counted)
    return read


def test_from_the_third_listing_on_a_folder_is_not_read(context: Context, few: Path, later: None, read: Read) -> None:
    for times in (1, 2, 2, 2):
        assert names(context) == ["folder", "a.txt", "b.txt"]
        assert len(read) == times


@pytest.mark.parametrize("name", ["c.txt", ".other"])
def test_a_change_is_seen_at_once(context: Context, few: Path, later: None, name: str) -> None:
    os.utime(few, (1, 1))  # so that its time is another one after a change, however coarse the clock
    for _ in range(3):
        names(context, show_hidden=True)
    (few / name).touch()
    (few / "a.txt").unlink()
    for _ in range(3):
        assert names(context, show_hidden=True) == ["folder", *sorted(["b.txt", ".hidden", name])]


def test_a_change_is_seen_where_the_time_of_change_is_set_back(context: Context, few: Path, later: None) -> None:
    os.utime(few, (1, 1))
    for _ in range(3):
        names(context)
    before = few.stat().st_ctime_ns
    (few / "c.txt").touch()
    give_up_at = time.monotonic() + 20
    while few.stat().st_ctime_ns == before:
        assert time.monotonic() < give_up_at, "the clock of the file system stands still"
        (few / ".passing").touch()
        (few / ".passing").unlink()
    os.utime(few, (1, 1))
    assert names(context) == ["folder", "a.txt", "b.txt", "c.txt"]


def test_entries_are_told_as_they_are_now(context: Context, few: Path, later: None) -> None:
    for _ in range(3):
        names(context)
    (few / "a.txt").write_text("12345")
    listing = list_directory.run(context, ListDirectory(path="few")).unfold()
    assert [entry.size for entry in listing.entries] == [None, 5, 0]


def test_what_may_have_changed_within_a_tick_of_its_clock_is_read(context: Context, few: Path, read: Read) -> None:
    for times in (1, 2, 3, 4):
        names(context)
        assert len(read) == times


@pytest.mark.parametrize("sort_by", ["size", "modified"])
def test_what_is_not_sorted_by_name_is_read(
    context: Context, few: Path, later: None, read: Read, sort_by: SortBy
) -> None:
    for times in (1, 2, 3, 4):
        names(context, sort_by=sort_by)
        assert len(read) == times


def test_a_folder_with_links_is_read(context: Context, few: Path, later: None, read: Read) -> None:
    (few / "link").symlink_to("folder")
    for times in (1, 2, 3, 4):
        assert names(context) == ["folder", "link", "a.txt", "b.txt"]
        assert len(read) == times
    (few / "folder").rmdir()
    (few / "folder").touch()
    assert names(context) == ["a.txt", "b.txt", "folder", "link"]


def test_what_a_denied_number_decided_on_is_read(
    open_space: OpenSpace, make_context: MakeContext, root: Path, few: Path, later: None
) -> None:
    link, target, other = few / "link", root / "target", root / "other"
    target.touch()
    other.touch()
    link.symlink_to("../target")
    closed, same_number_elsewhere = target.stat(), link.lstat()
    denied = {(closed.st_dev, closed.st_ino), (same_number_elsewhere.st_dev + 1, same_number_elsewhere.st_ino)}
    context = make_context(open_space(denied=frozenset(denied)))
    for _ in range(4):
        assert names(context) == ["folder", "a.txt", "b.txt"]
    other.replace(target)
    assert names(context) == ["folder", "a.txt", "b.txt", "link"]


def test_where_hard_links_are_refused_a_folder_is_read(
    open_space: OpenSpace, make_context: MakeContext, root: Path, few: Path, later: None
) -> None:
    (root / "other").hardlink_to(few / "a.txt")
    context = make_context(open_space(open_root("R", str(root), refuses_hard_links=True)))
    for _ in range(4):
        assert names(context) == ["folder", "b.txt"]
    (root / "other").unlink()
    assert names(context) == ["folder", "a.txt", "b.txt"]


def test_where_times_do_not_tell_of_changes_a_folder_is_read(
    context: Context, few: Path, later: None, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_system, "file_system_type", lambda _fd: FUSE)
    for times in (1, 2, 3, 4):
        names(context)
        assert len(read) == times


def test_other_questions_have_other_answers(
    open_space: OpenSpace, make_context: MakeContext, root: Path, few: Path, later: None
) -> None:
    (few / "folder" / "inner").touch()
    loose, strict = make_context(open_space()), make_context(open_space(deny=("a.*",)))
    for _ in range(4):
        assert names(loose) == ["folder", "a.txt", "b.txt"]
        assert names(strict) == ["folder", "b.txt"]
        assert names(loose, show_hidden=True) == ["folder", ".hidden", "a.txt", "b.txt"]
        assert names(loose, "few/folder") == ["inner"]


def test_a_folder_that_takes_the_place_of_another_is_read(context: Context, root: Path, few: Path, later: None) -> None:
    for _ in range(3):
        names(context)
    few.rename(root / "moved")
    few.mkdir()
    assert names(context) == []
    assert names(context, "moved") == ["folder", "a.txt", "b.txt"]


def test_one_folder_in_two_places_has_the_rules_of_each(
    make_context: MakeContext, root: Path, few: Path, later: None
) -> None:
    (root / "again").mkdir()

    def listed() -> None:
        context = make_context(Space([open_root("R", str(root), deny=("again/a.*",))]))
        for _ in range(3):
            assert names(context, "again") == ["folder", "b.txt"]
        assert names(context) == ["folder", "a.txt", "b.txt"]

    with_own_mounts(lambda: mount(few, root / "again"), listed)


# What is kept.


def question(place: int, *stamps: int) -> Question:
    return Question((place,), stamps)


def keys(count: int) -> list[Key]:
    return [(1, str(number), b"%d" % number) for number in range(count)]


def listed(kept: KeptOrders, asked: Question, found: list[Key]) -> bool:
    """Whether it was known."""
    if kept.answer(asked, is_continued=False) is not None:
        return True
    if kept.is_again(asked):
        kept.keep_short(asked, found)
    return False


def test_keys_are_kept_up_to_their_number() -> None:
    kept, half = KeptOrders(), keys(MOST_KEYS // 2)
    for place in (1, 1, 2, 2):
        assert not listed(kept, question(place), half)
    assert listed(kept, question(1), half)
    assert [listed(kept, question(3), keys(1)) for _ in range(3)] == [False, False, True]
    assert listed(kept, question(1), half)
    assert not listed(kept, question(2), half)  # the one that was used the longest time ago


def test_the_longest_that_fits_is_kept_and_no_longer_one() -> None:
    kept = KeptOrders()
    assert [listed(kept, question(1), keys(MOST_KEYS)) for _ in range(3)] == [False, False, True]
    assert [listed(kept, question(2), keys(MOST_KEYS + 1)) for _ in range(4)] == [False] * 4
    assert listed(kept, question(1), [])


def test_folders_are_noted_up_to_their_number() -> None:
    kept = KeptOrders()
    for place in range(MOST_FOLDERS + 1):
        assert not kept.is_again(question(place))
    assert kept.is_again(question(1))
    assert not kept.is_again(question(0))


def test_other_stamps_are_another_folder_and_make_room() -> None:
    kept = KeptOrders()
    for stamp in range(5):
        most = keys(MOST_KEYS)
        assert [listed(kept, question(1, stamp), most) for _ in range(3)] == [False, False, True]
    assert not listed(kept, question(1, 0), [])


def test_a_long_folder_is_kept_beside_short_ones() -> None:
    kept, long, short = KeptOrders(), keys(3), keys(2)
    kept.keep_long(question(1, 7), long, is_lasting=True)
    for _ in range(2):
        listed(kept, question(2), short)
    assert kept.answer(question(1, 7), is_continued=False) is long
    assert kept.answer(question(2), is_continued=False) is short
    assert kept.answer(question(1, 8), is_continued=True) is None
    kept.keep_long(question(3), long, is_lasting=False)
    assert kept.answer(question(1, 7), is_continued=True) is None
    assert kept.answer(question(3), is_continued=False) is None
    assert kept.answer(question(3), is_continued=True) is long


def test_what_others_decide_on_is_continued_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, long, now = KeptOrders(), keys(3), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kept.keep_long(question(1), long, is_lasting=False)
    now[0] += CONTINUED_S - 1
    assert kept.answer(question(1), is_continued=True) is long
    now[0] += 1
    assert kept.answer(question(1), is_continued=True) is None
