"""Why workers ended, counted. Pure."""

from collections import deque

from filewarden.broker.lifecycle import Exit

REMEMBERED_CRASHES = 64


class Exits:
    """How many workers of a pool ended since its start, spares included, by cause."""

    def __init__(self) -> None:
        self.by_cause: dict[Exit, int] = dict.fromkeys(Exit, 0)
        self._crashed: deque[int] = deque(maxlen=REMEMBERED_CRASHES)

    def count(self, serial: int, cause: Exit) -> None:
        """A worker ended."""
        self.by_cause[cause] += 1
        if cause is Exit.CRASH:
            self._crashed.append(serial)

    def learn(self, serial: int, cause: Exit) -> None:
        """The true cause of a crash that was counted before its exit status was known."""
        if serial in self._crashed:
            self._crashed.remove(serial)
            self.by_cause[Exit.CRASH] -= 1
            self.by_cause[cause] += 1
