"""The operation by which the server finds out what became of a change whose worker was ended: no method offers it.

A worker that died may still hold what it was changing, until the kernel has taken everything from it. So that is waited
for; then the history tells what the call began, and what is there whether that was made.
"""

import time
from typing import TYPE_CHECKING

from filewarden.workers.operations import FIND_OUTCOME, MOST_CHANGES, ChangeMade, FindOutcome, FoundOutcome
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.history.entry import Progress
    from filewarden.workers.history.recorded import Recorded
    from filewarden.workers.history.store import History

PAUSE_S = 0.005
_UNKNOWN = FoundOutcome("unknown")


def run(context: "Context", arguments: FindOutcome) -> FoundOutcome:
    """Find out."""
    history = context.journal.history
    if history is None:
        return _UNKNOWN
    try:
        return _found(context, history, arguments)
    except OSError:  # the history cannot be read
        return _UNKNOWN


def _found(context: "Context", history: "History", arguments: FindOutcome) -> FoundOutcome:
    looked_at, is_complete = _since(history, arguments.since_ns)
    made: list[ChangeMade] = []
    for identifier in reversed(looked_at):
        try:
            change = _change(context, history, identifier, arguments.mark)
        except _UndecidedError:
            is_complete = False
        else:
            made += [] if change is None else [change]
    if not is_complete:
        return FoundOutcome("unknown", tuple(made))
    return FoundOutcome("changed" if made else "unchanged", tuple(made))


def _since(history: "History", since_ns: int) -> tuple[list[str], bool]:
    """The latest changes, the newest first, and whether there can have been no others since a time."""
    from filewarden.workers.history.entry import time_of

    names = history.names()
    looked_at = names[:MOST_CHANGES]
    is_complete = len(names) == len(looked_at) or time_of(looked_at[-1]) < since_ns
    return looked_at, is_complete and history.forgotten_ns() < since_ns


class _UndecidedError(Exception):
    """Nobody can tell whether a change was made."""


def _change(context: "Context", history: "History", identifier: str, mark: str) -> ChangeMade | None:
    """A change, if it is the call's and was made.

    Raises:
        _UndecidedError: it is, and nobody can tell.
    """
    from filewarden.workers.errors import ToolFailure
    from filewarden.workers.writing.change_paths import client_path
    from filewarden.workers.writing.interrupted import resolve
    from filewarden.workers.writing.undoing import finish

    try:
        recorded, progress = _settled(context, history, identifier, mark)
        if recorded is None:
            return None
        verdict = "made" if progress == "made" else resolve(context, history, identifier)
        if verdict is None:  # somebody else has just found out
            with history.kept(identifier) as kept:
                verdict = "made" if kept.progress == "made" else "unknown"
        if verdict == "unknown" and not finish(context, history, identifier):
            raise _UndecidedError
    except ToolFailure:  # it was not begun, or cannot be finished
        return None
    if verdict == "not_made":
        return None
    return ChangeMade(recorded.action, client_path(context.space, recorded.path) or "")


def _settled(context: "Context", history: "History", identifier: str, mark: str) -> "tuple[Recorded | None, Progress]":
    """A change of the call when nobody makes it any more; None of another call.

    Raises:
        ToolFailure: it was not begun.
        _UndecidedError: the kernel does not let its maker go.
    """
    while True:
        with history.kept(identifier) as kept:
            recorded, progress = kept.recorded, kept.progress
        if recorded.call != mark:
            return None, progress
        if progress != "under_way":
            return recorded, progress
        if context.is_overdue():
            raise _UndecidedError
        time.sleep(PAUSE_S)


OPERATION = Tool(
    name=FIND_OUTCOME,
    title="Find out what became of a change",
    description="Tells whether the changes of a call were made.",
    arguments=FindOutcome,
    result=FoundOutcome,
    run=run,
    writes=True,
    is_look=True,
    needs_history=True,
)
