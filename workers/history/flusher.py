"""fdatasync(2) of one file beside what the caller does meanwhile, and what else may take its time behind its back.

Journaling file systems write what several processes wait for in one go, and a disk that is told to flush its cache does
so once for both: two files cost what one does. And what is only to be let go, such as the last descriptor of a file
that has no name any more, whose blocks the kernel then gives back, nobody has to wait for. One thread more is all it
takes. It is started before the confinement is complete, so that everything that binds the worker binds it too.
"""

import _thread
import contextlib
import os
from collections.abc import Callable

STACK_BYTES = 1 << 18
"""It calls one function."""


class Flusher:
    """Does one thing at a time beside its caller; without its thread, at once."""

    def __init__(self) -> None:
        self._asked = _thread.allocate_lock()
        self._answered = _thread.allocate_lock()
        self._task: Callable[[int], None] = os.close
        self._fd = -1
        self._error: OSError | None = None
        self._is_started = False
        self._is_busy = False

    def start(self) -> None:
        """Start the thread."""
        self._asked.acquire()
        self._answered.acquire()
        before = _thread.stack_size(STACK_BYTES)
        try:
            _thread.start_new_thread(self._serve, ())
        finally:
            _thread.stack_size(before)
        self._is_started = True

    def begin(self, fd: int) -> None:
        """Begin to flush the content of an open file."""
        self._give(os.fdatasync, fd)

    def finish(self) -> None:
        """Wait until what was begun is done; raises OSError if it could not be."""
        if self._is_busy:
            self._answered.acquire()
            self._is_busy = False
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self, fd: int) -> None:
        """Close a descriptor; nobody hears of an error."""
        self._give(os.close, fd)

    def _give(self, task: Callable[[int], None], fd: int) -> None:
        with contextlib.suppress(OSError):  # of a descriptor that was closed
            self.finish()
        self._task, self._fd = task, fd
        if self._is_started:
            self._is_busy = True
            self._asked.release()
        else:
            self._work()

    def _work(self) -> None:
        try:
            self._task(self._fd)
        except OSError as error:
            self._error = error

    def _serve(self) -> None:
        while True:
            self._asked.acquire()
            self._work()
            self._answered.release()
