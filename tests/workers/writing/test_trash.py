"""A deletion on its way into the trash and out of it, with others at work at the same moment."""

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
    assert os.listdir(bin_) == [identifier], "what is whole stays"


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
