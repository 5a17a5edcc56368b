"""Changes whose maker died, and files of the history that a loss of power has torn: what is told of them is true."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import ToolFailure
from filewarden.workers.history import entry
from filewarden.workers.history.image import Image
from filewarden.workers.history.recorded import Recorded
from filewarden.workers.rules.trash_bounds import TrashBounds
from filewarden.workers.tools import delete_file, list_changes, move_file, restore_deleted, undo_change, write_file
from filewarden.workers.writing import housekeeping, renames
from filewarden.workers.writing.drafts import Draft
from filewarden.workers.writing.housekeeping import settle_history, tidy_roots
from tests.workers.writing.test_history import CHANGES, changes, files, forget, look

Run = Callable[..., Any]
Open = Callable[..., Context]

BEFORE, AFTER = "before the change", "after the change"


def killed(at: tuple[Any, str], when: str, work: Callable[[], object]) -> None:
    """Let a child work, and die before or after a function is called for the first time."""
    child = os.fork()
    if child == 0:
        try:
            place, name = at
            real = getattr(place, name)

            def die(*arguments: Any, **more: Any) -> None:
                if when == AFTER:
                    real(*arguments, **more)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(place, name, die)
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "the work did not come so far"


@pytest.mark.parametrize("way", CHANGES)
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_e12_after_a_death_the_history_tells_whether_the_change_was_made(
    opened: Open, run: Run, root: Path, folder: Path, way: str, moment: str
) -> None:
    recording = opened()
    (root / "a.txt").write_bytes(b"old\r\n")
    tool, arguments = CHANGES[way]
    before = look(root)
    at = (Image, "announce") if moment == BEFORE else (Image, "settle")
    killed(at, AFTER if moment == BEFORE else BEFORE, lambda: run(opened(), tool, **arguments))
    tidy_roots(recording.space, 10.0)
    if moment == BEFORE:
        assert look(root) == before
        assert changes(run, recording) == []
        assert files(folder) == []
        return
    after = look(root)
    assert after != before
    (change,) = changes(run, recording)
    assert change.progress == "made"
    run(recording, undo_change.TOOL, id=change.id)
    assert look(root) == before
    run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert look(root) == after


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_restore_that_was_interrupted_is_told_of_as_it_ended(opened: Open, run: Run, root: Path, moment: str) -> None:
    recording = opened()
    gone = run(recording, delete_file.TOOL, path="a.txt").trash_id
    killed((renames, "without_replacing"), moment, lambda: run(opened(), restore_deleted.TOOL, trash_id=gone))
    told = [(change.action, change.progress) for change in changes(run, recording)]
    assert told == ([("trash", "made")] if moment == BEFORE else [("restore", "made"), ("trash", "made")])
    assert (root / "a.txt").exists() == (moment == AFTER)


def test_a_folder_that_was_removed_in_part_stays_unknown(opened: Open, run: Run, root: Path) -> None:
    recording = opened()
    arguments = {"path": "sub", "recursive": True, "permanent": True}
    killed((os, "unlink"), AFTER, lambda: run(opened(), delete_file.TOOL, **arguments))
    (change,) = changes(run, recording)
    assert (change.action, change.progress) == ("removal", "interrupted")
    shutil.rmtree(root / "sub")
    (change,) = changes(run, recording)
    assert change.progress == "made"


def left(folder: Path, recorded: Recorded) -> None:
    """A change that a worker which was taken over says to have begun."""
    identifier = f"{time.time_ns():016x}00000000"
    told = entry.told_of(recorded)
    (folder / f"{identifier}.open").write_bytes(entry.head_of(identifier, 0, told) + told)


@pytest.mark.parametrize("place", ["/\\x00", "{root}/\\x41", "{root}/a\0b", "{root}/..", "", "no place"])
def test_what_a_captured_worker_left_in_the_history_stops_nobody(
    opened: Open, run: Run, root: Path, folder: Path, place: str
) -> None:
    path = place.format(root=root)
    for action in ("content", "move", "trash"):
        left(folder, Recorded(operation="o", principal="p", action=action, path=path, source=path, trash_id="../a"))
    recording = opened()
    settle_history(recording)
    run(recording, write_file.TOOL, path="new.txt", content="text")
    assert changes(run, recording)[0].path == "new.txt"


def test_whatever_fails_in_what_nobody_has_asked_for_costs_no_worker(
    opened: Open, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = opened()
    keeper = housekeeping.Housekeeper(recording.space, TrashBounds())
    for name in ("tidy_roots", "empty_trash", "resolve_all"):
        monkeypatch.setattr(housekeeping, name, lambda *_: int("no number"))
    keeper.begin()
    settle_history(recording)
    keeper.rest()
    assert capsys.readouterr().err.count("ValueError") == 3


def moved_over(recording: Context, run: Run, root: Path) -> str:
    """Let a move replace a file; the change's id."""
    (root / "a.txt").write_text("moved")
    (root / "sub" / "b.py").write_text("replaced")
    (root / "sub" / "b.py").chmod(0o640)
    run(recording, move_file.TOOL, source="a.txt", destination="sub/b.py", overwrite=True)
    identifier: str = changes(run, recording)[0].id
    return identifier


@pytest.mark.parametrize("finisher", ["the next worker", "undo_change"])
def test_an_undo_of_an_overwriting_move_that_was_killed_in_the_middle_is_finished(
    opened: Open, run: Run, root: Path, finisher: str
) -> None:
    recording = opened()
    identifier = moved_over(recording, run, root)
    killed((Draft, "create"), BEFORE, lambda: run(opened(), undo_change.TOOL, id=identifier))
    assert (root / "a.txt").read_text() == "moved"
    assert not (root / "sub" / "b.py").exists()
    half = changes(run, recording)[0]
    assert (half.progress, half.undoes) == ("interrupted", identifier)
    if finisher == "undo_change":
        run(recording, undo_change.TOOL, id=half.id)  # finished first, and then taken back
        assert (root / "sub" / "b.py").read_text() == "moved"
        run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    else:
        settle_history(recording)
    assert (root / "a.txt").read_text() == "moved"
    assert (root / "sub" / "b.py").read_text() == "replaced"
    assert (root / "sub" / "b.py").stat().st_mode & 0o777 == 0o640
    assert {change.progress for change in changes(run, recording)} == {"made"}


def test_what_has_come_into_the_gap_meanwhile_stays(opened: Open, run: Run, root: Path) -> None:
    recording = opened()
    identifier = moved_over(recording, run, root)
    killed((Draft, "create"), BEFORE, lambda: run(opened(), undo_change.TOOL, id=identifier))
    (root / "sub" / "b.py").write_text("somebody else's")
    settle_history(recording)
    assert (root / "sub" / "b.py").read_text() == "somebody else's"
    assert changes(run, recording)[0].progress == "interrupted"


def test_an_undo_that_has_no_room_for_what_comes_back_changes_nothing(
    opened: Open, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = opened()
    identifier = moved_over(recording, run, root)
    before = look(root)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "write", full)
        with pytest.raises(ToolFailure, match="No space"):
            run(recording, undo_change.TOOL, id=identifier)
    assert look(root) == before
    assert len(changes(run, recording)) == 1


# A loss of power.


def test_a_pending_file_torn_anywhere_is_no_change_and_goes(opened: Open, run: Run, root: Path, folder: Path) -> None:
    recording = opened()
    (root / "a.txt").write_text("old" * 30)
    killed((Image, "announce"), AFTER, lambda: run(opened(), *overwriting()[:1], **overwriting()[1]))
    (pending,) = folder.glob("*.open")
    whole = pending.read_bytes().rstrip(b"\0")
    for length in (*range(0, len(whole), 9), *range(len(whole) - 20, len(whole))):
        for torn in (whole[:length], whole[:length] + bytes(len(whole) - length)):
            pending.write_bytes(torn)
            assert changes(run, recording) == []
            assert not pending.exists()
    assert (root / "a.txt").read_text() == "old" * 30


def overwriting() -> tuple[Any, dict[str, Any]]:
    return write_file.TOOL, {"path": "a.txt", "content": "new", "overwrite": True}


def test_a_torn_file_of_a_change_that_was_made_is_told_as_lost_and_brings_nothing_back(
    recording: Context, run: Run, root: Path, folder: Path
) -> None:
    (root / "a.txt").write_text("old" * 30)
    tool, arguments = overwriting()
    run(recording, tool, **arguments)
    (change,) = changes(run, recording)
    forget(recording)
    (kept,) = files(folder)
    whole = kept.read_bytes()
    for length in range(0, len(whole), 3):
        kept.write_bytes(whole[:length])
        page = run(recording, list_changes.TOOL)
        assert (page.changes, page.lost) == ([], 1)
        with pytest.raises(ToolFailure, match=r"cannot be read|No change"):
            run(recording, undo_change.TOOL, id=change.id)
        assert (root / "a.txt").read_text() == "new"


def test_a_loss_of_what_said_that_a_change_was_made_is_found_out(
    recording: Context, run: Run, root: Path, folder: Path
) -> None:
    tool, arguments = overwriting()
    run(recording, tool, **arguments)
    (change,) = changes(run, recording)
    forget(recording)
    (file,) = files(folder)
    with file.open("r+b") as kept:
        entry.set_mark(kept.fileno(), 0, entry.BEGUN)
    file.rename(folder / f"{change.id}.open")
    assert [(each.id, each.progress) for each in changes(run, recording)] == [(change.id, "made")]
    assert files(folder) == [folder / f"{change.id}.1"]


def test_a_loss_of_the_sums_is_counted_anew(opened: Open, run: Run, root: Path, folder: Path) -> None:
    tight = opened(max_bytes=65_536)
    for damage in (b"", b"\0" * 40, b"\xff" * 7):
        for number in range(20):
            run(tight, write_file.TOOL, path="a.txt", content=f"{number}", overwrite=True)
        (folder / "usage").write_bytes(damage)
        run(tight, write_file.TOOL, path="a.txt", content="x", overwrite=True)
        assert sum(max(4096, path.stat().st_size) for path in folder.iterdir()) <= 65_536 + 4096
