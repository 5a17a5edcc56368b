"""Real other file systems in a root: small ones, read-only ones, and what is mounted in a folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.root import open_root
from filewarden.workers.paths.space import Space
from filewarden.workers.tools import copy_file, create_directory, delete_file, edit_file, move_file, write_file
from tests.workers.own_mounts import mount, with_own_mounts

Run = Callable[..., Any]


def inside(writable: Context, root: Path) -> Context:
    """A context of this world: the root is opened anew, as what was opened before has none of its mounts."""
    return msgspec.structs.replace(writable, space=Space((open_root("R", str(root), writable=True),)))


def refusal(run: Run, context: Context, tool: Any, **arguments: Any) -> ToolFailure:
    try:
        done = run(context, tool, **arguments)
    except ToolFailure as failure:
        return failure
    raise AssertionError(f"not refused: {done}")


def test_e13_a_full_disk_leaves_the_old(run: Run, writable: Context, root: Path) -> None:
    def prepare() -> None:
        mount("tmpfs", root / "sub", kind="tmpfs", options="size=64k")

    def act() -> None:
        context = inside(writable, root)
        old = "old\n" * 5000
        run(context, write_file.TOOL, path="sub/f", content=old)
        big = "x" * 100_000
        for tool, arguments in (
            (write_file.TOOL, {"path": "sub/new", "content": big}),
            (write_file.TOOL, {"path": "sub/f", "content": big, "overwrite": True}),
            (write_file.TOOL, {"path": "sub/f", "content": big, "append": True}),
            (
                edit_file.TOOL,
                {"path": "sub/f", "edits": [{"old_text": "old", "new_text": "older" * 4, "replace_all": True}]},
            ),
            (copy_file.TOOL, {"source": "big", "destination": "sub/copy"}),
        ):
            failure = refusal(run, context, tool, **arguments)
            assert (failure.code, failure.details["errno"]) == (Code.IO_ERROR, "ENOSPC"), failure.message
        assert (root / "sub" / "f").read_text() == old
        assert os.listdir(root / "sub") == ["f"]

    (root / "big").write_bytes(bytes(100_000))
    with_own_mounts(prepare, act)


def test_e18_e20_what_is_mounted_apart_stays_apart(run: Run, writable: Context, root: Path) -> None:
    def prepare() -> None:
        mount("tmpfs", root / "sub" / "deep", kind="tmpfs")

    def act() -> None:
        context = inside(writable, root)
        (root / "sub" / "deep" / "kept").write_text("kept")
        for tool, arguments in (
            (move_file.TOOL, {"source": "sub/deep/kept", "destination": "moved"}),
            (move_file.TOOL, {"source": "a.txt", "destination": "sub/deep/moved"}),
            (move_file.TOOL, {"source": "sub", "destination": "moved"}),
            (delete_file.TOOL, {"path": "sub/deep/kept"}),
            (delete_file.TOOL, {"path": "sub", "recursive": True}),
            (delete_file.TOOL, {"path": "sub", "recursive": True, "permanent": True}),
        ):
            assert refusal(run, context, tool, **arguments).code is Code.UNSUPPORTED
        assert (root / "sub" / "deep" / "kept").read_text() == "kept"
        assert (root / "sub" / "b.py").exists()
        assert sorted(name for name in os.listdir(root) if "trash" not in name) == ["a.txt", "sub"]
        assert [names for _, names, _ in os.walk(root / ".filewarden-trash")] == [[]]
        run(context, copy_file.TOOL, source="sub/deep/kept", destination="copy")
        run(context, delete_file.TOOL, path="sub/deep/kept", permanent=True)
        assert (root / "copy").read_text() == "kept"

    with_own_mounts(prepare, act)


def test_a_read_only_file_system_is_said(run: Run, writable: Context, root: Path) -> None:
    def prepare() -> None:
        mount("tmpfs", root / "sub", kind="tmpfs", options="ro")

    def act() -> None:
        context = inside(writable, root)
        for tool, arguments in (
            (write_file.TOOL, {"path": "sub/new", "content": "x"}),
            (create_directory.TOOL, {"path": "sub/new"}),
        ):
            assert refusal(run, context, tool, **arguments).code is Code.READ_ONLY

    with_own_mounts(prepare, act)
