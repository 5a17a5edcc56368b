"""Gives the calls that wait to workers: to idle ones, and where none is idle some more to those that read.

Theory. A worker that finds its next call on its link when it is done costs no round trip in between, and calls that go
out together wake it once; so the short calls of one client get through several times as fast. Nobody pays for that:
only the short read whose turn it is waits so, behind another one of the same principal that has just begun, never while
a scan may run or somebody else's turn has come, and only one at a time while other clients are there. What waits in a
worker is still in the queue for all who ask: it can be cancelled, its deadline runs, and it is taken back when the call
that runs takes long, and put back when the worker is lost. A read may run twice; only one is answered.

What a worker is lost with before it was sent, it has never heard of. That waits again as if it had not been given out,
a change too, and nobody is suspected. A call that meets one such worker after the other waits until its deadline.

A change must never run twice. So changes wait behind another one only where a single worker makes them all, which they
would have to wait for anyway, and where a history tells afterwards whether one has changed anything. It makes together
those that it finds on its link. None is ever taken back, nor may one be overdue before the one ahead of it. When their
worker is lost, the history is asked for each, and those are put back for which nothing was changed
(`LostCalls.on_returned`).
"""

from collections.abc import Mapping
from math import ceil

from filewarden.broker.call import Call
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.parcel import Parcel
from filewarden.broker.placement import Placement
from filewarden.broker.pool import READING, WRITING, Kind, pool_of
from filewarden.broker.reactor import Reactor
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker
from filewarden.workers.tool import QUICK, SCAN

LONG_S = 0.005
"""How long a call may have run for others to wait behind it: most end within a tenth of that."""
MOST_BEHIND = 7
"""How many calls may wait in a worker: each that goes out with others costs half as much as one that goes alone, and
all of them together take less than a millisecond, for which whoever comes next may have to wait."""

MOST_CHANGES_BEHIND = 15
"""How many changes may wait in the worker that makes them: as many as it makes together, and as many for after that."""


class Feeder:
    """The way from the scheduler to the workers. Times are monotonic seconds."""

    def __init__(
        self,
        reactor: Reactor,
        scheduler: Scheduler,
        supervisors: Mapping[Kind, Supervisor],
        checks: OutcomeChecks,
    ) -> None:
        self._reactor = reactor
        self._checks = checks
        self._scheduler = scheduler
        self._supervisors = supervisors
        """The pools that are given calls."""
        self._may_wait_in_workers = False
        """False when no call does."""
        self._is_set = False
        """Whether this tick ends with giving out."""
        self._parcels: dict[Worker, Parcel] = {}
        """What is about to be sent."""
        scheduler.count_in_workers = self._count_waiting

    def start(self, call: Call) -> bool:
        """Start a short call that has just come, where nobody waits and a worker is free for it: the usual case.

        It leaves at the end of this tick, together with those that will wait behind it.

        Raises:
            Overload: its client has too many calls in flight.
        """
        if self._scheduler.depth or call.lane is SCAN or call.tool.steps is not None:
            return False  # it waits, or may be made together with those that come with it
        supervisor = self._supervisors.get(pool_of(call.tool))
        if supervisor is None:
            return False
        worker, idle = supervisor.roster.idle_for(call.principal)
        now = call.submitted_at
        if worker is None or (idle <= 1 and not self._scheduler.may_take_last(call, now)):
            return False
        self._scheduler.begin(call, now)
        self._give(supervisor, worker, call, now)
        self._set()
        return True

    def feed(self) -> None:
        """Give out what can be given out once this tick has heard all that there is to hear."""
        if self._scheduler.depth or self._may_wait_in_workers or self._checks.waiting:
            self._set()

    def _set(self) -> None:
        if not self._is_set:
            self._is_set = True
            self._reactor.settle(self._end_tick)

    def _end_tick(self) -> None:
        self._is_set = False
        if self._scheduler.depth or self._may_wait_in_workers or self._checks.waiting:
            self._give_out(self._reactor.now())
        self._send()

    def _send(self) -> None:
        parcels = self._parcels
        while parcels:  # each is here until it has left, and a lost link can lead to another call
            worker = next(iter(parcels))
            parcels[worker].send()
            del parcels[worker]

    def _give_out(self, now: float) -> None:
        if self._checks.waiting:
            self._feed_checks(now)
        scheduler = self._scheduler
        if self._may_wait_in_workers and not scheduler.depth:
            self._take_back_behind_long(now)
        for kind, supervisor in self._supervisors.items():
            if scheduler.has_waiting(kind):
                self._feed_idle(kind, supervisor, now)
        if scheduler.has_waiting(READING):
            self._feed_busy(now)
        if scheduler.has_waiting(Kind.WRITING):
            self._feed_writer(now)

    def look(self, now: float) -> None:
        """Time has passed."""
        if self._may_wait_in_workers:
            self._take_back_behind_long(now)
        self.feed()

    def _feed_checks(self, now: float) -> None:
        """What somebody waits for whose change was stopped comes before new changes."""
        supervisor = self._supervisors.get(WRITING)
        if supervisor is None:
            return
        placement = Placement(supervisor)
        while (check := self._checks.next_check(placement.fits)) is not None and placement.worker is not None:
            self._give(supervisor, placement.worker, check, now)

    def _feed_idle(self, kind: Kind, supervisor: Supervisor, now: float) -> None:
        if supervisor.roster.idle() is None:
            return
        placement = Placement(supervisor, lambda call: self._scheduler.may_take_last(call, now))
        while self._scheduler.has_waiting(kind) and supervisor.roster.idle() is not None:
            call = self._scheduler.next_call(kind, placement.fits, now)
            if call is None or placement.worker is None:
                return
            self._give(supervisor, placement.worker, call, now)

    def _feed_busy(self, now: float) -> None:
        supervisor = self._supervisors.get(READING)
        if supervisor is None:
            return
        workers = [worker for worker in self._readers() if _takes_others(worker, now)]
        for place, worker in enumerate(workers):
            share = ceil(self._scheduler.depth / (len(workers) - place))
            most = min(MOST_BEHIND, share, supervisor.room_in(worker, now))
            for call in self._scheduler.next_behind(worker.principal, most, now):
                self._may_wait_in_workers = True
                self._give(supervisor, worker, call, now)

    def _feed_writer(self, now: float) -> None:
        """Let a change wait in the one worker that makes changes."""
        supervisor = self._supervisors.get(Kind.WRITING)
        if supervisor is None or len(supervisor.roster.slots) > 1 or not self._checks.can_tell:
            return
        worker = supervisor.roster.slots[0].worker
        if worker is None or worker.call is None or worker.call.is_check:
            return
        for _ in range(min(MOST_CHANGES_BEHIND - len(worker.behind), supervisor.room_in(worker, now))):
            ahead = worker.behind[-1] if worker.behind else worker.call
            call = None if ahead.is_disowned else self._scheduler.next_change_behind(ahead, now)
            if call is None:
                return
            self._may_wait_in_workers = True
            self._give(supervisor, worker, call, now)

    def _give(self, supervisor: Supervisor, worker: Worker, call: Call, now: float) -> None:
        parcel = self._parcels.get(worker)
        if parcel is None:
            parcel = self._parcels[worker] = Parcel(supervisor, worker)
        parcel.add(call, self._checks.mark(call) if call.tool.writes else "", now)

    def _readers(self) -> list[Worker]:
        supervisor = self._supervisors.get(READING)
        if supervisor is None:
            return []
        return [slot.worker for slot in supervisor.roster.slots if slot.worker is not None]

    def _writers(self) -> list[Worker]:
        supervisor = self._supervisors.get(Kind.WRITING)
        if supervisor is None:
            return []
        return [slot.worker for slot in supervisor.roster.slots if slot.worker is not None]

    # What waits in workers.

    def withdraw(self, call: Call) -> bool:
        """Take a call out that no worker has begun; False when one has."""
        return self._queue_of(call).withdraw(call) or self._release(call)

    def _release(self, call: Call) -> bool:
        """Take a call out that is about to leave or waits in a worker; False when it runs.

        It counts as if it had never been given out. What has not left yet, no worker has heard of; what was to leave
        with it waits again as well. What waits in a worker is run all the same when its turn comes, and nobody wants
        the answer.
        """
        for worker, parcel in self._parcels.items():
            if parcel.holds(call):
                self.keep(worker)
                return self._queue_of(call).withdraw(call)
        for worker in self._readers():
            if call in worker.behind:
                self._take_back(worker, call)
                return self._scheduler.withdraw(call)
        return False

    def keep(self, worker: Worker) -> None:
        """Let wait again what a worker was about to be sent that can be sent nothing any more."""
        parcel = self._parcels.get(worker)
        if parcel is None:
            return
        for call in parcel.take_all_out():
            self._queue_of(call).put_back(call)
        self.feed()

    def _queue_of(self, call: Call) -> OutcomeChecks | Scheduler:
        return self._checks if call.is_check else self._scheduler

    def move_to(self, supervisors: Mapping[Kind, Supervisor]) -> None:
        """Give calls to these pools, and to those before none any more but what is about to leave.

        What waits in a worker of theirs waits here again, but for changes, which only that worker can tell of.
        """
        self._send()
        for worker in self._readers():
            self._take_all_back(worker)
        self._supervisors = supervisors
        self._may_wait_in_workers = False
        self.feed()

    def returned(self, call: Call, *, is_suspect: bool) -> None:
        """The worker in which it waited is gone: it is the next one again, and a suspect waits in no worker any more.

        So a call that brings down what runs it is found after it has cost one other. Where the one ahead was cancelled,
        nobody is suspected, or each of them would cost a worker too if it were cancelled next.
        """
        call.may_wait_in_worker = not is_suspect and call.may_wait_in_worker
        self._scheduler.put_back(call)

    def _count_waiting(self) -> int:
        if not self._may_wait_in_workers:
            return 0
        return sum(len(worker.waiting()) for worker in (*self._readers(), *self._writers()))

    def _take_all_back(self, worker: Worker) -> None:
        for call in reversed(worker.waiting()):
            self._take_back(worker, call)

    def _take_back(self, worker: Worker, call: Call) -> None:
        worker.disown(call)
        self._scheduler.put_back(call)

    def _take_back_behind_long(self, now: float) -> None:
        """Let calls wait for the next free worker instead of for one that is not done soon."""
        self._may_wait_in_workers = any(worker.behind for worker in self._writers())
        for worker in self._readers():
            if worker.busy_since is not None and now - worker.busy_since > LONG_S:
                self._take_all_back(worker)
            elif worker.behind:
                self._may_wait_in_workers = True


def _takes_others(worker: Worker, now: float) -> bool:
    """Whether short calls may wait in it: behind one that will most likely end soon, and once none waits any more.

    So they go out together.
    """
    call, busy_since = worker.call, worker.busy_since
    if worker.behind or call is None or busy_since is None:
        return False
    return call.lane is QUICK and not call.is_disowned and now - busy_since < LONG_S
