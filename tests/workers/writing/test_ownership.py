"""Whose a new version of a file is, what is said of that, and what an undo can bring back of somebody else's."""

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tools import copy_file, delete_file, edit_file, move_file, undo_change, write_file
from tests.workers.writing.test_history import changes

Run = Callable[..., Any]
STRANGER = 12345
"""An account and a group that nobody here has."""
ANYBODY = 2**32 - 1
"""What an entry of an access list names that is of no certain account or group (acl(5))."""

WAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "overwrite": (write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True}),
    "append": (write_file.TOOL, {"path": "a.txt", "content": "x", "append": True}),
    "edit": (edit_file.TOOL, {"path": "a.txt", "edits": [{"old_text": "alpha", "new_text": "x"}]}),
    "copy over": (copy_file.TOOL, {"source": "sub/b.py", "destination": "a.txt", "overwrite": True}),
}


def another_group() -> int:
    """A group that this process may give a file, and that its new files do not have."""
    others = [group for group in os.getgroups() if group != os.getegid()]
    if os.geteuid() != 0 and not others:
        pytest.skip("this account has one group only")
    return STRANGER if os.geteuid() == 0 else others[0]


def rights(path: Path) -> tuple[int, int]:
    state = path.stat()
    return stat.S_IMODE(state.st_mode), state.st_gid


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("before", "after"), [(0o660, 0o600), (0o664, 0o644), (0o666, 0o666), (0o640, 0o600)])
def test_a_group_that_is_lost_is_said_and_its_rights_go_to_no_other(
    writable: Context, run: Run, root: Path, way: str, before: int, after: int
) -> None:
    os.chown(root / "a.txt", -1, another_group())
    (root / "a.txt").chmod(before)
    tool, arguments = WAYS[way]
    assert run(writable, tool, **arguments).unkept == ("group",)
    assert rights(root / "a.txt") == (after, os.getegid())


@pytest.mark.parametrize("way", WAYS)
def test_a_group_that_is_the_folders_is_kept_with_its_rights(writable: Context, run: Run, root: Path, way: str) -> None:
    group = another_group()
    os.chown(root, -1, group)
    root.chmod(0o2775)
    os.chown(root / "a.txt", -1, group)
    (root / "a.txt").chmod(0o664)
    tool, arguments = WAYS[way]
    assert run(writable, tool, **arguments).unkept is msgspec.UNSET
    assert rights(root / "a.txt") == (0o664, group)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_said_where_everything_is_kept(writable: Context, run: Run, root: Path, way: str) -> None:
    (root / "a.txt").chmod(0o664)
    tool, arguments = WAYS[way]
    before = rights(root / "a.txt")
    assert run(writable, tool, **arguments).unkept is msgspec.UNSET
    assert rights(root / "a.txt") == before


def test_an_undo_says_that_a_group_does_not_come_back(recording: Context, run: Run, root: Path) -> None:
    os.chown(root / "a.txt", -1, another_group())
    (root / "a.txt").chmod(0o660)
    run(recording, write_file.TOOL, path="a.txt", content="x", overwrite=True)
    assert run(recording, undo_change.TOOL, id=changes(run, recording)[0].id).unkept == ("group",)
    assert (root / "a.txt").read_text() == "alpha\n"
    assert rights(root / "a.txt") == (0o600, os.getegid())


def test_an_access_list_that_does_not_come_back_gives_its_rights_to_no_group(
    recording: Context, run: Run, root: Path
) -> None:
    entries = (1, 6, ANYBODY), (2, 6, STRANGER), (4, 0, ANYBODY), (16, 6, ANYBODY), (32, 0, ANYBODY)
    access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(root / "a.txt", "system.posix_acl_access", access_list)
    except OSError:
        pytest.skip("this file system has no access lists")
    assert rights(root / "a.txt")[0] == 0o660
    tool, arguments = WAYS["edit"]
    run(recording, tool, **arguments)
    run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert os.getxattr(root / "a.txt", "system.posix_acl_access") == access_list
    run(recording, delete_file.TOOL, path="a.txt", permanent=True)
    assert run(recording, undo_change.TOOL, id=changes(run, recording)[0].id).unkept == ("group",)
    assert (root / "a.txt").read_text() == "alpha\n"
    assert rights(root / "a.txt")[0] == 0o600


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@needs_root
@pytest.mark.parametrize("way", ["move", "delete"])
def test_somebody_elses_file_comes_back_as_it_was(recording: Context, run: Run, root: Path, way: str) -> None:
    os.chown(root / "a.txt", STRANGER, STRANGER)
    (root / "a.txt").chmod(0o640)
    before = (root / "a.txt").stat()
    if way == "move":
        run(recording, move_file.TOOL, source="a.txt", destination="moved.txt")
    else:
        run(recording, delete_file.TOOL, path="a.txt")
    assert run(recording, undo_change.TOOL, id=changes(run, recording)[0].id).unkept is msgspec.UNSET
    after = (root / "a.txt").stat()
    assert (after.st_ino, after.st_uid, after.st_gid, after.st_mode) == (
        *(before.st_ino, before.st_uid, before.st_gid),
        before.st_mode,
    )


@needs_root
@pytest.mark.parametrize("way", ["deleted for good", "replaced by a move"])
def test_what_is_left_of_somebody_elses_file_comes_back_as_ours(
    recording: Context, run: Run, root: Path, way: str
) -> None:
    os.chown(root / "a.txt", STRANGER, STRANGER)
    (root / "a.txt").chmod(0o660)
    if way == "deleted for good":
        run(recording, delete_file.TOOL, path="a.txt", permanent=True)
    else:
        run(recording, move_file.TOOL, source="sub/b.py", destination="a.txt", overwrite=True)
    undone = run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert undone.unkept == ("owner", "group")
    assert (root / "a.txt").read_text() == "alpha\n"
    state = (root / "a.txt").stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (os.geteuid(), os.getegid(), 0o600)


@needs_root
def test_what_belongs_to_somebody_else_by_now_is_left_alone(recording: Context, run: Run, root: Path) -> None:
    run(recording, write_file.TOOL, path="a.txt", content="x", overwrite=True)
    os.chown(root / "a.txt", STRANGER, -1)
    with pytest.raises(ToolFailure, match="another account") as raised:
        run(recording, undo_change.TOOL, id=changes(run, recording)[0].id)
    assert raised.value.code is Code.ACCESS_DENIED
    assert (root / "a.txt").read_text() == "x"
