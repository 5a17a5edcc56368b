"""What tools say of paths that they cannot use is what the reference of tools says."""

import os
from pathlib import Path
from typing import Any

import pytest

from docs.writer.errors import EVERY_CALL, errors_of
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Tool

INSIDE = ("a.txt", "sub", "missing", "a.txt/below", "pipe", "binary", "x" * 300, ".git/config")
OUTSIDE = ("../OUT/canary.txt", "out", "")
OTHERS: dict[str, dict[str, Any]] = {
    "search_files": {"pattern": "*"},
    "search_text": {"pattern": "a"},
    "write_file": {"content": "new"},
    "edit_file": {"edits": [{"old_text": "alpha", "new_text": "beta"}]},
    "move_file": {"destination": "sub"},
    "copy_file": {"destination": "sub"},
    "restore_deleted": {"trash_id": "none"},
    "undo_change": {"id": "1"},
}
"""What a tool needs beside its path."""


def arguments_of(tool: Tool, path: str) -> dict[str, Any]:
    names = tool.arguments.__struct_fields__
    named = {"path": path, "source": path, "paths": [path], "destination": path}
    given = {name: value for name, value in named.items() if name in names}
    return {**given, **OTHERS.get(tool.name, {})}


def code_of(run: Any, context: Context, tool: Tool, path: str) -> Code | None:
    """How a call with that path ends."""
    try:
        run(context, tool, **arguments_of(tool, path))
    except ToolFailure as failure:
        return failure.code
    return None


@pytest.mark.parametrize("tool", CATALOGUE.tools, ids=lambda tool: tool.name)
def test_no_other_codes_than_those_of_the_reference(tool: Tool, writable: Context, root: Path, run: Any) -> None:
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to("../OUT")
    (root / "binary").write_bytes(bytes(range(256)) * 20)
    (root / ".git").mkdir()
    (root / ".git" / "config").touch()
    documented: set[Code] = {*errors_of(tool), *EVERY_CALL}
    seen = {code_of(run, writable, tool, path) for path in (*INSIDE, *OUTSIDE)} - {None}
    assert seen <= documented
