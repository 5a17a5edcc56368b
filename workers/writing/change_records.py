"""What the tools about changes ask first: whether there is a history, and whether a file is as it was left."""

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.history.recorded import FileState
from filewarden.workers.history.store import History
from filewarden.workers.paths.names import echo
from filewarden.workers.writing.old_version import open_old
from filewarden.workers.writing.target import Target
from filewarden.workers.writing.write_failures import failures_of

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_BLOCK_BYTES = 1 << 20


def require_history(context: "Context") -> History:
    """The history; raises ToolFailure(unsupported) where none is kept."""
    history = context.journal.history
    if history is None:
        raise ToolFailure(Code.UNSUPPORTED, "No history of changes is kept (history.enabled).")
    return history


def require_as_left(context: "Context", target: Target, left: FileState | None, before: FileState | None) -> None:
    """Refuse to undo what is not as a change has left it; `before` is what the change began with.

    Raises:
        ToolFailure: conflict, or why it cannot be read.
    """
    now = content_of(context, target)
    if now == key_of(left):
        return
    if now == key_of(before):
        raise ToolFailure(
            Code.CONFLICT, f"'{echo(target.asked)}' is as it was before that change. Nothing was changed."
        )
    raise changed_since(target.asked)


def changed_since(path: str) -> ToolFailure:
    """Refuse to undo because something else has happened meanwhile."""
    return ToolFailure(
        Code.CONFLICT,
        f"'{echo(path)}' has changed since, so that change cannot be undone by itself. Nothing was changed; see "
        "list_changes for later ones.",
    )


def key_of(state: FileState | None) -> tuple[str, int] | None:
    """The SHA-256 and the size of a content; None of nothing."""
    return None if state is None else (state.sha256, state.size)


def content_of(context: "Context", target: Target) -> tuple[str, int] | None:
    """The SHA-256 and the size of what is there now; None of nothing.

    Raises:
        ToolFailure: conflict, if it is no file; or why it cannot be read.
    """
    if target.state is None:
        return None
    if not stat.S_ISREG(target.state.st_mode):
        raise changed_since(target.asked)
    digest, done = hashlib.sha256(usedforsecurity=False), 0
    old = open_old(target)
    with failures_of(target.asked):
        while block := os.pread(old.fd, _BLOCK_BYTES, done):
            if context.is_overdue():
                raise ToolFailure(Code.TIMEOUT, "Timeout: there was no time to compare the file. Nothing was changed.")
            digest.update(block)
            done += len(block)
    return digest.hexdigest(), done
