"""Folders that are made, moves and copies; rows of section E that need no server."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tools import copy_file, create_directory, move_file
from filewarden.workers.writing import renames

Run = Callable[..., Any]


def test_folders_are_made_and_one_that_is_there_is_no_failure(writable: Context, run: Run, root: Path) -> None:
    assert run(writable, create_directory.TOOL, path="x/y/z/").created == ["x", "x/y", "x/y/z"]
    assert run(writable, create_directory.TOOL, path="x/y/z").created == []
    assert stat.S_IMODE((root / "x" / "y").stat().st_mode) == 0o755


def test_folders_that_cannot_be(refused: Callable[..., ToolFailure], root: Path) -> None:
    (root / "gap").symlink_to("nowhere")
    assert refused(create_directory.TOOL, path="a.txt").code is Code.NOT_A_DIRECTORY
    assert refused(create_directory.TOOL, path="x/y", create_parents=False).code is Code.NOT_FOUND
    assert refused(create_directory.TOOL, path="gap").code is Code.CONFLICT
    assert refused(create_directory.TOOL, path="/".join("x" * 80)).code is Code.INVALID_ARGUMENT
    assert refused(create_directory.TOOL, path="n" * 255 + "/" + "m" * 256).code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_e16_a_move_replaces_nothing_unless_asked(refused: Callable[..., ToolFailure], root: Path, kind: str) -> None:
    path = root / "there"
    match kind:
        case "file":
            path.write_text("x")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("a.txt")
        case _:
            path.symlink_to("nowhere")
    assert refused(move_file.TOOL, source="sub/b.py", destination="there").code is Code.ALREADY_EXISTS
    assert refused(copy_file.TOOL, source="sub/b.py", destination="there").code in (
        Code.ALREADY_EXISTS,
        Code.NOT_FOUND,
    )
    if kind == "folder":
        assert refused(move_file.TOOL, source="sub/b.py", destination="there", overwrite=True).code is Code.CONFLICT


def test_a_move_over_a_file_when_asked(writable: Context, run: Run, root: Path) -> None:
    moved = run(writable, move_file.TOOL, source="a.txt", destination="sub/b.py", overwrite=True)
    assert (moved.source, moved.destination, moved.type, moved.replaced) == ("a.txt", "sub/b.py", "file", True)
    assert (root / "sub" / "b.py").read_text() == "alpha\n"
    assert not (root / "a.txt").exists()


def test_e17_nothing_moves_into_itself(refused: Callable[..., ToolFailure], root: Path) -> None:
    (root / "twin").hardlink_to(root / "a.txt")
    assert refused(move_file.TOOL, source="sub", destination="sub/deep/x").code is Code.CONFLICT
    assert refused(move_file.TOOL, source="a.txt", destination="a.txt").code is Code.ALREADY_EXISTS
    assert refused(move_file.TOOL, source="a.txt", destination="twin", overwrite=True).code is Code.CONFLICT
    assert refused(copy_file.TOOL, source="a.txt", destination="twin", overwrite=True).code is Code.CONFLICT
    assert refused(move_file.TOOL, source="missing", destination="x").code is Code.NOT_FOUND


def test_a_case_only_rename(writable: Context, run: Run, root: Path) -> None:
    run(writable, move_file.TOOL, source="a.txt", destination="A.txt")
    assert sorted(os.listdir(root)) == ["A.txt", "sub"]


def test_e18_another_file_system_is_said(refused: Callable[..., ToolFailure], monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(renames, "without_replacing", elsewhere)
    found = refused(move_file.TOOL, source="a.txt", destination="new")
    assert found.code is Code.UNSUPPORTED
    assert "copy_file" in found.message


def test_a_copy_has_content_mode_and_nothing_else_in_common(writable: Context, run: Run, root: Path) -> None:
    (root / "a.txt").chmod(0o4777)
    copied = run(writable, copy_file.TOOL, source="a.txt", destination="sub/c")
    assert stat.S_IMODE((root / "sub" / "c").stat().st_mode) == 0o755
    assert copied.sha256 == hashlib.sha256(b"alpha\n").hexdigest()
    run(writable, copy_file.TOOL, source="sub/b.py", destination="a.txt", overwrite=True)
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o777
    assert (root / "sub" / "c").read_text() == "alpha\n"


def test_folders_are_not_copied(refused: Callable[..., ToolFailure]) -> None:
    assert refused(copy_file.TOOL, source="sub", destination="x").code is Code.NOT_A_FILE
