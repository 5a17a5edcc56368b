"""A deletion on its way into the trash and out of it, with others at work at the same moment."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tools import delete_file, restore_deleted
from filewarden.workers.writing import renames, trash
from filewarden.workers.writing.trash import find_trash
from filewarden.workers.writing.trash_entry import MOST_ORIGIN_BYTES, Entry, Told
from tests.workers.writing.test_durability import RENAMED, Events, events, flushed

Run = Callable[..., Any]

__all__ = ["events"]


@pytest.fixture
def bin_(root: Path) -> Path:
    return root / ".filewarden-trash"


def test_a_deletion_is_nobody_elses_to_look_at(writable: Context, run: Run, bin_: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    for place in (bin_, bin_ / identifier):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_whoever_tidies_up_leaves_a_deletion_alone_that_is_being_made(
    writable: Context, run: Run, root: Path, bin_: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, tidied = renames.without_replacing, []

    def late(folder: int, name: bytes, *to: Any) -> None:
        if name == b"a.txt":
            with find_trash(writable.space.roots[0], writable.writing.durability) as others:
                assert others is not None
                others.tidy()
            tidied.append(name)
        move(folder, name, *to)

    monkeypatch.setattr(renames, "without_replacing", late)
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    assert len(tidied) == 1
    assert sorted(os.listdir(bin_ / identifier)) == ["item", "origin"]


def test_what_a_deletion_that_was_killed_has_left_is_tidied_up(writable: Context, run: Run, bin_: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    killed = bin_ / f"{identifier[:-1]}{'0' if identifier[-1] != '0' else '1'}"
    killed.mkdir()
    (killed / (".filewarden-draft-" + "b" * 32)).write_text("half of what is told of it")
    with find_trash(writable.space.roots[0], writable.writing.durability) as found:
        assert found is not None
        found.tidy()
    assert os.listdir(bin_) == [identifier]
    assert sorted(os.listdir(bin_ / identifier)) == ["item", "origin"], "what is whole stays"


def test_one_that_comes_to_nothing_leaves_nothing_in_the_trash_and_everything_in_its_place(
    writable: Context, run: Run, root: Path, bin_: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "is_same_object", lambda *_: False)
    with pytest.raises(ToolFailure) as raised:
        run(writable, delete_file.TOOL, path="a.txt")
    assert raised.value.code is Code.CONFLICT
    assert os.listdir(bin_) == []
    assert (root / "a.txt").read_text() == "alpha\n"


def test_what_is_in_the_trash_lasts_and_so_does_what_comes_back(
    writable: Context, run: Run, root: Path, bin_: Path, events: Events
) -> None:
    identifier = run(writable, delete_file.TOOL, path="sub/b.py").trash_id
    moved = events[len(events) - events[::-1].index(RENAMED) :]
    assert {flushed(place) for place in (root / "sub", bin_, bin_ / identifier)} <= set(moved)
    events.clear()
    run(writable, restore_deleted.TOOL, trash_id=identifier)
    assert flushed(root / "sub") in events[events.index(RENAMED) :]


@pytest.mark.parametrize("way", ["../sub", "{0}/../../sub", "link"])
def test_nothing_is_restored_from_anywhere_else(
    writable: Context, run: Run, root: Path, bin_: Path, places: Any, way: str
) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    for place in (root / "sub", places.outside):
        (place / "item").write_text("kept")
        (place / "origin").write_text("back")
    name = way.format(identifier)
    if way == "link":
        name = identifier[:-1] + ("0" if identifier[-1] != "0" else "1")
        (bin_ / name).symlink_to(places.outside)
    with pytest.raises(ToolFailure) as raised:
        run(writable, restore_deleted.TOOL, trash_id=name, destination="back")
    assert raised.value.code is Code.NOT_FOUND
    assert [each.trash_id for each in run(writable, restore_deleted.TOOL).deletions] == [identifier]
    for place in (root / "sub", places.outside):
        assert (place / "item").read_text() == "kept"
    assert not (root / "back").exists()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("planted", ["pipe", "link", "no number", "nothing"])
def test_what_is_told_of_a_deletion_is_read_from_a_file_of_its_own(
    writable: Context, run: Run, root: Path, bin_: Path, planted: str
) -> None:
    whole = run(writable, delete_file.TOOL, path="a.txt").trash_id
    other = run(writable, delete_file.TOOL, path="sub/b.py").trash_id
    origin = bin_ / other / "origin"
    origin.unlink()
    match planted:
        case "pipe":
            os.mkfifo(origin)
        case "link":
            (root / "told").write_text("7\0elsewhere")
            origin.symlink_to(root / "told")
        case "no number":
            origin.write_text("x\0y")
        case _:
            pass
    listed = {each.trash_id: each.path for each in run(writable, restore_deleted.TOOL).deletions}
    assert listed[whole] == "a.txt"
    assert listed.get(other) != "elsewhere"


def test_a_link_in_the_place_of_an_item_is_not_followed(writable: Context, run: Run, bin_: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    (bin_ / identifier / "item").unlink()
    (bin_ / identifier / "item").symlink_to("/etc/passwd")
    (only,) = run(writable, restore_deleted.TOOL).deletions
    assert (only.trash_id, only.type) == (identifier, "symlink")


def test_the_longest_place_has_room_beside_the_largest_number() -> None:
    assert len(Told(b"x" * 4096, (1 << 63) - 1).encoded()) <= MOST_ORIGIN_BYTES


def test_what_somebody_else_has_ended_meanwhile_is_not_there(
    writable: Context, run: Run, root: Path, bin_: Path
) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    opened = os.open(bin_, os.O_RDONLY | os.O_DIRECTORY)
    held = os.open(bin_ / identifier, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (bin_ / identifier).rename(bin_ / "aside")
        for another in (False, True):
            if another:
                (bin_ / identifier).mkdir()
            with pytest.raises(ToolFailure) as raised:
                Entry(opened, identifier, held).claim()
            assert raised.value.code is Code.NOT_FOUND
            with pytest.raises(FileNotFoundError):
                Entry(opened, identifier, held).condemn(f"gone-{identifier}")
        assert sorted(os.listdir(bin_)) == sorted(["aside", identifier])
    finally:
        os.close(held)
        os.close(opened)


def test_a_file_system_without_locks_gives_back_and_removes_nothing(
    writable: Context, run: Run, root: Path, bin_: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", cannot)
    kept, back = (run(writable, delete_file.TOOL, path=path).trash_id for path in ("a.txt", "sub/b.py"))
    with find_trash(writable.space.roots[0], writable.writing.durability) as found:
        assert found is not None
        found.tidy()
        with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
            found.discard(kept, writable.space.roots[0], lambda: False)
    assert sorted(os.listdir(bin_)) == sorted([kept, back])
    assert run(writable, restore_deleted.TOOL, trash_id=back).path == "sub/b.py"


@pytest.mark.parametrize("whose", ["a group's", "somebody's"])
def test_a_trash_that_others_may_look_into_is_not_used(
    writable: Context, run: Run, root: Path, bin_: Path, whose: str
) -> None:
    bin_.mkdir(0o700)
    if whose == "a group's":
        bin_.chmod(0o750)
    elif os.geteuid() == 0:
        os.chown(bin_, 12345, -1)
    else:
        pytest.skip("only root gives folders away")
    with pytest.raises(ToolFailure) as raised:
        run(writable, delete_file.TOOL, path="a.txt")
    assert raised.value.code is Code.UNSUPPORTED
    assert (root / "a.txt").exists()


def test_a_deletion_without_an_item_is_removed_like_any_other(writable: Context, run: Run, bin_: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    (bin_ / identifier / "item").unlink()
    root = writable.space.roots[0]
    with find_trash(root, writable.writing.durability) as found:
        assert found is not None
        found.discard(identifier, root, lambda: False)
    assert os.listdir(bin_) == []


def test_what_only_begins_like_a_deletion_is_none(writable: Context, run: Run, bin_: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    (bin_ / identifier).rename(bin_ / f"{identifier}-kept")
    assert run(writable, restore_deleted.TOOL).deletions == []
    for name in (f"{identifier}-kept", identifier):
        with pytest.raises(ToolFailure) as raised:
            run(writable, restore_deleted.TOOL, trash_id=name)
        assert raised.value.code is Code.NOT_FOUND
    assert sorted(os.listdir(bin_ / f"{identifier}-kept")) == ["item", "origin"]
