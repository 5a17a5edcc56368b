"""One timer for many moments: it rings at the earliest of them, and is not set anew for those that come later."""

import math
from collections.abc import Callable

from filewarden.broker.reactor import Reactor, Timer

SHORTEST_WAIT_S = 0.002
"""Until it rings again: loops that count whole milliseconds, as libuv's, may ring up to one of them too early."""


class Alarm:
    """Whoever is woken by `ring` looks what is due, and says which moment is the next one, `math.inf` for none.

    It never rings after a moment that it was told of, but for the accuracy of the loop, and may ring for nothing: what
    a moment was for can have ended before. Moments are monotonic seconds.
    """

    def __init__(self, reactor: Reactor, ring: Callable[[float], float]) -> None:
        self._reactor = reactor
        self._ring = ring
        self._timer: Timer | None = None
        self.next_at = math.inf
        """When it rings. Whoever has an earlier moment sets it; the comparison is theirs, for it is made often."""

    def set(self, when: float) -> None:
        """Ring then, which is earlier than it would have rung."""
        if self._timer is not None:
            self._timer.cancel()
        self.next_at = when
        self._timer = self._reactor.at(when, self._wake)

    def _wake(self) -> None:
        self._timer, self.next_at = None, math.inf
        now = self._reactor.now()
        when = self._ring(now)
        if when < self.next_at:  # not set meanwhile to an earlier one
            self.set(max(when, now + SHORTEST_WAIT_S))
