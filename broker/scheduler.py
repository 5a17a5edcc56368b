"""Who runs next: bounded queues, fair between clients, one for each pool, with two lanes. Pure: no clock, no I/O.

Theory. Calls that write wait for the pool that can, and never for reads; the limits count them together. The reading
pool has two lanes. Each queue keeps one first-in-first-out row for each client and serves the clients in turn, so that
a client with a hundred waiting calls costs another one at most one turn. Scans may hold at most `scan_workers` workers,
so a short read always finds one that no scan can take; when both lanes may run, they alternate, so a flood of reads
cannot starve scans. A call that no free worker may take is passed over and keeps its place.
"""

from collections import OrderedDict, deque
from collections.abc import Callable

from filewarden.broker.call import Call
from filewarden.broker.pool import Kind, pool_of
from filewarden.workers.errors import Code
from filewarden.workers.tool import Lane

RETRY_FLOOR_MS = 50
RETRY_CEILING_MS = 5000
QUICK_CALL_MS = 5
"""What a queued call is assumed to take when a refusal says how long to wait."""


Fits = Callable[[Call], bool]
"""Whether a call can run at this moment. Each client's first call is offered, the clients in turn."""


class Overload(Exception):
    """The queue, or this client's share of it, is full."""

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message)
        self.code = Code.OVERLOADED
        self.retry_after_ms = retry_after_ms


class _LaneQueue:
    """The waiting calls of one lane: a queue for each client, clients in turn."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, deque[Call]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._clients)

    def push(self, call: Call) -> None:
        self._clients.setdefault(call.client, deque()).append(call)

    def pop(self, fits: Fits) -> Call | None:
        for client, calls in self._clients.items():
            if fits(calls[0]):
                call = calls.popleft()
                if calls:
                    self._clients.move_to_end(client)  # behind everybody else
                else:
                    del self._clients[client]
                return call
        return None

    def remove(self, call: Call) -> bool:
        calls = self._clients.get(call.client)
        if calls is None or call not in calls:
            return False
        calls.remove(call)
        if not calls:
            del self._clients[call.client]
        return True


class Scheduler:
    """The calls that wait, and the count of those that run."""

    def __init__(self, *, queue_limit: int, per_client_limit: int, scan_workers: int) -> None:
        self._queue_limit = queue_limit
        self._per_client_limit = per_client_limit
        self._scan_workers = scan_workers
        self._lanes = {Lane.QUICK: _LaneQueue(), Lane.SCAN: _LaneQueue()}
        self._writes = _LaneQueue()
        self._depth = 0
        self._running_scans = 0
        self._in_flight: dict[str, int] = {}
        self._last_lane = Lane.SCAN

    @property
    def depth(self) -> int:
        """How many calls wait."""
        return self._depth

    def has_waiting(self, kind: Kind) -> bool:
        """Whether any call waits for a pool."""
        return bool(self._writes) if kind is Kind.WRITING else any(self._lanes.values())

    def admit(self, call: Call) -> None:
        """Queue a call.

        Raises:
            Overload: the queue is full, or the client has too many calls in flight.
        """
        in_flight = self._in_flight.get(call.client, 0)
        if in_flight >= self._per_client_limit:
            raise Overload(
                f"Too many calls at once: {in_flight} of yours are in flight (limit: {self._per_client_limit}).",
                self._retry_after_ms(),
            )
        if self._depth >= self._queue_limit:
            raise Overload(
                f"The server is busy: {self._depth} calls are waiting (limit: {self._queue_limit}). Try again later.",
                self._retry_after_ms(),
            )
        self._in_flight[call.client] = in_flight + 1
        self._queue_of(call).push(call)
        self._depth += 1

    def next_call(self, kind: Kind, fits: Fits) -> Call | None:
        """Take the call that should run now on a free worker of a pool, or None when none may."""
        call = self._writes.pop(fits) if kind is Kind.WRITING else self._next_read(fits)
        if call is not None:
            self._depth -= 1
        return call

    def _next_read(self, fits: Fits) -> Call | None:
        lanes = (Lane.QUICK, Lane.SCAN) if self._last_lane is Lane.SCAN else (Lane.SCAN, Lane.QUICK)
        for lane in lanes:
            if lane is Lane.SCAN and self._running_scans >= self._scan_workers:
                continue
            call = self._lanes[lane].pop(fits)
            if call is not None:
                self._last_lane = lane
                self._running_scans += lane is Lane.SCAN
                return call
        return None

    def _queue_of(self, call: Call) -> _LaneQueue:
        return self._writes if pool_of(call.tool) is Kind.WRITING else self._lanes[call.lane]

    def finished(self, call: Call) -> None:
        """A call from `next_call` no longer holds a worker."""
        if call.lane is Lane.SCAN and pool_of(call.tool) is Kind.READING:
            self._running_scans -= 1
        self._release(call)

    def withdraw(self, call: Call) -> bool:
        """Take a waiting call out; False when it does not wait."""
        if not self._queue_of(call).remove(call):
            return False
        self._depth -= 1
        self._release(call)
        return True

    def _release(self, call: Call) -> None:
        left = self._in_flight[call.client] - 1
        if left:
            self._in_flight[call.client] = left
        else:
            del self._in_flight[call.client]

    def _retry_after_ms(self) -> int:
        return min(RETRY_CEILING_MS, max(RETRY_FLOOR_MS, self._depth * QUICK_CALL_MS))
