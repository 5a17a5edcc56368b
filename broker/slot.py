"""One place in the pool."""

from filewarden.broker.lifecycle import Exit
from filewarden.broker.worker import Worker


class Slot:
    """One place in the pool, which outlives the workers that fill it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: Worker | None = None
        self.restarts = 0
        self.last_exit: Exit | None = None
        self.has_been_ready = False
        self._calls_before = 0
        self.lost_serial = 0
        """The number of the worker that it lost last."""

    @property
    def calls_total(self) -> int:
        """Calls answered in this place, by whichever worker."""
        return self._calls_before + (0 if self.worker is None else self.worker.calls_total)

    def lose(self, cause: Exit) -> None:
        """Its worker is gone or about to be."""
        if self.worker is None:
            return
        self._calls_before += self.worker.calls_total
        self.lost_serial = self.worker.serial
        self.worker = None
        self.last_exit = cause
        if cause is not Exit.RECYCLED:
            self.restarts += 1

    def learn(self, serial: int, cause: Exit) -> None:
        """The true cause of a crash that was reported before its exit status was known."""
        if self.lost_serial == serial and self.last_exit is Exit.CRASH:
            self.last_exit = cause
