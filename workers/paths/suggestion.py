"""What a client may have meant by a path that leads to nothing: a name like it, in the folder that is there."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice

from filewarden.workers.paths.handle import Handle
from filewarden.workers.paths.resemblance import nearest
from filewarden.workers.paths.resolution import Names

MOST_NAMES = 5000
"""Of a longer folder only so many are looked at: a hint is not worth a scan."""
MOST_MISSING = 8
"""How many names at a path's end may be missing."""
_SECONDS = 0.025

OpenFolder = Callable[[Names], Handle]
Sees = Callable[[Handle, bytes], bool]


def suggest(names: Names, open_folder: OpenFolder, sees: Sees) -> Names | None:
    """Give the names of something that is there and resembles `names`, of which the last or some more are missing.

    `open_folder` raises OSError; `sees` says whether clients may know of a name in a folder.
    """
    for end in range(len(names) - 1, max(-1, len(names) - 1 - MOST_MISSING), -1):
        try:
            folder = open_folder(names[:end])
        except OSError:
            continue
        with folder:
            found = next((name for name in _candidates(folder, names[end]) if sees(folder, name)), None)
        return None if found is None else (*names[:end], found)
    return None


def _candidates(folder: Handle, wanted: bytes) -> Iterator[bytes]:
    over_at = time.monotonic() + _SECONDS
    try:
        with os.scandir(folder.fd) as entries:
            names = [os.fsencode(entry.name) for entry in islice(entries, MOST_NAMES)]
    except OSError:
        return
    if wanted not in names:
        yield from nearest(wanted, names, lambda: time.monotonic() >= over_at)
