"""What a worker that writes does beside its calls, each time for a moment.

Before its first call it takes away what one that was killed has left: a bounded look, the folders near the roots first;
whatever lies deeper is found when its folder is written to again. Of changes in the history that were interrupted it
finds out whether they were made, and finishes what was half done. After a call, now and then, it removes for good what
has waited in the trash for too long or is too much.

What it finds may have been left by a worker that was taken over. Nobody has asked for this work, so what fails in it
costs no worker: the next one would meet the same, and nothing could be changed any more.
"""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filewarden.workers.errors import ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space
from filewarden.workers.rules.durability import Durability
from filewarden.workers.rules.trash_bounds import TrashBounds
from filewarden.workers.writing.drafts import sweep
from filewarden.workers.writing.interrupted import resolve_all
from filewarden.workers.writing.trash import Overdue, Trash, find_trash
from filewarden.workers.writing.undoing import finish

if TYPE_CHECKING:
    from filewarden.workers.context import Context

SECONDS = 0.15
"""A call that waits for this worker waits so much longer at most."""
TRASH_SECONDS = 0.05
"""Likewise, for as long as something has to go; what there is no time for goes after another call."""
TRASH_LOOK_S = 60.0
"""How often it is looked what has to go."""


class Housekeeper:
    """Keeps the roots of one worker tidy."""

    def __init__(self, space: Space, bounds: TrashBounds) -> None:
        self._space = space
        self._bounds = bounds
        self._next_at = 0.0

    def begin(self) -> None:
        """Before the first call."""
        with _for_nobody():
            tidy_roots(self._space)

    def rest(self) -> None:
        """After a call."""
        now = time.monotonic()
        if now < self._next_at:
            return
        is_done = True
        with _for_nobody():
            is_done = empty_trash(self._space, self._bounds)
        if is_done:
            self._next_at = now + TRASH_LOOK_S


def empty_trash(space: Space, bounds: TrashBounds, seconds: float = TRASH_SECONDS) -> bool:
    """Remove what has to go from the trash of each writable root; False if there was no time for all of it."""
    over_at = time.monotonic() + seconds
    is_done = True
    for root in space.roots:
        if root.writable:
            with contextlib.suppress(OSError, ToolFailure), find_trash(root, Durability.RENAME) as trash:
                if trash is not None:
                    is_done &= _empty(root, trash, bounds, lambda: time.monotonic() >= over_at)
    return is_done


def _empty(root: Root, trash: Trash, bounds: TrashBounds, is_overdue: Overdue) -> bool:
    try:
        trash.finish(root, is_overdue)
        for identifier in bounds.due(_sizes(trash), time.time()):
            if is_overdue():
                return False
            with contextlib.suppress(ToolFailure):
                _discard(trash, identifier, root, is_overdue)
    except TimeoutError:
        return False
    return True


def _discard(trash: Trash, identifier: str, root: Root, is_overdue: Overdue) -> None:
    try:
        trash.discard(identifier, root, is_overdue)
    except TimeoutError:
        raise
    except OSError:
        return  # somebody works on it, or a part of it cannot be removed


def _sizes(trash: Trash) -> Iterator[tuple[str, int]]:
    """The names and sizes of all deletions; one that nobody has counted takes no room."""
    for identifier in trash.identifiers():
        with contextlib.suppress(OSError, ToolFailure):
            yield identifier, trash.told(identifier).size or 0


def tidy_roots(space: Space, seconds: float = SECONDS) -> int:
    """Remove orphaned drafts from the writable roots; how many there were."""
    over_at = time.monotonic() + seconds
    pending: deque[tuple[Root, Names]] = deque((root, ()) for root in space.roots if root.writable)
    for root, _ in pending:
        with contextlib.suppress(OSError, ToolFailure), find_trash(root, Durability.RENAME) as trash:
            if trash is not None:
                trash.tidy()
    removed = 0
    while pending and time.monotonic() < over_at:
        root, names = pending.popleft()
        try:
            with space.open_folder(root, names) as folder:
                removed += sweep(folder.fd)
                pending.extend((root, (*names, name)) for name in _folders(folder))
        except OSError:
            continue  # it is gone, or cannot be read
    return removed


def settle_history(context: "Context") -> None:
    """Find out of interrupted changes whether they were made, and finish those that were half done."""
    history = context.journal.history
    if history is None:
        return
    with _for_nobody(), contextlib.suppress(OSError):
        for identifier in resolve_all(context, history):
            with contextlib.suppress(OSError, ToolFailure):
                finish(context, history, identifier)


@contextlib.contextmanager
def _for_nobody() -> Iterator[None]:
    """Tell the log of what fails within, and go on."""
    try:
        yield
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)


def _folders(folder: Handle) -> list[bytes]:
    with os.scandir(folder.fd) as entries:
        return [os.fsencode(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]
