"""Whether something on disk is still what was looked at before."""

import os
import stat

from filewarden.workers.history.recorded import Identity


def is_same(found: os.stat_result, seen: os.stat_result) -> bool:
    """Whether it is the same object with the same content, as far as the file system can tell.

    The change time is left out: a rename, which takes nothing from the content, moves it.
    """
    return is_same_object(found, seen) and (found.st_size, found.st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)


def is_same_object(found: os.stat_result, seen: os.stat_result) -> bool:
    """Whether it is the same object, whatever is in it by now."""
    kinds = found.st_mode & 0o170000, seen.st_mode & 0o170000
    return kinds[0] == kinds[1] and (found.st_dev, found.st_ino) == (seen.st_dev, seen.st_ino)


def mark(state: os.stat_result | None) -> bytes:
    """What a user's agreement is bound to: another object, or another content, is another mark."""
    if state is None:
        return b""
    return b"%d %d %d %d %d" % (state.st_dev, state.st_ino, state.st_mode, state.st_size, state.st_mtime_ns)


def identity_of(state: os.stat_result) -> Identity:
    """What tells whether something is still what was moved: a folder's content may have changed."""
    if stat.S_ISDIR(state.st_mode):
        return state.st_dev, state.st_ino, 0, 0
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
