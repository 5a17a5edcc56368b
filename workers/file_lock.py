"""flock(2) without waiting for ever: whoever holds a lock may have been stopped while it does."""

import fcntl
import time

LOOK_S = 0.002
"""How often is looked whether a lock is free."""


def lock(fd: int, give_up_at: float) -> None:
    """Take the lock of an open file for this descriptor alone, until it is closed.

    `give_up_at` is in monotonic seconds.

    Raises:
        BlockingIOError: somebody else keeps it for longer.
    """
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(LOOK_S)
        else:
            return


def is_locked(fd: int) -> bool:
    """Whether somebody holds the lock of an open file by another descriptor."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False
