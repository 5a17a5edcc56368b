"""Which worker holds which place of the pool, and which ones wait as spares. Pure."""

from filewarden.broker.exits import Exits
from filewarden.broker.lifecycle import BUSY, IDLE, STARTING, STOPPING, Exit
from filewarden.broker.slot import Slot
from filewarden.broker.worker import Worker


class Roster:
    """Every process that is not known to be dead; those without a slot are spares."""

    def __init__(self, size: int, spares: int) -> None:
        self.slots = tuple(Slot(index) for index in range(size))
        self.exits = Exits()
        self.restarts_total = 0
        """Every replacement but recycling."""
        self._wanted = size + spares
        self._workers: dict[int, Worker] = {}

    def add(self, worker: Worker) -> None:
        """A process is being started."""
        self._workers[worker.serial] = worker

    def remove(self, worker: Worker) -> None:
        """Its process is gone."""
        self._workers.pop(worker.serial, None)

    def find(self, serial: int) -> Worker | None:
        """The worker of that number, unless it is gone."""
        return self._workers.get(serial)

    def place_that_lost(self, serial: int) -> int:
        """The slot whose latest loss was the worker of that number, -1 when there is none."""
        return next((slot.index for slot in self.slots if slot.lost_serial == serial), -1)

    def workers(self) -> list[Worker]:
        """All of them."""
        return list(self._workers.values())

    def idle(self) -> Worker | None:
        """The idle worker of the lowest slot: its caches are warm, and the others may sleep."""
        for slot in self.slots:
            worker = slot.worker
            if worker is not None and worker.state is IDLE and not worker.is_cut_off:
                return worker
        return None

    def idle_for(self, principal: str) -> tuple[Worker | None, int]:
        """The idle worker that has served this principal, else one that has served nobody; and how many are idle."""
        own = fresh = None
        count = 0
        for slot in self.slots:
            worker = slot.worker
            if worker is None or worker.state is not IDLE or worker.is_cut_off:
                continue
            count += 1
            if own is None and worker.principal == principal:
                own = worker
            elif fresh is None and worker.principal is None:
                fresh = worker
        return own or fresh, count

    def rested_longest(self) -> Worker | None:
        """The idle worker whose latest call is the longest ago."""
        idle = [slot.worker for slot in self.slots if slot.worker is not None and slot.worker.state is IDLE]
        return min(idle, key=lambda worker: worker.last_call, default=None)

    def coming(self) -> int:
        """How many slots are about to get a worker that has served nobody."""
        return sum(slot.worker is None or slot.worker.state is STARTING for slot in self.slots)

    def is_serving(self) -> bool:
        """Whether any worker is idle or busy."""
        return any(worker.state in (IDLE, BUSY) for worker in self._workers.values())

    def starting(self) -> int:
        """How many are on their way."""
        return sum(worker.state is STARTING for worker in self._workers.values())

    def missing(self) -> int:
        """How many more should be started."""
        return self._wanted - sum(worker.state is not STOPPING for worker in self._workers.values())

    def spares_ready(self) -> int:
        """How many confined workers wait to take a slot over."""
        return sum(worker.state is IDLE for worker in self._spares())

    def promote(self) -> None:
        """Put spares into empty slots, those that are ready first."""
        spares = sorted(self._spares(), key=lambda worker: worker.state is not IDLE)
        for slot in self.slots:
            if slot.worker is None and spares:
                slot.worker = spares.pop(0)
                slot.worker.place = slot.index
                slot.has_been_ready |= slot.worker.state is IDLE

    def became_ready(self, worker: Worker) -> None:
        """It reported that it is confined."""
        for slot in self.slots:
            slot.has_been_ready |= slot.worker is worker

    def lose(self, worker: Worker, cause: Exit) -> None:
        """It is gone or about to be: its slot is empty."""
        self.exits.count(worker.serial, cause)
        if cause is not Exit.RECYCLED:
            self.restarts_total += 1
        for slot in self.slots:
            if slot.worker is worker:
                slot.lose(cause)

    def go_on_from(self, earlier: "Roster") -> None:
        """Count on where the one before has come to."""
        self.exits = earlier.exits
        self.restarts_total += earlier.restarts_total

    def learn(self, serial: int, cause: Exit) -> None:
        """The true cause of a crash that was counted before its exit status was known."""
        self.exits.learn(serial, cause)
        for slot in self.slots:
            slot.learn(serial, cause)

    def _spares(self) -> list[Worker]:
        held = {id(slot.worker) for slot in self.slots}
        return [
            worker for worker in self._workers.values() if id(worker) not in held and worker.state in (STARTING, IDLE)
        ]
