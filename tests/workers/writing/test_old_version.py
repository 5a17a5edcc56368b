"""The version of a file that a change is based on, where something else takes its place."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tools import edit_file
from filewarden.workers.writing import old_version, target
from tests.workers.writing.conftest import edits


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["a.txt", "link"])
def test_a_pipe_that_takes_the_place_of_a_file_holds_nobody_up(
    writable: Context, run: Callable[..., Any], root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    look = target.require_file

    def late(*arguments: Any) -> os.stat_result:
        state = look(*arguments)
        (root / "a.txt").unlink()
        os.mkfifo(root / "a.txt")
        return state

    (root / "link").symlink_to("a.txt")
    monkeypatch.setattr(old_version, "require_file", late)
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path=name, edits=edits(("alpha", "x")))
    assert raised.value.code is Code.CONFLICT
