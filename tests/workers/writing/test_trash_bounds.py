import calendar
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.rules.trash_bounds import TrashBounds, stamp
from filewarden.workers.tools import delete_file, restore_deleted, write_file
from filewarden.workers.writing import housekeeping
from filewarden.workers.writing.housekeeping import Housekeeper, empty_trash

Run = Callable[..., Any]

NOW = float(calendar.timegm((2026, 3, 1, 12, 0, 0)))
HOUR, DAY = 3600.0, 86400.0
LONG_S = 10.0


def named(age_s: float) -> str:
    return f"{stamp(NOW - age_s)}0123456789abcdef"


FRESH, RECENT, OLD, OLDER = (named(age) for age in (60.0, 2 * HOUR, 3 * DAY, 40 * DAY))
ALL = [(FRESH, 10), (OLDER, 10), (RECENT, 10), (OLD, 10)]


@pytest.mark.parametrize(
    ("bounds", "due"),
    [
        pytest.param(TrashBounds(), [], id="no bound"),
        pytest.param(TrashBounds(max_age_s=30 * DAY), [OLDER], id="age"),
        pytest.param(TrashBounds(max_bytes=40), [], id="just enough room"),
        pytest.param(TrashBounds(max_bytes=39), [OLDER], id="too much"),
        pytest.param(TrashBounds(max_bytes=15), [OLDER, OLD, RECENT], id="much too much"),
        pytest.param(TrashBounds(max_bytes=1, min_age_s=DAY), [OLDER, OLD], id="what is promised stays"),
        pytest.param(TrashBounds(max_age_s=HOUR, min_age_s=DAY), [OLDER, OLD], id="the promise is above the age"),
        pytest.param(TrashBounds(max_bytes=25, max_age_s=2 * DAY), [OLDER, OLD], id="both"),
        pytest.param(TrashBounds(max_bytes=1, max_age_s=HOUR, min_age_s=100 * DAY), [], id="all is promised"),
    ],
)
def test_the_oldest_go_first_and_what_is_promised_never(bounds: TrashBounds, due: list[str]) -> None:
    assert bounds.due(ALL, NOW) == due


def test_a_clock_that_was_ahead_keeps_what_was_deleted_then() -> None:
    bounds = TrashBounds(max_bytes=1, max_age_s=DAY, min_age_s=HOUR)
    assert bounds.due([(named(-10 * DAY), 1000), (OLD, 1)], NOW) == [OLD]


def test_names_sort_by_their_time() -> None:
    moments = [0.0, 1.0, NOW, time.time(), -5.0]
    assert sorted(stamp(moment) for moment in moments) == [stamp(moment) for moment in sorted(moments)]


# -- on disk


@pytest.fixture
def trash(root: Path) -> Path:
    return root / ".filewarden-trash"


@pytest.fixture
def deleted(writable: Context, run: Run, trash: Path) -> Callable[..., str]:
    """Delete a file of so many bytes, as if so many seconds ago."""

    def delete(name: str, size: int = 10, age_s: float = 0.0) -> str:
        run(writable, write_file.TOOL, path=name, content="x" * size, create_parents=True)
        identifier: str = run(writable, delete_file.TOOL, path=name).trash_id
        aged = stamp(time.time() - age_s) + identifier[16:]
        (trash / identifier).rename(trash / aged)
        return aged

    return delete


def left(trash: Path) -> set[str]:
    return set(os.listdir(trash))


def test_what_is_too_old_goes_for_good(writable: Context, trash: Path, deleted: Callable[..., str]) -> None:
    deleted("old", age_s=40 * DAY)
    fresh = deleted("fresh", age_s=HOUR)
    assert empty_trash(writable.space, TrashBounds(max_age_s=30 * DAY, min_age_s=DAY))
    assert left(trash) == {fresh}


def test_what_is_too_much_goes_the_oldest_first(writable: Context, trash: Path, deleted: Callable[..., str]) -> None:
    deleted("a", 600, age_s=5 * DAY)
    newer, newest = deleted("b", 600, age_s=4 * DAY), deleted("c", 300, age_s=HOUR)
    assert empty_trash(writable.space, TrashBounds(max_bytes=1000, min_age_s=DAY))
    assert left(trash) == {newer, newest}
    assert empty_trash(writable.space, TrashBounds(max_bytes=100, min_age_s=DAY))
    assert left(trash) == {newest}, "what is promised stays, however large"


def test_the_size_of_a_folder_is_that_of_its_files(
    writable: Context, run: Run, root: Path, trash: Path, deleted: Callable[..., str]
) -> None:
    (root / "tree" / "deep").mkdir(parents=True)
    (root / "tree" / "deep" / "f").write_bytes(b"x" * 5000)
    run(writable, delete_file.TOOL, path="tree", recursive=True)
    assert empty_trash(writable.space, TrashBounds(max_bytes=5000))
    assert len(left(trash)) == 1
    assert empty_trash(writable.space, TrashBounds(max_bytes=4999))
    assert left(trash) == set()


def test_links_in_what_goes_are_not_followed(
    writable: Context, run: Run, root: Path, places: Any, trash: Path, deleted: Callable[..., str]
) -> None:
    (root / "sub" / "out").symlink_to(places.outside)
    (root / "sub" / "in").symlink_to("../a.txt")
    identifier = run(writable, delete_file.TOOL, path="sub", recursive=True).trash_id
    (trash / identifier).rename(trash / (stamp(time.time() - 2 * DAY) + identifier[16:]))
    assert empty_trash(writable.space, TrashBounds(max_age_s=DAY))
    assert left(trash) == set()
    assert (places.outside / "canary.txt").read_text() == places.canary
    assert (root / "a.txt").read_text() == "alpha\n"


def test_what_there_is_no_time_for_cannot_be_restored_and_goes_later(
    writable: Context, run: Run, root: Path, trash: Path
) -> None:
    for number in range(20):
        (root / "sub" / f"f{number}").touch()
    identifier = run(writable, delete_file.TOOL, path="sub", recursive=True).trash_id
    looks = iter([False] * 10)
    bounds = TrashBounds(max_bytes=1)
    with writable_trash(writable) as open_trash, pytest.raises(TimeoutError):
        open_trash.discard(identifier, writable.space.roots[0], lambda: next(looks, True))
    assert left(trash) == {f"gone-{identifier}"}
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, trash_id=identifier)
    assert raised.value.code is Code.NOT_FOUND
    assert run(writable, restore_deleted.TOOL).deletions == []
    assert not empty_trash(writable.space, bounds, 0.0), "there was no time at all"
    assert empty_trash(writable.space, bounds, LONG_S)
    assert left(trash) == set()


def writable_trash(context: Context) -> Any:
    from filewarden.workers.writing.trash import find_trash

    return find_trash(context.space.roots[0], context.writing.durability)


def test_what_somebody_works_on_stays(
    writable: Context, run: Run, root: Path, trash: Path, deleted: Callable[..., str]
) -> None:
    identifier = deleted("f", age_s=2 * DAY)
    held = os.open(trash / identifier, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert empty_trash(writable.space, TrashBounds(max_age_s=DAY))
        with pytest.raises(ToolFailure) as raised:
            run(writable, restore_deleted.TOOL, trash_id=identifier)
        assert raised.value.code is Code.CONFLICT
    finally:
        os.close(held)
    assert run(writable, restore_deleted.TOOL, trash_id=identifier).path == "f"
    assert (root / "f").read_text() == "x" * 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root removes everything")
def test_what_cannot_be_removed_stays_and_stops_nothing_else(
    writable: Context, run: Run, root: Path, trash: Path, deleted: Callable[..., str]
) -> None:
    (root / "sub" / "deep").chmod(0o555)
    try:
        run(writable, delete_file.TOOL, path="sub", recursive=True)
        deleted("f")
        assert empty_trash(writable.space, TrashBounds(max_bytes=1))
        (kept,) = left(trash)
        assert kept.startswith("gone-")
    finally:
        for path in (*root.rglob("deep"), *trash.rglob("deep")):
            path.chmod(0o755)


def test_it_is_looked_now_and_then_and_again_at_once_while_something_is_left(
    writable: Context, trash: Path, deleted: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []

    def look(*_arguments: object) -> bool:
        looks.append(True)
        return len(looks) > 1

    monkeypatch.setattr(housekeeping, "empty_trash", look)
    keeper = Housekeeper(writable.space, TrashBounds())
    for _ in range(5):
        keeper.rest()
    assert len(looks) == 2


def test_entries_of_an_older_version_are_listed_and_restored(
    writable: Context, run: Run, root: Path, trash: Path, deleted: Callable[..., str]
) -> None:
    identifier = deleted("dir/f", 7)
    (trash / identifier / "origin").write_text("dir/f")
    (only,) = run(writable, restore_deleted.TOOL).deletions
    assert (only.path, only.size) == ("dir/f", 7)
    assert run(writable, restore_deleted.TOOL, trash_id=identifier).path == "dir/f"
    assert (root / "dir" / "f").read_text() == "x" * 7


# -- the list


def test_the_list_tells_what_can_be_restored_the_latest_first(
    writable: Context, run: Run, deleted: Callable[..., str]
) -> None:
    assert run(writable, restore_deleted.TOOL).deletions == []
    first, second = deleted("a/b.txt", 5, age_s=HOUR), deleted("a/c.txt", 6, age_s=60)
    folder = run(writable, delete_file.TOOL, path="sub", recursive=True).trash_id
    listed = run(writable, restore_deleted.TOOL)
    assert not listed.truncated
    found = [(each.trash_id, each.path, each.type, each.size) for each in listed.deletions]
    assert found == [
        (folder, "sub", "directory", 12),
        (second, "a/c.txt", "file", 6),
        (first, "a/b.txt", "file", 5),
    ]
    day, clock = listed.deletions[0].time.split("T")
    assert day.replace("-", "") + "T" + clock.replace(":", "").replace("Z", "") == folder[:15]


def test_the_list_comes_in_pages(writable: Context, run: Run, deleted: Callable[..., str]) -> None:
    made = [deleted(f"f{number}", age_s=100.0 - number) for number in range(30)]
    small = msgspec.structs.replace(writable, limits=msgspec.structs.replace(writable.limits, max_answer_chars=1000))
    seen: list[str] = []
    cursor = None
    while True:
        page = run(small, restore_deleted.TOOL, **({} if cursor is None else {"cursor": cursor}))
        seen += [each.trash_id for each in page.deletions]
        if not page.truncated:
            break
        assert 0 < len(page.deletions) < 15
        cursor = page.next_cursor
    assert seen == list(reversed(made))


@pytest.mark.parametrize(
    "arguments", [{"destination": "x"}, {"cursor": "x"}, {"cursor": "AAAA", "trash_id": FRESH}], ids=str
)
def test_list_and_restoring_are_not_mixed(writable: Context, run: Run, arguments: dict[str, str]) -> None:
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, **arguments)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_whoever_was_stopped_while_tidying_up_holds_no_deletion_up(
    writable: Context, run: Run, root: Path, trash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, held = os.mkdir, []

    def make_and_hold(name: str, mode: int, *, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        held.append(os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=dir_fd))
        fcntl.flock(held[0], fcntl.LOCK_EX)

    run(writable, write_file.TOOL, path="old.txt", content="x")
    trash.mkdir(0o700)
    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", make_and_hold)
        gone = run(writable, delete_file.TOOL, path="old.txt")
    os.close(held[0])
    assert not (root / "old.txt").exists()
    run(writable, restore_deleted.TOOL, trash_id=gone.trash_id)
    assert (root / "old.txt").read_text() == "x"


def test_what_is_closed_is_neither_listed_nor_restored(
    open_space: Callable[..., Any], make_context: Any, writable: Context, run: Run, deleted: Callable[..., str]
) -> None:
    shown = deleted("open/f")
    hidden = deleted("closed/f")
    stricter = msgspec.structs.replace(writable, space=open_space(deny=("closed/**",), writable=True))
    assert [each.trash_id for each in run(stricter, restore_deleted.TOOL).deletions] == [shown]
    answers = []
    for trash_id in (hidden, hidden[:-1] + ("0" if hidden[-1] != "0" else "1")):
        with pytest.raises(ToolFailure) as raised:
            run(stricter, restore_deleted.TOOL, trash_id=trash_id, destination="open/g")
        answers.append((raised.value.code, raised.value.message.replace(trash_id, "")))
    assert answers[0] == answers[1]
