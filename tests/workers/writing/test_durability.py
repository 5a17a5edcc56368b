"""What is on the disk when a change is answered: what it takes to find it there after a loss of power, or nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.rules.durability import Durability
from filewarden.workers.tools import copy_file, create_directory, delete_file, edit_file, move_file, write_file
from filewarden.workers.writing import renames

Run = Callable[..., Any]
Events = list[tuple[str, int]]
RENAMED = ("renamed", 0)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """Which inodes were flushed, and that something was renamed, in the order in which that had happened."""
    seen: Events = []
    rename = renames._renameat2  # noqa: SLF001

    def flushing(real: Callable[[int], None]) -> Callable[[int], None]:
        def flush(fd: int) -> None:
            inode = os.fstat(fd).st_ino
            real(fd)
            seen.append(("flushed", inode))

        return flush

    def renaming(*arguments: Any) -> Any:
        done = rename(*arguments)
        seen.append(RENAMED)
        return done

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, flushing(getattr(os, name)))
    monkeypatch.setattr(renames, "_renameat2", renaming)
    return seen


def flushed(path: Path) -> tuple[str, int]:
    return "flushed", path.stat().st_ino


CONTENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "create": (write_file.TOOL, {"path": "sub/new", "content": "x"}),
    "overwrite": (write_file.TOOL, {"path": "sub/b.py", "content": "x", "overwrite": True}),
    "append": (write_file.TOOL, {"path": "sub/b.py", "content": "x", "append": True}),
    "edit": (edit_file.TOOL, {"path": "sub/b.py", "edits": [{"old_text": "b = 1", "new_text": "b = 2"}]}),
    "copy": (copy_file.TOOL, {"source": "a.txt", "destination": "sub/new"}),
}


@pytest.mark.parametrize("way", CONTENTS)
def test_content_is_flushed_before_it_is_put_in_place_and_its_name_before_the_answer(
    recording: Context, run: Run, root: Path, folder: Path, events: Events, way: str
) -> None:
    tool, arguments = CONTENTS[way]
    run(recording, tool, **arguments)
    place = root / (arguments.get("path") or arguments["destination"])
    put_in_place = len(events) - 1 - events[::-1].index(RENAMED)
    assert flushed(place) in events[:put_in_place]
    assert flushed(root / "sub") in events[put_in_place:]
    (kept,) = folder.glob("*.open")
    assert flushed(kept) in events[:put_in_place], "what was there before is in the history first"


NAMES: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "folders": (create_directory.TOOL, {"path": "x/y"}, (".", "x")),
    "parents": (write_file.TOOL, {"path": "x/new", "content": "x", "create_parents": True}, (".", "x")),
    "move": (move_file.TOOL, {"source": "a.txt", "destination": "sub/new"}, (".", "sub")),
    "trash": (delete_file.TOOL, {"path": "sub/b.py"}, ("sub", ".filewarden-trash/*")),
    "for good": (delete_file.TOOL, {"path": "sub/b.py", "permanent": True}, ("sub",)),
}


@pytest.mark.parametrize("way", NAMES)
def test_every_folder_whose_names_have_changed_is_flushed(
    recording: Context, run: Run, root: Path, events: Events, way: str
) -> None:
    tool, arguments, folders = NAMES[way]
    run(recording, tool, **arguments)
    for name in folders:
        (place,) = root.glob(name) if "*" in name else (root / name,)
        assert flushed(place) in events, name


CHANGES = {**CONTENTS, **{way: change[:2] for way, change in NAMES.items()}}


@pytest.mark.parametrize("way", CHANGES)
def test_with_rename_nothing_waits_for_the_disk(
    opened: Callable[..., Context], writable: Context, run: Run, events: Events, way: str
) -> None:
    tool, arguments = CHANGES[way]
    run(opened(writing=msgspec.structs.replace(writable.writing, durability=Durability.RENAME)), tool, **arguments)
    assert set(events) <= {RENAMED}
