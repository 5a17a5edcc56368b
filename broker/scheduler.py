"""Who runs next: bounded queues, fair between principals and clients, one for each pool, with two lanes. Pure.

Theory. Calls that write wait for the pool that can, and never for reads; the limits count them together. The reading
pool has two lanes. Each queue serves principals, and the clients of each, by the worker time that they have had (see
`turns`): a client with a hundred waiting calls, or with slow ones, costs another one at most a turn. Lanes are weighted
by workers: scans may hold at most `scan_workers` of them, so a short read always finds one that no scan can take; when
both lanes may run, they alternate, so a flood of reads cannot starve scans. A call that no free worker may take is
passed over and keeps its place. While several clients are there, none takes the last free worker beside another one of
its own: if its calls hang, the others do not wait for their deadlines. A full queue takes a call of a client that has
few of them in place of the latest one of whoever has the most.
"""

from collections.abc import Callable
from typing import NamedTuple

from filewarden.broker.call import Call
from filewarden.broker.crowd import Crowd
from filewarden.broker.fair_queue import FairQueue, Fits, greedier
from filewarden.broker.pool import WRITING, Kind
from filewarden.broker.protocol.outcome import Reason
from filewarden.workers.errors import Code
from filewarden.workers.tool import QUICK

RETRY_FLOOR_MS = 50
RETRY_CEILING_MS = 5000
REFUSAL_MS = 10
"""What each refusal of late adds: hearing a call only to refuse it takes time that others wait for."""


class Overload(Exception):
    """The queue, or this client's share of it, is full."""

    def __init__(self, message: str, retry_after_ms: int, reason: Reason) -> None:
        super().__init__(message)
        self.code = Code.OVERLOADED
        self.reason = reason
        self.retry_after_ms = retry_after_ms


class LaneFigures(NamedTuple):
    """What waits in one lane since when (monotonic seconds), what runs, and how much may run where that is bounded."""

    name: str
    waiting: int
    running: int
    oldest_at: float | None
    limit: int | None = None


class Scheduler:
    """The calls that wait, and those that run. Times are monotonic seconds."""

    def __init__(self, *, queue_limit: int, per_client_limit: int, scan_workers: int) -> None:
        self.renew(queue_limit=queue_limit, per_client_limit=per_client_limit, scan_workers=scan_workers)
        self._quick, self._scans, self._writes = self._queues = (FairQueue(), FairQueue(), FairQueue())
        self._crowd = Crowd()
        self.depth = 0
        """How many calls wait here."""
        self._is_scan_next = False
        self.count_in_workers: Callable[[], int] = lambda: 0
        """How many calls from `next_behind` wait still; whoever took them knows."""

    def renew(self, *, queue_limit: int, per_client_limit: int, scan_workers: int) -> None:
        """Admit what comes, and run what waits, within these limits from now on."""
        self._queue_limit = queue_limit
        self._per_client_limit = per_client_limit
        self._scan_workers = scan_workers

    @property
    def waiting(self) -> int:
        """How many calls wait, here and in workers: what the limit is about."""
        return self.depth + self.count_in_workers()

    def _is_full(self) -> bool:
        """Whether no other call may wait; those in workers are among those that count as running there."""
        at_most = self.depth + self._quick.running + self._writes.running  # cheaper to know than how many do wait
        return at_most >= self._queue_limit and self.waiting >= self._queue_limit

    def in_flight_of(self, client: str) -> int:
        """How many calls of a client wait or run."""
        return self._crowd.in_flight.get(client, 0)

    def lanes(self) -> list[LaneFigures]:
        """Every lane as it stands."""
        named = [("quick", self._quick, None), ("scan", self._scans, self._scan_workers), ("write", self._writes, None)]
        return [
            LaneFigures(name, sum(count for *_, count in queue.waiting()), queue.running, queue.oldest_at(), limit)
            for name, queue, limit in named
        ]

    def has_waiting(self, kind: Kind) -> bool:
        """Whether any call waits for a pool."""
        return (self._writes.depth if kind is WRITING else self._quick.depth + self._scans.depth) > 0

    def admit(self, call: Call) -> Call | None:
        """Queue a call; the call that lost its place to it, if there is one, is to be refused like one that came late.

        Raises:
            Overload: the queue is full of calls with no lesser claim, or the client has too many calls in flight.
        """
        if self._crowd.in_flight.get(call.client, 0) >= self._per_client_limit:
            raise self._too_many(call)
        displaced = self._displaced_by(call) if self._is_full() else None
        self._crowd.came(call)
        self._queue_of(call).push(call)
        self.depth += 1
        return displaced

    def begin(self, call: Call, now: float) -> None:
        """Count a short call as running that need not wait, where nothing waits: `admit` and `next_call` in one.

        Raises:
            Overload: the client has too many calls in flight.
        """
        if self._crowd.in_flight.get(call.client, 0) >= self._per_client_limit:
            raise self._too_many(call)
        self._crowd.came(call)
        self._queue_of(call).begin(call, now, is_counted=self._crowd.has_company(call.client, now))
        self._is_scan_next |= not call.tool.writes

    def _too_many(self, call: Call) -> Overload:
        return Overload(
            f"Too many calls at once: {self.in_flight_of(call.client)} of yours are in flight "
            f"(limit: {self._per_client_limit}).",
            self._retry_after_ms(self._crowd.refused(call.client, call.submitted_at)),
            Reason.CLIENT_LIMIT,
        )

    def _displaced_by(self, call: Call) -> Call:
        """Make room by taking out the latest call of whoever has the most."""
        client = greedier(self._queues, call)
        if client is None:
            raise self.full()
        found = (queue.latest(*client) for queue in self._queues)
        latest = max((each for each in found if each is not None), key=lambda each: each.id)
        self.withdraw(latest)
        return latest

    def full(self) -> Overload:
        """What is said where there is no room."""
        return Overload(
            f"The server is busy: {self.waiting} calls are waiting (limit: {self._queue_limit}). Try again later.",
            self._retry_after_ms(),
            Reason.QUEUE_FULL,
        )

    def may_take_last(self, call: Call, now: float) -> bool:
        """Whether a call may take the last free worker of its pool."""
        short_calls = self._writes if call.tool.writes else self._quick
        return not (self._crowd.has_company(call.client, now) and short_calls.is_held_by(call.client))

    def next_call(self, kind: Kind, fits: Fits, now: float) -> Call | None:
        """Take the call that should run now on a free worker of a pool, or None when none may."""
        call = self._writes.pop(fits, now) if kind is WRITING else self._next_read(fits, now)
        if call is not None:
            self.depth -= 1
        return call

    def next_behind(self, principal: str | None, most: int, now: float) -> list[Call]:
        """Take the short reads whose turn it is, to wait in this order behind another one of `principal` in its worker.

        None when it is somebody else's turn, or a scan's, so that whoever's it is gets the worker when it is free; and
        when it is a client's that may not take the last free worker: this one may be the last that others can have.
        One where others were here lately, else up to `most`.
        """
        if most < 1 or (self._scans.depth and self._scans.running < self._scan_workers):
            return []
        call = self._quick.first()
        if call is None or call.principal != principal:
            return []
        if self._crowd.has_company(call.client, now):
            if self._quick.is_held_by(call.client):
                return []
            most = 1
        calls = self._quick.take_some(most, now)
        self.depth -= len(calls)
        return calls

    def next_change_behind(self, ahead: Call, now: float) -> Call | None:
        """Take the change whose turn it is, to wait behind another one that runs.

        None when it may not be given out together with that, or would be overdue before it.
        """
        call = self._writes.first()
        if call is None or call.principal != ahead.principal or call.hard_at < ahead.hard_at:
            return None
        if not call.may_wait_in_worker or not self.may_take_last(call, now):
            return None
        self._writes.take(call, now)
        self.depth -= 1
        return call

    def put_back(self, call: Call) -> None:
        """A call that was taken has not run: its client's next one is that again, as if nothing had happened."""
        self._queue_of(call).put_back(call)
        self.depth += 1

    def _next_read(self, fits: Fits, now: float) -> Call | None:
        for queue in (self._scans, self._quick) if self._is_scan_next else (self._quick, self._scans):
            if not queue.depth or (queue is self._scans and queue.running >= self._scan_workers):
                continue
            call = queue.pop(fits, now)
            if call is not None:
                self._is_scan_next = queue is self._quick
                return call
        return None

    def _queue_of(self, call: Call) -> FairQueue:
        if call.tool.writes:
            return self._writes
        return self._quick if call.lane is QUICK else self._scans

    def finished(self, call: Call, now: float) -> None:
        """A call from `next_call` no longer holds a worker."""
        self._queue_of(call).finished(call, now)
        self._crowd.went(call)

    def withdraw(self, call: Call) -> bool:
        """Take a waiting call out; False when it does not wait."""
        if not self._queue_of(call).remove(call):
            return False
        self.depth -= 1
        self._crowd.went(call)
        return True

    def _retry_after_ms(self, refusals: int = 0) -> int:
        """When what waits now will have run, at the pace of late; for a client that keeps coming back, ever later."""
        running = sum(queue.running for queue in self._queues)
        wait_s = self.depth * self._quick.usual_s / max(1, running)
        return min(RETRY_CEILING_MS, max(RETRY_FLOOR_MS, round(1000 * wait_s), REFUSAL_MS * refusals))
