"""A reactor whose time and descriptors are in the test's hands."""

import math
from collections.abc import Callable

from filewarden.broker.reactor import PendingTimer


class Clock:
    """A reactor: what is watched is run when the test says that it is ready, time passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.watched: dict[int, Callable[[], None]] = {}
        self._timers: list[PendingTimer] = []
        self._settling: dict[Callable[[], None], None] = {}

    def now(self) -> float:
        return self.seconds

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        assert fd not in self.watched
        self.watched[fd] = ready

    def forget(self, fd: int) -> None:
        self.watched.pop(fd, None)

    def at(self, when: float, action: Callable[[], None]) -> PendingTimer:
        assert math.isfinite(when), "no loop waits so long"
        self._timers.append(PendingTimer(when, action))
        return self._timers[-1]

    def settle(self, action: Callable[[], None]) -> None:
        self._settling[action] = None

    def is_ready(self, fd: int | None) -> None:
        if fd is not None and fd in self.watched:
            self.watched[fd]()

    def end_tick(self) -> None:
        for _ in range(1000):
            if not self._settling:
                return
            due, self._settling = self._settling, {}
            for action in due:
                action()
        raise AssertionError("a tick without an end")

    def pass_by(self, seconds: float) -> None:
        """Run what is due on the way there, each at its moment."""
        self.end_tick()
        until = self.seconds + seconds
        while due := [timer for timer in self._timers if timer.action is not None and timer.when <= until]:
            first = min(due)
            self._timers = [timer for timer in self._timers if timer is not first and timer.action is not None]
            self.seconds = max(self.seconds, first.when)
            assert first.action is not None
            first.action()
            self.end_tick()
        self.seconds = until
