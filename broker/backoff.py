"""How long to wait before the next worker is started, when workers die before they are ready. Pure.

A worker that was ready once and is killed later is replaced at once, however often: only starts that never became
ready count. After five of them in a row the breaker opens: one try at a time, 32 seconds apart.
"""

from collections.abc import Callable
from enum import StrEnum

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 32.0
FAILURES_TO_OPEN = 5


class Breaker(StrEnum):
    """Whether new workers are started freely."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Backoff:
    """The run of failed starts. `jitter` yields a number in [0, 1)."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self._not_before = 0.0
        self._is_trying = False

    def failed(self, now: float) -> float:
        """A worker died before it was ready; the time before which no other may start."""
        self._failures += 1
        self._is_trying = False
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._failures - 1, 10))
        self._not_before = now + delay * (0.75 + 0.5 * self._jitter())
        return self._not_before

    def succeeded(self) -> None:
        """A worker became ready."""
        self._failures = 0
        self._not_before = 0.0
        self._is_trying = False

    def may_start(self, now: float) -> bool:
        """Whether a worker may be started now; asking does not start one."""
        if now < self._not_before:
            return False
        return self._failures == 0 or not self._is_trying

    def started(self) -> None:
        """A worker is being started."""
        self._is_trying = True

    def interrupted(self) -> None:
        """The worker that was being started is gone for a reason that says nothing about the next one."""
        self._is_trying = False

    @property
    def not_before(self) -> float:
        """When the next start is allowed."""
        return self._not_before

    def breaker(self) -> Breaker:
        """The state that `/status` shows."""
        if self._failures < FAILURES_TO_OPEN:
            return Breaker.CLOSED
        return Breaker.HALF_OPEN if self._is_trying else Breaker.OPEN
