"""The pools that run the calls of a dispatcher: those that count, and those that end with the calls that they run."""

from collections.abc import Callable, Iterator, Sequence

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.patrol import BUSY_TICK_S
from filewarden.broker.pool import Kind
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker


class Workforce:
    """All of them. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.by_kind: dict[Kind, Supervisor] = {}
        """Those that are given calls."""
        self._retiring: tuple[Supervisor, ...] = ()

    def employ(self, supervisors: Sequence[Supervisor]) -> None:
        """Let these count; those before keep what they run."""
        self._retiring = tuple(each for each in self.pools if each.roster.workers())
        self.by_kind = {supervisor.pool.kind: supervisor for supervisor in supervisors}

    @property
    def pools(self) -> tuple[Supervisor, ...]:
        """Each in which a call may run."""
        return (*self.by_kind.values(), *self._retiring)

    def look(self, now: float) -> None:
        """Time has passed."""
        self._end_unwanted(now)
        for supervisor in self.by_kind.values():
            supervisor.tick(now)

    def down(self) -> list[Kind]:
        """The kinds of calls that nobody can run now, nor will soon."""
        return [kind for kind, supervisor in self.by_kind.items() if supervisor.is_down()]

    def stuck(self, now: float) -> list[Call | None]:
        """The calls of the workers that were killed and do not die."""
        return [call for supervisor in self.pools for call in supervisor.stuck(now)]

    def end_runner(self, call: Call, cause: Exit, unless: Callable[[Worker], bool] = lambda _: False) -> None:
        """Kill the worker that runs a call."""
        for supervisor, worker in self._workers():
            if worker.call is call and not unless(worker):
                supervisor.condemn(worker, cause)

    def end(self, worker: Worker, cause: Exit) -> None:
        """Kill a worker."""
        for supervisor in self.pools:
            if supervisor.roster.find(worker.serial) is worker:
                supervisor.condemn(worker, cause)

    def _end_unwanted(self, now: float) -> None:
        """End what runs too long though nobody waits for it any more."""
        for supervisor, worker in self._workers():
            if worker.call is not None and worker.call.is_disowned and _runs_long(worker, now):
                supervisor.condemn(worker, Exit.CANCELLED)

    def _workers(self) -> Iterator[tuple[Supervisor, Worker]]:
        """Each with its pool, as they are when that pool's turn comes."""
        for supervisor in self.pools:
            for worker in supervisor.roster.workers():
                yield supervisor, worker


def _runs_long(worker: Worker, now: float) -> bool:
    return worker.busy_since is not None and now - worker.busy_since > BUSY_TICK_S
