"""fdatasync(2) of one file beside what the caller does meanwhile, and what is done when nobody waits any more.

Journaling file systems write what several processes wait for in one go, and a disk that is told to flush its cache does
so once for both: two files cost what one does. One thread more is all it takes. It is started before the confinement is
complete, so that everything that binds the worker binds it too. And what is only to be let go, such as the last
descriptor of a file that has no name any more, whose blocks the kernel then gives back, is closed after the answer.
"""

import _thread
import contextlib
import os

STACK_BYTES = 1 << 18
"""It calls one function."""


class Flusher:
    """Flushes one file at a time beside its caller; without its thread, at once."""

    def __init__(self) -> None:
        self._asked = _thread.allocate_lock()
        self._answered = _thread.allocate_lock()
        self._fd = -1
        self._let_go: list[int] = []
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
        with contextlib.suppress(OSError):  # of what nobody has waited for
            self.finish()
        self._fd = fd
        if self._is_started:
            self._is_busy = True
            self._asked.release()
        else:
            self._work()

    def finish(self) -> None:
        """Wait until what was begun is done; raises OSError if it could not be."""
        if self._is_busy:
            self._answered.acquire()
            self._is_busy = False
        error, self._error = self._error, None
        if error is not None:
            raise error

    def let_go(self, fd: int) -> None:
        """Close a descriptor at `rest`; without a thread, whose owner rests now and then, at once."""
        self._let_go.append(fd)
        if not self._is_started:
            self.rest()

    def rest(self) -> None:
        """Nobody waits."""
        while self._let_go:
            with contextlib.suppress(OSError):
                os.close(self._let_go.pop())

    def _work(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self._error = error

    def _serve(self) -> None:
        while True:
            self._asked.acquire()
            self._work()
            self._answered.release()
