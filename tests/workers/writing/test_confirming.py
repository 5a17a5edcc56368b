"""Which changes the user is asked about, by the operator's policy; nothing is changed before there is a yes to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.inquiry import Inputs, Inquiry
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.tools import (
    copy_file,
    create_directory,
    delete_file,
    edit_file,
    list_changes,
    move_file,
    restore_deleted,
    undo_change,
    write_file,
)

Run = Callable[..., Any]
Way = tuple[Any, dict[str, Any]]

EDITS = [{"old_text": "alpha", "new_text": "beta"}]
ADDING: dict[str, Way] = {
    "create": (write_file.TOOL, {"path": "new", "content": "x"}),
    "append": (write_file.TOOL, {"path": "a.txt", "content": "x", "append": True}),
    "folder": (create_directory.TOOL, {"path": "made"}),
    "copy": (copy_file.TOOL, {"source": "a.txt", "destination": "new"}),
    "move": (move_file.TOOL, {"source": "a.txt", "destination": "new"}),
}
DESTROYING: dict[str, Way] = {
    "overwrite": (write_file.TOOL, {"path": "a.txt", "content": "x", "overwrite": True}),
    "edit": (edit_file.TOOL, {"path": "a.txt", "edits": EDITS}),
    "copy over": (copy_file.TOOL, {"source": "sub/b.py", "destination": "a.txt", "overwrite": True}),
    "move over": (move_file.TOOL, {"source": "sub/b.py", "destination": "a.txt", "overwrite": True}),
    "move a folder": (move_file.TOOL, {"source": "sub", "destination": "new"}),
    "delete": (delete_file.TOOL, {"path": "a.txt"}),
    "delete for good": (delete_file.TOOL, {"path": "a.txt", "permanent": True}),
    "delete a folder": (delete_file.TOOL, {"path": "sub", "recursive": True}),
}
YES, NO = ({"confirm": {"action": "accept", "content": {"confirm": said}}} for said in (True, False))


def asked(run: Run, context: Context, tool: Any, arguments: dict[str, Any]) -> bytes:
    """The state of the question that a call ends with."""
    with pytest.raises(Inquiry) as raised:
        run(context, tool, **arguments)
    return raised.value.state


def under(context: Context, policy: Policy, answers: dict[str, Any] | None = None, state: bytes = b"") -> Context:
    return msgspec.structs.replace(context, confirm=policy, inputs=Inputs(answers or {}, state))


@pytest.mark.parametrize("way", [*ADDING, *DESTROYING])
def test_each_policy_asks_about_what_it_names(recording: Context, run: Run, root: Path, disk: Any, way: str) -> None:
    tool, arguments = {**ADDING, **DESTROYING}[way]
    before = disk(root)
    for policy in (Policy.ALWAYS, Policy.DESTRUCTIVE) if way in DESTROYING else (Policy.ALWAYS,):
        careful = under(recording, policy)
        state = asked(run, careful, tool, arguments)
        with pytest.raises(ToolFailure) as raised:
            run(under(careful, policy, NO, state), tool, **arguments)
        assert raised.value.code is Code.DECLINED
        with pytest.raises(ToolFailure) as raised:
            run(under(careful, policy, YES, b"of another question"), tool, **arguments)
        assert raised.value.code is Code.CONFLICT
        assert disk(root) == before
    if way in DESTROYING:
        run(under(recording, Policy.DESTRUCTIVE, YES, state), tool, **arguments)
    else:
        run(under(recording, Policy.DESTRUCTIVE), tool, **arguments)
    assert disk(root) != before


@pytest.mark.parametrize("way", ["undo", "restore"])
def test_what_brings_back_is_asked_about_too(recording: Context, run: Run, root: Path, disk: Any, way: str) -> None:
    gone = run(recording, delete_file.TOOL, path="a.txt")
    (change,) = run(recording, list_changes.TOOL).changes
    tool, arguments = {
        "undo": (undo_change.TOOL, {"id": change.id}),
        "restore": (restore_deleted.TOOL, {"trash_id": gone.trash_id}),
    }[way]
    before = disk(root)
    asked(run, under(recording, Policy.ALWAYS), tool, arguments)
    assert disk(root) == before


@pytest.mark.parametrize("way", [way for way in DESTROYING if way != "delete a folder"])
def test_a_yes_is_to_what_was_there_when_it_was_asked(
    recording: Context, run: Run, root: Path, disk: Any, way: str
) -> None:
    tool, arguments = DESTROYING[way]
    state = asked(run, under(recording, Policy.DESTRUCTIVE), tool, arguments)
    changed = root / ("sub" if way == "move a folder" else "a.txt")
    changed.rename(root / "before")
    if way == "move a folder":
        changed.mkdir()
    else:
        changed.write_text("alpha, and somebody's work\n")
    before = disk(root)
    with pytest.raises(ToolFailure) as raised:
        run(under(recording, Policy.DESTRUCTIVE, YES, state), tool, **arguments)
    assert raised.value.code is Code.CONFLICT
    assert disk(root) == before
