"""When a worker is to be replaced though it did nothing wrong: after many calls, with age, grown, or failing. Pure.

What recycling bounds are leaks that nobody knows of, so the limits have jitter: workers that started together do not
go together. Failing is another matter (Envoy's outlier detection): a worker whose answers are all "the system failed"
may be the cause itself, as one that has run out of descriptors is. It is ejected from its slot; but where the fault is
the disk's, every worker answers so, and the ejections come ever more seldom.
"""

from collections.abc import Callable
from math import ceil

from filewarden.broker.backoff import LONGEST_DELAY_S, Backoff
from filewarden.broker.pool import Pool

FAILURES_TO_EJECT = 5
"""Answers in a row that blame the system, of one worker."""
CALM_S = 2 * LONGEST_DELAY_S
"""After so long without an ejection the next ones are early again."""
SPREAD = 0.1
"""The share of a limit that is left to chance."""


class Limits:
    """One worker's own limits, and what counts against them."""

    __slots__ = ("age_s", "calls", "failures", "resident_bytes")

    def __init__(self, pool: Pool, jitter: Callable[[], float]) -> None:
        self.calls = pool.recycle_after_calls * (1 + SPREAD * jitter())
        self.age_s = pool.recycle_after_s * (1 + SPREAD * jitter())
        self.resident_bytes = pool.recycle_above_bytes * (1 - SPREAD * jitter())
        self.failures = 0


class Wear:
    """The workers of a pool, by their serial numbers. `jitter` yields a number in [0, 1)."""

    def __init__(self, pool: Pool, jitter: Callable[[], float]) -> None:
        self.ejections = 0
        self._pool = pool
        self._jitter = jitter
        self._limits: dict[int, Limits] = {}
        self._ejection_delay = Backoff(jitter)
        self._ejected_at = 0.0

    def began(self, serial: int) -> None:
        """A worker is ready."""
        self._limits[serial] = Limits(self._pool, self._jitter)

    def ended(self, serial: int) -> None:
        """It is gone."""
        self._limits.pop(serial, None)

    def is_worn(self, serial: int, calls: int, age_s: float) -> bool:
        """Whether it has served enough; its age counts from its first call."""
        limits = self._limits[serial]
        return calls >= limits.calls or age_s >= limits.age_s

    def goes_on(self, serial: int, calls: int, age_s: float) -> bool:
        """It has just answered well; whether it is far from being worn out, as it mostly is."""
        limits = self._limits[serial]
        limits.failures = 0
        return calls < limits.calls and age_s < limits.age_s

    def calls_left(self, serial: int, calls: int, age_s: float) -> int:
        """How many more it may serve after `calls`: none when its latest answer blamed the system."""
        limits = self._limits[serial]
        if limits.failures or age_s >= limits.age_s:
            return 0
        return max(0, ceil(limits.calls - calls))

    def is_heavy(self, serial: int, resident_bytes: int) -> bool:
        """Whether it holds more memory than one that rests should."""
        return resident_bytes > self._limits[serial].resident_bytes

    def note(self, serial: int, *, is_failure: bool) -> None:
        """It answered a call and is at another one, so it cannot be ejected now."""
        limits = self._limits[serial]
        limits.failures = limits.failures + 1 if is_failure else 0

    def answered(self, serial: int, *, is_failure: bool, now: float) -> bool:
        """It answered a call; whether it is to be ejected for its answers of late."""
        limits = self._limits[serial]
        limits.failures = limits.failures + 1 if is_failure else 0
        if limits.failures < FAILURES_TO_EJECT or now < self._ejection_delay.not_before:
            return False
        if now >= self._ejected_at + CALM_S:
            self._ejection_delay.succeeded()
        self._ejection_delay.failed(now)
        self._ejected_at = now
        self.ejections += 1
        return True
