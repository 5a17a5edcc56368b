"""fsync(2) of one file beside what the caller does meanwhile, and what is done when nobody waits any more.

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


class Flush:
    """An open file, or folder, that is to outlive a loss of power: it is flushed when that is waited for at the latest.

    `place` is the same of all that one flush covers, if it is begun when each of them has been written.
    """

    __slots__ = ("_error", "_is_done", "fd", "is_content", "place")

    def __init__(self, fd: int, place: object = None, *, is_content: bool = False) -> None:
        """With `is_content`, of what is told about a file only its length matters (fdatasync)."""
        self.fd = fd
        self.place = fd if place is None else place
        self.is_content = is_content
        self._is_done = False
        self._error: OSError | None = None

    def perform(self) -> None:
        """Flush it; how that ended is told by `finish`."""
        if not self._is_done:
            try:
                (os.fdatasync if self.is_content else os.fsync)(self.fd)
            except OSError as error:
                self._error = error
            self._is_done = True

    def share(self, other: "Flush") -> None:
        """End as another one has ended, of the same place."""
        self._is_done, self._error = True, other.error

    @property
    def error(self) -> OSError | None:
        """Why it could not be, as far as that is known."""
        return self._error

    def finish(self) -> None:
        """Have it flushed; raises OSError if it could not be."""
        self.perform()
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        """Nobody needs it any more; afterwards the file may be closed."""
        self._is_done = True


class _Begun(Flush):
    """One that the thread is at."""

    __slots__ = ("_flusher",)

    def __init__(self, fd: int, flusher: "Flusher") -> None:
        super().__init__(fd, is_content=True)
        self._flusher = flusher

    def perform(self) -> None:
        self._flusher.wait()
        super().perform()

    def drop(self) -> None:
        self._flusher.wait()
        super().drop()

    def work(self) -> None:
        """What the thread does."""
        super().perform()


class Flusher:
    """Flushes one file at a time beside its caller; without its thread, or `in_turn`, when that is waited for."""

    def __init__(self) -> None:
        self.in_turn = False
        """Whether nothing is begun now: whoever waits for several files flushes them all at once."""
        self._asked = _thread.allocate_lock()
        self._answered = _thread.allocate_lock()
        self._flush: _Begun | None = None
        self._let_go: list[int] = []
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

    def begin(self, fd: int) -> Flush:
        """Begin to flush the content of an open file."""
        if self.in_turn or not self._is_started:
            return Flush(fd, is_content=True)
        self.wait()
        self._flush = flush = _Begun(fd, self)
        self._asked.release()
        return flush

    def wait(self) -> None:
        """Wait until the thread has nothing to do."""
        if self._flush is not None:
            self._answered.acquire()
            self._flush = None

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

    def _serve(self) -> None:
        while True:
            self._asked.acquire()
            if self._flush is not None:
                self._flush.work()
            self._answered.release()
