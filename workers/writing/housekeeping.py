"""What a worker that writes does before its first call: it takes away what one that was killed has left.

A bounded look, the folders near the roots first; whatever lies deeper is found when its folder is written to again.
"""

import contextlib
import os
import time
from collections import deque

from filewarden.workers.errors import ToolFailure
from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space
from filewarden.workers.rules.durability import Durability
from filewarden.workers.writing.drafts import sweep
from filewarden.workers.writing.trash import find_trash

SECONDS = 0.15
"""A call that waits for this worker waits so much longer at most."""


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


def _folders(folder: Handle) -> list[bytes]:
    with os.scandir(folder.fd) as entries:
        return [os.fsencode(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]
