"""Every system call of a change fails once, in turn: the old or the new stays, nothing is left over, and it is said."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.reserved import is_draft
from filewarden.workers.tool import Tool
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    edit_file,
    move_file,
    restore_deleted,
    write_file,
)
from filewarden.workers.writing import renames
from filewarden.workers.writing.drafts import sweep

Run = Callable[..., Any]

CALLS = (
    *("open", "write", "fsync", "fchmod", "rename", "mkdir", "unlink", "rmdir", "setxattr", "read", "pread", "pwrite"),
    *("ftruncate", "stat", "fstatvfs", "scandir", "listdir", "listxattr", "getxattr"),
)
"""All that can fail by what the disk does; what is known of an open file is in memory."""
OLD, NEW = "alpha\n", "beta\n"
CASES = [
    pytest.param(write_file.TOOL, {"path": "new", "content": NEW}, id="create"),
    pytest.param(
        write_file.TOOL, {"path": "x/y/new", "content": NEW, "create_parents": True}, id="create with parents"
    ),
    pytest.param(write_file.TOOL, {"path": "a.txt", "content": NEW, "overwrite": True}, id="overwrite"),
    pytest.param(write_file.TOOL, {"path": "a.txt", "content": NEW, "append": True}, id="append"),
    pytest.param(edit_file.TOOL, {"path": "a.txt", "edits": [{"old_text": "alpha", "new_text": "beta"}]}, id="edit"),
    pytest.param(create_directory.TOOL, {"path": "x/y/z"}, id="folders"),
    pytest.param(move_file.TOOL, {"source": "a.txt", "destination": "sub/new"}, id="move"),
    pytest.param(move_file.TOOL, {"source": "a.txt", "destination": "sub/b.py", "overwrite": True}, id="move over"),
    pytest.param(copy_file.TOOL, {"source": "a.txt", "destination": "sub/new"}, id="copy"),
    pytest.param(copy_file.TOOL, {"source": "a.txt", "destination": "sub/b.py", "overwrite": True}, id="copy over"),
    pytest.param(delete_file.TOOL, {"path": "a.txt"}, id="to the trash"),
    pytest.param(delete_file.TOOL, {"path": "sub", "recursive": True}, id="folder to the trash"),
    pytest.param(delete_file.TOOL, {"path": "a.txt", "permanent": True}, id="for good"),
]


class Fault:
    """Lets the n-th of the counted system calls fail, once."""

    def __init__(self, at: int, number: int) -> None:
        self._left = at
        self._number = number
        self.failed = ""

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if self.failed:
                return real(*arguments, **keywords)
            if self._left == 0:
                self.failed = name
                raise OSError(self._number, os.strerror(self._number))
            self._left -= 1
            return real(*arguments, **keywords)

        return call


@contextmanager
def failing(at: int, number: int) -> Iterator[Fault]:
    fault = Fault(at, number)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, fault.wrap(name, getattr(os, name)))
        patch.setattr(renames, "_renameat2", fault.wrap("renameat2", renames._renameat2))  # noqa: SLF001
        yield fault


def contents(root: Path) -> dict[str, str]:
    """Every file that clients can meet, by its name; the trash counts by what is in it."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and not is_draft(os.fsencode(path.name)) and path.name != "origin":
            found[str(path.relative_to(root))] = path.read_text()
    return found


def drafts(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if is_draft(os.fsencode(path.name))]


def restored(root: Path) -> None:
    """The root as it was before the call."""
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "a.txt").write_text(OLD)
    (root / "sub" / "b.py").write_text("b = 1\n")
    (root / "sub" / "deep" / "c.py").write_text("c = 1\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize(("tool", "arguments"), CASES)
def test_e13_old_or_new_after_any_failed_call(
    writable: Context, run: Run, root: Path, tool: Tool, arguments: dict[str, Any], number: int
) -> None:
    restored(root)
    before = contents(root)
    run(writable, tool, **arguments)
    after = {_anonymous(name): text for name, text in contents(root).items()}
    failures = 0
    for at in range(200):
        restored(root)
        with failing(at, number) as fault:
            refusal = attempt(writable, run, tool, arguments)
        if not fault.failed:
            break
        found = {_anonymous(name): text for name, text in contents(root).items()}
        assert found in (before, after), f"{fault.failed} failed: neither old nor new"
        if refusal is None:
            assert found == after, f"{fault.failed} failed, and nobody was told"
        else:
            failures += 1
            assert refusal.code is Code.IO_ERROR or fault.failed == "open", f"{fault.failed}: {refusal.message}"
            assert found == before or "Nothing was changed" not in refusal.message, f"{fault.failed} failed"
        if fault.failed == "unlink":
            sweep_all(root)
        assert drafts(root) == [], f"{fault.failed} failed: a draft is left"
    assert failures >= 3


def attempt(context: Context, run: Run, tool: Tool, arguments: dict[str, Any]) -> ToolFailure | None:
    """How a call fails: an error of the system is one of the tool, as a worker tells it."""
    try:
        run(context, tool, **arguments)
    except ToolFailure as failure:
        return failure
    except OSError as error:
        return ToolFailure(Code.IO_ERROR, str(error))
    return None


def _anonymous(name: str) -> str:
    parts = name.split("/")
    return "/".join("*" if parts[0] == ".filewarden-trash" and at == 1 else part for at, part in enumerate(parts))


def sweep_all(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        sweep(fd)
        os.close(fd)


def test_a_restore_that_fails_loses_nothing(writable: Context, run: Run, root: Path) -> None:
    identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
    for at in range(50):
        with failing(at, errno.EIO) as fault:
            refusal = attempt(writable, run, restore_deleted.TOOL, {"trash_id": identifier})
        if refusal is None:
            break
        if (root / "a.txt").exists():  # the folder's fsync came after
            identifier = run(writable, delete_file.TOOL, path="a.txt").trash_id
        assert fault.failed
    assert (root / "a.txt").read_text() == OLD


def test_min_free_bytes_is_left_to_others(writable: Context, run: Run, root: Path) -> None:
    full = msgspec.structs.replace(writable, writing=msgspec.structs.replace(writable.writing, min_free_bytes=10**15))
    before = contents(root)
    for tool, arguments in (
        (write_file.TOOL, {"path": "new", "content": "x"}),
        (write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True}),
        (copy_file.TOOL, {"source": "a.txt", "destination": "new"}),
    ):
        refusal = attempt(full, run, tool, arguments)
        assert refusal is not None
        assert (refusal.code, refusal.details["errno"]) == (Code.IO_ERROR, "ENOSPC")
    assert contents(root) == before


def test_drafts_of_the_living_are_not_swept(root: Path) -> None:
    import fcntl

    living = root / (".filewarden-draft-" + "a" * 32)
    dead = root / (".filewarden-draft-" + "b" * 32)
    alike = root / ".filewarden-draft-notes"
    for path in (living, dead, alike):
        path.write_text("x")
    pipe = root / (".filewarden-draft-" + "c" * 32)
    os.mkfifo(pipe)
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        with living.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert sweep(fd) == 1
        assert (living.exists(), dead.exists(), alike.exists(), pipe.exists()) == (True, False, True, True)
        assert sweep(fd) == 1
    finally:
        os.close(fd)
