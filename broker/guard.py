"""What the front-end looks at on every tick beside deadlines: memory and rest of its workers, its own memory, texts."""

from collections.abc import Callable, Sequence

from filewarden.broker.holdings import Holdings
from filewarden.broker.lifecycle import Exit
from filewarden.broker.memory import OwnMemoryWatch, give_back_memory, limit_own_data, resident_bytes
from filewarden.broker.process import Violation
from filewarden.broker.quiescence import Quiescence
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker

FRAME_COPIES = 4
"""How often one answer may be held at a time: frame, text, JSON, and what waits for a slow client."""
HELD_COPIES = 3
"""How often what is held for a client may lie in memory: as it came, joined, decoded."""
TEXT_KEPT_S = 60
"""How long what a worker has read may be kept for the case that it is read again."""
FUSE_BYTES = 2 * 1024 * 1024 * 1024
"""How much the front-end may hold beyond its start, whatever happens: many times what any honest load needs."""

LATE_LOOKS = 1
"""How many ticks in a row the growth may go on after the idle workers were ended, until the busy ones are blamed."""
TIDY_AFTER_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""When what an attack left in the allocator is given back: its links take a moment to go."""


class Guard:
    """The watch over the pools, and over the process that they must not fill."""

    def __init__(
        self,
        supervisors: Sequence[Supervisor],
        *,
        end_others: Callable[[str], None],
        frame_bytes: int,
        holdings: Holdings,
    ) -> None:
        """`end_others` ends what else can fill this process, and costs no client a call."""
        self._holdings = holdings
        self._own_memory = OwnMemoryWatch()
        self._quiescence = Quiescence()
        self._ran_before: set[int] = set()
        self._excess = 0
        """Our own memory at the tick before, when idle workers have been ended for it; else 0."""
        self._late_looks = 0
        """How often it has grown since: what they had sent by then still arrives."""
        self._tidy_at: tuple[float, ...] = ()
        self._fuse_bytes = 0
        self.watch(supervisors, end_others=end_others, frame_bytes=frame_bytes)

    def watch(self, supervisors: Sequence[Supervisor], *, end_others: Callable[[str], None], frame_bytes: int) -> None:
        """Watch over these from now on."""
        self._supervisors = tuple(supervisors)
        self._end_others = end_others
        self._frame_bytes = frame_bytes
        fuse_bytes = FUSE_BYTES + FRAME_COPIES * frame_bytes * sum(len(each.roster.slots) for each in supervisors)
        if fuse_bytes > self._fuse_bytes:
            limit_own_data(fuse_bytes, own_bytes=self._fuse_bytes)
            self._fuse_bytes = fuse_bytes

    def look(self, now: float) -> None:
        """Condemn every worker that is not what it should be."""
        workers = [worker for supervisor in self._supervisors for worker in supervisor.roster.workers()]
        for supervisor in self._supervisors:
            for worker in supervisor.roster.workers():
                if worker.call is not None and resident_bytes(worker.pid) > supervisor.pool.memory_bytes:
                    supervisor.condemn(worker, Exit.MEMORY)
        for worker in self._quiescence.restless(workers, now):
            self._end(worker, "it works without a call")
        for worker in workers:
            worker.forget_text(now - TEXT_KEPT_S)
        kept = sum(worker.kept_bytes for worker in workers)
        running = {worker.call.id for worker in workers if worker.call is not None}
        expected = FRAME_COPIES * self._frame_bytes * (1 + len(running)) + HELD_COPIES * self._holdings.bytes + kept
        resident = resident_bytes()
        if self._own_memory.is_excessive(resident, expected):
            give_back_memory()  # what clients have taken or sent may still lie in the allocator
            resident = resident_bytes()
        if self._own_memory.is_excessive(resident, expected):
            self._end_suspects(workers, resident)
            self._tidy_at = tuple(now + delay_s for delay_s in TIDY_AFTER_S)
        else:
            self._excess = 0
        if self._tidy_at and now >= self._tidy_at[0]:
            self._tidy_at = self._tidy_at[1:]
            give_back_memory()
        self._ran_before = running

    def _end_suspects(self, workers: list[Worker], resident: int) -> None:
        """Stop a growth that no work explains: a worker feeds this process a message without an end.

        Which one cannot be told. Those without a call go first, for that costs no client anything; if it still grows
        after the next tick, those go that have run the same call since the one before. None can answer any more once
        it has begun such a message, so a worker that changed its call meanwhile is innocent.
        """
        reason = "this process grows without a reason, and it may be the cause"
        self._end_others(reason)
        resting = [worker for worker in workers if worker.call is None]
        if self._excess == 0 and resting:
            suspects = resting
            self._excess, self._late_looks = resident, 0
        elif 0 < self._excess < resident and self._late_looks < LATE_LOOKS:
            suspects = []
            self._excess, self._late_looks = resident, self._late_looks + 1
        else:
            is_growing = resident > self._excess
            suspects = [worker for worker in workers if worker.call is not None and worker.call.id in self._ran_before]
            suspects = suspects if is_growing else []
            self._own_memory.accept(resident)
            self._excess = 0
        for worker in suspects:
            self._end(worker, reason)

    def _end(self, worker: Worker, violation: str) -> None:
        self._supervisor_of(worker).condemn_for(worker, Violation(violation))

    def _supervisor_of(self, worker: Worker) -> Supervisor:
        return next(each for each in self._supervisors if each.roster.find(worker.serial) is worker)
