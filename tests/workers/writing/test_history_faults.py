"""Every system call of a recorded change fails once, in turn: the old or the new, and the history tells which."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code
from filewarden.workers.history import room
from filewarden.workers.tools import list_changes, undo_change, write_file
from filewarden.workers.writing import renames
from filewarden.workers.writing.housekeeping import settle_history
from tests.workers.writing.test_faults import Fault, attempt, drafts, sweep_all
from tests.workers.writing.test_history import CHANGES, changes, forget

Run = Callable[..., Any]
Open = Callable[..., Context]

CALLS = (
    *("open", "write", "fsync", "fchmod", "rename", "mkdir", "unlink", "rmdir", "setxattr", "pwrite", "pread"),
    *("fstatvfs", "listdir", "fdatasync", "ftruncate"),
)
MOST_CALLS = 200
TYPED = {Code.IO_ERROR, Code.CONFLICT, Code.NOT_FOUND, Code.UNSUPPORTED}


@contextmanager
def failing(at: int, number: int) -> Iterator[Fault]:
    fault = Fault(at, number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, fault.wrap(name, getattr(os, name)))
        patch.setattr(fcntl, "flock", fault.wrap("flock", fcntl.flock))
        patch.setattr(renames, "_renameat2", fault.wrap("renameat2", renames._renameat2))  # noqa: SLF001
        yield fault


def prepared(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "a.txt").write_text("old\n")
    (root / "sub" / "b.py").write_text("b = 1\n")
    (root / "sub" / "deep" / "c.py").write_text("c = 1\n")


def look(root: Path) -> dict[str, bytes | None]:
    """Every name that clients can meet, with contents."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if not any(part.startswith(".filewarden-") for part in path.relative_to(root).parts)
    }


def anew(opened: Open, folder: Path) -> Context:
    """An empty history."""
    for path in folder.iterdir():
        path.unlink()
    return opened()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("way", CHANGES)
def test_e13_the_history_tells_what_a_failed_call_has_left(
    opened: Open, run: Run, root: Path, folder: Path, way: str, number: int
) -> None:
    recording = opened()
    tool, arguments = CHANGES[way]
    prepared(root)
    before = look(root)
    run(recording, tool, **arguments)
    after = look(root)
    failures = 0
    for at in range(MOST_CALLS):
        prepared(root)
        recording = anew(opened, folder)
        with failing(at, number) as fault:
            refusal = attempt(recording, run, tool, arguments)
        if not fault.failed:
            break
        found, told = look(root), [(change.progress, change.action) for change in changes(run, recording)]
        assert found in (before, after), f"{fault.failed} failed: neither old nor new"
        assert len(told) == (found == after), f"{fault.failed} failed: {told} is told"
        assert all(progress == "made" for progress, _ in told)
        forget(recording)
        changes(run, recording)  # finds out about what is left
        assert list(folder.glob("*.open")) == []
        if refusal is None:
            assert found == after, f"{fault.failed} failed, and nobody was told"
        else:
            failures += 1
            assert refusal.code in TYPED, f"{fault.failed}: {refusal.code} {refusal.message}"
        if fault.failed == "unlink":
            sweep_all(root)
        assert drafts(root) == [], f"{fault.failed} failed: a draft is left"
        if told:
            run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
            assert look(root) == before
    assert 5 <= failures < MOST_CALLS


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("way", ["overwrite", "move", "move over", "delete", "folder"])
def test_e13_a_failed_undo_has_undone_or_has_not(
    opened: Open, run: Run, root: Path, folder: Path, way: str, number: int
) -> None:
    tool, arguments = CHANGES[way]
    for at in range(MOST_CALLS):
        prepared(root)
        recording = anew(opened, folder)
        before = look(root)
        run(recording, tool, **arguments)
        after, (change,) = look(root), changes(run, recording)
        with failing(at, number) as fault:
            refusal = attempt(recording, run, undo_change.TOOL, {"id": change.id})
        if not fault.failed:
            break
        settle_history(recording)
        found, told = look(root), changes(run, recording)
        assert found in (before, after), f"{fault.failed} failed: neither undone nor not"
        assert [each.progress for each in told] == ["made"] * (2 if found == before else 1), fault.failed
        assert refusal is not None or found == before, f"{fault.failed} failed, and nobody was told"
        assert drafts(root) == [] or fault.failed == "unlink"
        if drafts(root):
            sweep_all(root)
    assert at < MOST_CALLS - 1


def test_a_history_that_cannot_be_locked_stops_the_change(
    recording: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        refusal = attempt(recording, run, write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True})
    assert refusal is not None
    assert refusal.code is Code.IO_ERROR
    assert "could not be kept" in refusal.message
    assert (root / "a.txt").read_text() == "alpha\n"


def test_a_lock_that_another_server_keeps_holds_nobody_up(
    recording: Context, run: Run, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was stopped at the wrong moment, and that nobody continues."""
    monkeypatch.setattr(room, "USAGE_LOCK_S", 0.05)
    with (folder / "usage").open("wb") as usage:
        fcntl.flock(usage, fcntl.LOCK_EX)
        refusal = attempt(recording, run, write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True})
        assert refusal is not None
        assert refusal.code is Code.IO_ERROR
        assert "another server keeps the history locked" in refusal.message
        assert (root / "a.txt").read_text() == "alpha\n"
        assert run(recording, list_changes.TOOL).changes == []
    assert attempt(recording, run, write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True}) is None
