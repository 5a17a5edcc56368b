"""What the log says of the server as a whole: that it can no longer serve and why, and that calls are refused. Pure.

A state is told once when it begins and once when it ends. Refusals come by the thousand, so they are summed up: the
first at once, what follows every ten seconds.
"""

from collections.abc import Mapping

from filewarden.broker.protocol.outcome import Reason
from filewarden.broker.readiness import Condition

PATIENCE_S = 0.25
"""A pool that was empty for a moment is no news: a worker that was killed is replaced within milliseconds."""
REPEAT_S = 10.0
OF_THE_SERVER = frozenset(Reason) - {Reason.DRAINING, Reason.NOT_GRANTED, Reason.QUEUE_DEADLINE}
"""Refusals that tell an operator something about load, faults or abuse. Calls that time out are told of one by one."""


class OperatorNotes:
    """What was told so far. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._unready_since: float | None = None
        self._is_told = False
        self._seen: dict[Reason, int] = {}
        self._silent_until = 0.0

    def on_condition(self, condition: Condition, now: float) -> str | None:
        """The sentence to log now that the server is in this condition, if any; starting and stopping are no news."""
        if condition.is_ready:
            was_told, self._is_told = self._is_told, False
            self._unready_since = None
            return "the server is ready again" if was_told else None
        if not condition.has_started or self._is_told or condition.status == "draining":
            return None
        if self._unready_since is None:
            self._unready_since = now
        if now - self._unready_since < PATIENCE_S:
            return None
        self._is_told = True
        return f"the server is not ready: {' '.join(condition.problems)}"

    def on_refusals(self, refusals: Mapping[Reason, int], now: float) -> dict[str, int] | None:
        """How many calls were refused since the last time this was told, by reason; None where there is nothing new."""
        if now < self._silent_until:
            return None
        fresh = {reason: refusals[reason] - self._seen.get(reason, 0) for reason in OF_THE_SERVER}
        if not any(fresh.values()):
            return None
        self._seen = dict(refusals)
        self._silent_until = now + REPEAT_S
        return {reason.value: count for reason, count in sorted(fresh.items()) if count}
