"""The last fifteen minutes in steps of five seconds: how many calls, how many failed, how long they took. Pure.

Nothing is added up while calls are answered: each step is the difference between the ledger's sums at its two ends.
"""

from collections import deque

import msgspec

from filewarden.broker.ledger import BOUNDS_S, Ledger

STEP_S = 5.0
STEPS = 180


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One step. Percentiles are read off a histogram, in milliseconds; None without calls."""

    calls: int = 0
    errors: int = 0
    refused: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None


class TimelineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The complete steps, the oldest first; the latest ended `age_s` ago, and `now` has run since then."""

    step_s: float
    steps: tuple[Step, ...]
    now: Step
    age_s: float


class Timeline:
    """The steps of one server. Times are monotonic seconds."""

    def __init__(self, ledger: Ledger, now: float) -> None:
        self._ledger = ledger
        self._steps: deque[Step] = deque(maxlen=STEPS)
        self._began_at = now
        self._sums = self._look()

    def roll(self, now: float) -> None:
        """End the steps that are over. What happened in several at once counts for the first of them."""
        over = int((now - self._began_at) / STEP_S)
        if over < 1:
            return
        sums = self._look()
        self._steps.append(_between(self._sums, sums))
        self._steps.extend([Step()] * min(over - 1, STEPS))
        self._sums = sums
        self._began_at += over * STEP_S

    def status(self, now: float) -> TimelineStatus:
        """Everything."""
        self.roll(now)
        current = _between(self._sums, self._look())
        return TimelineStatus(step_s=STEP_S, steps=tuple(self._steps), now=current, age_s=now - self._began_at)

    def _look(self) -> list[int]:
        ledger = self._ledger
        return [ledger.total, ledger.errors, sum(ledger.refusals.values()), *ledger.buckets()]


def _between(before: list[int], after: list[int]) -> Step:
    calls, errors, refused, *buckets = (late - early for early, late in zip(before, after, strict=True))
    return Step(calls, errors, refused, percentile_ms(buckets, 0.5), percentile_ms(buckets, 0.99))


def percentile_ms(buckets: list[int], share: float) -> float | None:
    """The latency below which `share` of the calls lie, taking those of a bucket for evenly spread."""
    wanted = share * sum(buckets)
    if not wanted:
        return None
    lower = 0.0
    for count, upper in zip(buckets, (*BOUNDS_S, BOUNDS_S[-1]), strict=True):
        if count >= wanted:
            return round(1000 * (lower + (upper - lower) * wanted / count), 3)
        wanted -= count
        lower = upper
    return 1000 * BOUNDS_S[-1]
