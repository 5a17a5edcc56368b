"""The calls under way: each from its admission to its one end, at its deadline at the latest."""

import math
from collections.abc import Callable

from filewarden.broker import verdicts
from filewarden.broker.alarm import Alarm
from filewarden.broker.call import Call
from filewarden.broker.feeder import Feeder
from filewarden.broker.lifecycle import Exit
from filewarden.broker.patrol import BUSY_TICK_S
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.reactor import Reactor
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.settlement import Settlement
from filewarden.broker.workforce import Workforce


class InFlight:
    """Those that wait or run, checks too. Times are monotonic seconds.

    A call that no worker has begun can be withdrawn; one that runs ends with its answer, or with its worker.
    """

    def __init__(
        self, reactor: Reactor, scheduler: Scheduler, feeder: Feeder, workforce: Workforce, settlement: Settlement
    ) -> None:
        self._reactor = reactor
        self._scheduler = scheduler
        self._feeder = feeder
        self._workforce = workforce
        self._settlement = settlement
        self._calls: dict[int, Call] = {}
        self._deadline = Alarm(reactor, self._expire)
        """Rings at the earliest one of those calls."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def calls(self) -> list[Call]:
        """All of them."""
        return list(self._calls.values())

    def overdue_s(self, now: float) -> float:
        """By how much the latest of them is behind its deadline."""
        return max((now - call.hard_at for call in self._calls.values()), default=0.0)

    def add(self, call: Call) -> None:
        """From now on it is under way, and ended at its deadline."""
        self._calls[call.id] = call
        if call.hard_at < self._deadline.next_at:
            self._deadline.set(call.hard_at)

    def drop(self, call: Call) -> None:
        """It is not under way any more, and nobody is told."""
        del self._calls[call.id]

    def withdraw(self, call: Call) -> bool:
        """Take a call out that no worker has begun, without telling anybody; False when one has."""
        if self._feeder.withdraw(call):
            del self._calls[call.id]
            return True
        return False

    def end(self, call: Call, outcome: Outcome, now: float) -> None:
        """A call has come to that, and no longer holds a worker."""
        del self._calls[call.id]
        try:
            self._settlement.settle(call, outcome, now)  # first: somebody waits for it
        finally:
            if not call.is_check:
                self._scheduler.finished(call, now)

    def turn_away(self, refusal_of: Callable[[Call], Failed | None]) -> None:
        """Answer every waiting call at once that is refused."""
        now = self._reactor.now()
        for call in self.calls:
            refusal = refusal_of(call)
            if refusal is not None and self.withdraw(call):
                self._settlement.settle(call, refusal, now)

    def stop_all(self) -> None:
        """End every call with an answer, where no new one is taken."""
        now = self._reactor.now()
        ended: set[int] = set()
        while calls := [call for call in self.calls if call.id not in ended]:  # an end may lead to a check
            for call in calls:
                ended.add(call.id)
                if self.withdraw(call):
                    self._settlement.settle(call, verdicts.STOPPED, now)
                else:
                    self._workforce.end_runner(call, Exit.RECYCLED)

    def _expire(self, now: float) -> float:
        """Answer what waited too long before ending what ran too long: a freed worker must not get an expired call.

        Nor one that has no time of its own left: it would be ended a moment later, and its worker with it.

        Returns when to look again: at the next deadline, and sooner where one could not be enforced, for what became of
        its change is still being found out.
        """
        late = [call for call in self._calls.values() if now >= call.soft_at]
        for call in late:
            if self.withdraw(call):
                self._settlement.settle(call, verdicts.QUEUED_TOO_LONG, now)
        for call in late:
            if call.id in self._calls and now >= call.hard_at:
                self._workforce.end_runner(call, Exit.DEADLINE)
        again_at = now + BUSY_TICK_S
        return min(
            (call.hard_at if call.hard_at > now else again_at for call in self._calls.values()), default=math.inf
        )
