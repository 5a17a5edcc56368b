"""Whether so many descriptors can still be opened: found out before something is begun that would fail halfway."""

import contextlib
import os

START_DESCRIPTORS = 12
"""What starting a worker takes: its gate, its handle, and a link with what ZeroMQ opens for it."""


def check_descriptor_room(count: int = START_DESCRIPTORS) -> None:
    """Open so many for a moment.

    Raises:
        OSError: fewer are left, to this process or to the system.
    """
    with contextlib.ExitStack() as opened:
        first, second = os.pipe()
        opened.callback(os.close, first)
        opened.callback(os.close, second)
        for _ in range(count - 2):
            opened.callback(os.close, os.dup(first))
