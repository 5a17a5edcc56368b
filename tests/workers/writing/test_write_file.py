"""What `write_file` writes, and what it does not; rows of sections E and T that need no server."""

import base64
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
from filewarden.workers.tools import edit_file, write_file
from filewarden.workers.writing import renames
from tests.workers.writing.conftest import edits

Run = Callable[..., Any]
Json = dict[str, Any]


def test_a_new_file_is_nobody_elses_to_change(writable: Context, run: Run, root: Path) -> None:
    """E15, E25: no execute bit, no right to write for others, whatever the process or the folder allows."""
    old = os.umask(0)
    try:
        written = run(writable, write_file.TOOL, path="x/new", content="#!/bin/sh\n", create_parents=True)
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / "x" / "new").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "x").stat().st_mode) == 0o755
    assert (written.path, written.size, written.created) == ("x/new", 10, True)
    assert written.sha256 == hashlib.sha256(b"#!/bin/sh\n").hexdigest()


def test_what_is_there_stays_unless_asked(refused: Callable[..., ToolFailure]) -> None:
    assert refused(write_file.TOOL, path="a.txt", content="x").code is Code.ALREADY_EXISTS
    assert refused(write_file.TOOL, path="sub", content="x", overwrite=True).code is Code.NOT_A_FILE
    assert refused(write_file.TOOL, path="a.txt/x", content="x").code is Code.NOT_A_DIRECTORY
    assert refused(write_file.TOOL, path="a.txt/x/y", content="x", create_parents=True).code is Code.NOT_A_DIRECTORY
    assert refused(write_file.TOOL, path="x/new", content="x").code is Code.NOT_FOUND
    both = refused(write_file.TOOL, path="a.txt", content="x", overwrite=True, append=True)
    assert both.code is Code.INVALID_ARGUMENT


def test_e11_another_version_than_expected_is_a_conflict(
    refused: Callable[..., ToolFailure], writable: Context, run: Run, root: Path
) -> None:
    stale = "0" * 64
    digest = hashlib.sha256((root / "a.txt").read_bytes()).hexdigest()
    more: Json
    for more in ({"overwrite": True}, {"append": True}):
        found = refused(write_file.TOOL, path="a.txt", content="x", expected_sha256=stale, **more)
        assert (found.code, found.details["sha256"]) == (Code.CONFLICT, digest)
    found = refused(edit_file.TOOL, path="a.txt", edits=edits(("alpha", "b")), expected_sha256=stale)
    assert found.code is Code.CONFLICT
    assert refused(write_file.TOOL, path="new", content="x", expected_sha256=stale).code is Code.CONFLICT
    wrong = refused(write_file.TOOL, path="a.txt", content="x", overwrite=True, expected_sha256="abc")
    assert wrong.code is Code.INVALID_ARGUMENT
    run(writable, write_file.TOOL, path="a.txt", content="x", overwrite=True, expected_sha256=digest.upper())
    assert (root / "a.txt").read_text() == "x"


def test_t13_a_writer_between_reading_and_replacing_loses_nothing(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process replaces the file at the last moment: its bytes stay, and the edit is a conflict."""
    real = renames.exchange
    calls = 0

    def late(*names: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            (root / "theirs").write_text("theirs\n")
            os.replace(root / "theirs", root / "a.txt")
        real(*names)

    monkeypatch.setattr(renames, "exchange", late)
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "ours")))
    assert raised.value.code is Code.CONFLICT
    assert (root / "a.txt").read_text() == "theirs\n"
    assert sorted(os.listdir(root)) == ["a.txt", "sub"]


def test_a_file_system_that_cannot_exchange(
    writable: Context, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(renames, "exchange", cannot)
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (root / "a.txt").read_text() == "beta\n"
    assert sorted(os.listdir(root)) == ["a.txt", "sub"]


def test_other_names_of_a_file_keep_the_old_content(writable: Context, run: Run, root: Path) -> None:
    (root / "twin").hardlink_to(root / "a.txt")
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (root / "twin").read_text() == "alpha\n"
    assert (root / "a.txt").stat().st_nlink == 1


@pytest.mark.parametrize("spelling", ["base64", " Base64 "])
def test_bytes_are_written_as_read_file_gives_them(writable: Context, run: Run, root: Path, spelling: str) -> None:
    data = bytes(range(256)) * 5
    text = base64.encodebytes(data).decode()
    written = run(writable, write_file.TOOL, path="new.bin", content=text, encoding=spelling)
    assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (root / "new.bin").read_bytes() == data
    run(writable, write_file.TOOL, path="new.bin", content="AAEC", encoding=spelling, append=True)
    assert (root / "new.bin").read_bytes() == data + b"\0\1\2"
    run(writable, write_file.TOOL, path="new.bin", content="/w==", encoding=spelling, overwrite=True)
    assert (root / "new.bin").read_bytes() == b"\xff"


@pytest.mark.parametrize("content", ["A", "AA=A", "!!!!", "AA", "\xe9AAA"])
def test_what_is_no_base64_changes_nothing(writable: Context, run: Run, root: Path, content: str) -> None:
    for way in ({"overwrite": True}, {"append": True}):
        with pytest.raises(ToolFailure, match="not base64") as raised:
            run(writable, write_file.TOOL, path="a.txt", content=content, encoding="base64", **way)
        assert raised.value.code is Code.INVALID_ARGUMENT
    assert (root / "a.txt").read_text() == "alpha\n"
