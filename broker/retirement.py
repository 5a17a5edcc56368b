"""Replaces the workers of a pool that are worn out: one at a time, between calls, never without a substitute."""

from collections.abc import Callable

from filewarden.broker.lifecycle import IDLE, Exit
from filewarden.broker.memory import resident_bytes
from filewarden.broker.pool import Pool
from filewarden.broker.roster import Roster
from filewarden.broker.wear import Wear
from filewarden.broker.worker import Worker
from filewarden.workers.errors import Code
from filewarden.workers.wire import ASIDES, Answer, Aside, Ending, Refusal

LOOK_EVERY_S = 1.0
"""How often workers are weighed."""


class Retirement:
    """Whoever owns the workers says when they answered and when time has passed; `condemn` replaces one."""

    def __init__(
        self,
        pool: Pool,
        roster: Roster,
        jitter: Callable[[], float],
        condemn: Callable[[Worker, Exit], None],
        log: Callable[[str], None],
    ) -> None:
        self.wear = Wear(pool, jitter)
        self._has_spares = pool.spares > 0
        self._roster = roster
        self._condemn = condemn
        self._log = log
        self._look_at = 0.0
        self._heavy: set[int] = set()
        """The numbers of those that were too big when they were last weighed, perhaps in the middle of a call."""

    def consider(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """A worker has just spoken; it is replaced if it is free, and worn out or, by its answers, damaged."""
        if isinstance(frame, Answer):
            if not self._heavy and self.wear.goes_on(worker.serial, worker.calls_total, _age_s(worker, now)):
                return
            is_failure = False
        elif isinstance(frame, ASIDES):
            return
        else:
            is_failure = isinstance(frame, Refusal) and frame.code is Code.IO_ERROR
        if worker.state is not IDLE:
            self.wear.note(worker.serial, is_failure=is_failure)
        elif self.wear.answered(worker.serial, is_failure=is_failure, now=now):
            self._log(f"worker {worker.pid} was replaced: everything it was asked failed with an error of the system")
            self._condemn(worker, Exit.RECYCLED)
        elif self._is_due(worker, now):
            self._condemn(worker, Exit.RECYCLED)

    def calls_left(self, worker: Worker, now: float) -> int:
        """How many more calls a worker can have without being free for a moment, in which it would be judged."""
        if worker.serial in self._heavy:
            return 0
        calls = worker.calls_total + 1 + len(worker.behind)
        return self.wear.calls_left(worker.serial, calls, _age_s(worker, now))

    def look(self, now: float) -> None:
        """Weigh the workers, and replace one that is idle and too old or too big; the others follow one by one."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        used = [slot.worker for slot in self._roster.slots if slot.worker is not None and slot.worker.calls_total]
        self._heavy = {each.serial for each in used if self.wear.is_heavy(each.serial, resident_bytes(each.pid))}
        for worker in used:
            if worker.state is IDLE and self._is_due(worker, now):
                self._condemn(worker, Exit.RECYCLED)
                return

    def _is_due(self, worker: Worker, now: float) -> bool:
        """Whether a worker without a call has done enough; a call may have held for a moment what it weighed."""
        is_worn = self.wear.is_worn(worker.serial, worker.calls_total, _age_s(worker, now)) or (
            worker.serial in self._heavy and self.wear.is_heavy(worker.serial, resident_bytes(worker.pid))
        )
        return is_worn and (self._roster.spares_ready() > 0 or not self._has_spares)


def _age_s(worker: Worker, now: float) -> float:
    """Since its first call."""
    return 0.0 if worker.serves_since is None else now - worker.serves_since
