"""What `edit_file` changes, and what it does not; rows of section E that need no server."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tools import copy_file, delete_file, edit_file
from tests.workers.writing.conftest import edits

Run = Callable[..., Any]
Json = dict[str, Any]


@pytest.mark.parametrize("new", ["$&", "$1", "$$", "$`", r"\1", r"\g<0>", "%s", "{0}"])
def test_e01_new_text_is_literal(writable: Context, run: Run, root: Path, new: str) -> None:
    run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", new)))
    assert (root / "a.txt").read_text() == new + "\n"


@pytest.mark.parametrize(
    ("given", "code", "shown"),
    [
        pytest.param(edits(("", "x")), Code.INVALID_ARGUMENT, [], id="e02 empty"),
        pytest.param(edits(("one", "one")), Code.INVALID_ARGUMENT, [], id="no change"),
        pytest.param(
            edits(("one", "x")), Code.CONFLICT, ["line 1: one", "line 3: one", "line 4: \tone two"], id="e03 ambiguous"
        ),
        pytest.param(edits(("  ONE TWO", "x")), Code.CONFLICT, ["line 4: \tone two"], id="e04 near"),
        pytest.param(edits(("three", "x")), Code.CONFLICT, [], id="absent"),
        pytest.param(edits(("two\n", "x\n"), ("two\n", "y\n")), Code.CONFLICT, [], id="e08 the second finds it gone"),
    ],
)
def test_an_edit_that_is_not_clear_changes_nothing(
    refused: Callable[..., ToolFailure], root: Path, given: list[Json], code: Code, shown: list[str]
) -> None:
    (root / "f").write_text("one\n\none\n\tone two\n")
    found = refused(edit_file.TOOL, path="f", edits=given)
    assert found.code is code
    assert found.details["candidates"] == shown
    assert "Nothing was changed" in found.message


def test_e09_a_dry_run_changes_nothing(writable: Context, run: Run, root: Path, disk: Any) -> None:
    before = disk(root)
    shown = run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")), dryRun=True)
    assert disk(root) == before
    assert shown.diff == "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-alpha\n+beta\n"
    assert shown.dry_run
    done = run(writable, edit_file.TOOL, path="a.txt", edits=edits(("alpha", "beta")))
    assert (done.sha256, done.size) == (shown.sha256, shown.size)
    assert hashlib.sha256((root / "a.txt").read_bytes()).hexdigest() == done.sha256


def test_the_reference_spellings_are_taken(writable: Context, run: Run, root: Path) -> None:
    run(writable, edit_file.TOOL, path="a.txt", edits=[{"oldText": "alpha", "newText": "oldText"}], dryRun=False)
    assert (root / "a.txt").read_text() == "oldText\n"
    with pytest.raises(ToolFailure, match="give one of them"):
        run(writable, edit_file.TOOL, path="a.txt", edits=[{"oldText": "a", "old_text": "b", "newText": "c"}])
    with pytest.raises(ToolFailure, match="edits"):
        run(writable, edit_file.TOOL, path="a.txt", edits="oldText")


def test_e10_a_million_places_and_no_more_than_are_allowed(writable: Context, run: Run, root: Path) -> None:
    (root / "many").write_text("a\n" * 1_000_000)
    done = run(writable, edit_file.TOOL, path="many", edits=edits(("a", "bc"), replace_all=True))
    assert done.replacements == 1_000_000
    assert (root / "many").read_text() == "bc\n" * 1_000_000
    assert len(done.diff) < writable.limits.max_answer_chars
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="many", edits=edits(("bc", "x" * 100), replace_all=True))
    assert raised.value.code is Code.TOO_LARGE
    with pytest.raises(ToolFailure) as raised:
        run(writable, edit_file.TOOL, path="many", edits=edits(("bc", "x")) * 1001)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_edits_end_with_their_time(writable: Context, run: Run, disk: Any, root: Path) -> None:
    before = disk(root)
    late = msgspec.structs.replace(writable, soft_deadline=0.0)
    for tool, arguments in (
        (edit_file.TOOL, {"path": "a.txt", "edits": edits(("alpha", "b"))}),
        (copy_file.TOOL, {"source": "a.txt", "destination": "new"}),
        (delete_file.TOOL, {"path": "sub", "recursive": True}),
    ):
        with pytest.raises(ToolFailure) as raised:
            run(late, tool, **arguments)
        assert raised.value.code is Code.TIMEOUT
    assert disk(root) == before
