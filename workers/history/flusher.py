"""fdatasync(2) of one file beside what is done to another: what was there before, and what is to come.

Journaling file systems write what several processes wait for in one go, and a disk that is told to flush its cache does
so once for both: two files cost what one does. One thread more is all it takes. It is started before the confinement is
complete, so that everything that binds the worker binds it too.
"""

import _thread
import os
from collections.abc import Iterator
from contextlib import contextmanager

STACK_BYTES = 1 << 18
"""It calls one function."""


class Flusher:
    """Flushes a file beside whatever the caller flushes meanwhile; without its thread, before that."""

    def __init__(self) -> None:
        self._asked = _thread.allocate_lock()
        self._answered = _thread.allocate_lock()
        self._fd = -1
        self._error: OSError | None = None
        self._is_started = False

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

    @contextmanager
    def flushing(self, fd: int) -> Iterator[None]:
        """Flush an open file while the caller does something else; at the end it lasts.

        Raises:
            OSError: it could not be flushed. What the caller raises goes first.
        """
        if not self._is_started:
            os.fdatasync(fd)
            yield
            return
        self._fd, self._error = fd, None
        self._asked.release()
        try:
            yield
        finally:
            self._answered.acquire()
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        while True:
            self._asked.acquire()
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._error = error
            self._answered.release()
