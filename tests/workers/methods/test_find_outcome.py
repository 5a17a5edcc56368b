"""Finding out what became of a call, by the history alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.workers.context import Context
from filewarden.workers.history import room
from filewarden.workers.history.image import Image
from filewarden.workers.history.recorded import FileState, Recorded
from filewarden.workers.methods import find_outcome
from filewarden.workers.operations import ChangeMade, FindOutcome, FoundOutcome
from filewarden.workers.tools import create_directory, write_file
from tests.workers.writing.conftest import folder as folder, opened as opened

Run = Callable[..., Any]
Open = Callable[..., Context]
FOLDER = FileState("", 0, 0o755)


def named(context: Context, call: str) -> Context:
    return msgspec.structs.replace(context, journal=msgspec.structs.replace(context.journal, call=call))


def find(context: Context, call: str, since_ns: int, seconds: float = 5.0) -> FoundOutcome:
    hasty = msgspec.structs.replace(context, soft_deadline=time.monotonic() + seconds)
    return find_outcome.run(hasty, FindOutcome(call, since_ns))


def test_the_changes_of_a_call_are_found_among_those_of_others(opened: Open, run: Run) -> None:
    since = time.time_ns()
    recording = opened()
    run(named(recording, "one"), write_file.TOOL, path="a/b.txt", content="x", create_parents=True)
    run(named(recording, "other"), create_directory.TOOL, path="c")
    made = (ChangeMade("folder", "a"), ChangeMade("content", "a/b.txt"))
    assert find(recording, "one", since) == FoundOutcome("changed", made)
    assert find(recording, "neither", since) == FoundOutcome("unchanged")


def test_without_a_history_nobody_knows(writable: Context) -> None:
    assert find(writable, "one", 1).outcome == "unknown"


def test_what_may_have_been_forgotten_is_not_denied(opened: Open, run: Run) -> None:
    since = time.time_ns()
    tight = opened(max_bytes=65_536)
    for number in range(400):
        run(named(tight, f"{number}"), create_directory.TOOL, path=f"made{number}")
    assert find(tight, "0", since).outcome == "unknown"
    assert find(tight, "399", since).outcome == "unknown"  # it may have made more than what is left
    later = time.time_ns() + room.TICK_NS  # the last may have been forgotten just now
    assert find(tight, "neither", later).outcome == "unchanged"


def test_a_change_beyond_those_that_are_looked_at_is_not_denied(
    opened: Open, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_outcome, "MOST_CHANGES", 5)
    since = time.time_ns()
    recording = opened()
    for number in range(8):
        run(named(recording, f"{number}"), create_directory.TOOL, path=f"made{number}")
    assert find(recording, "0", since).outcome == "unknown"
    assert find(recording, "neither", time.time_ns()).outcome == "unchanged"


def begun(context: Context, root: Path) -> Any:
    """A change of the call `one` that is under way."""
    history = context.journal.history
    assert history is not None
    manager = history.image(0)
    image: Image = manager.__enter__()
    place = str(root.resolve() / "made")
    image.announce(Recorded(operation="tool", principal="p", call="one", action="folder", path=place, after=FOLDER))
    return manager


def test_a_maker_that_the_kernel_does_not_let_go_leaves_it_unknown_in_time(opened: Open, root: Path) -> None:
    recording = opened()
    manager = begun(recording, root)
    started = time.monotonic()
    assert find(recording, "one", 1, seconds=0.05).outcome == "unknown"
    assert time.monotonic() - started < 5
    manager.__exit__(None, None, None)
    assert find(recording, "one", 1).outcome == "unchanged"


def test_a_change_that_was_made_before_its_maker_went_is_found(opened: Open, root: Path) -> None:
    recording = opened()
    manager = begun(recording, root)
    (root / "made").mkdir()
    manager.__exit__(None, None, None)
    assert find(recording, "one", 1) == FoundOutcome("changed", (ChangeMade("folder", "made"),))
