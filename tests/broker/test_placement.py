"""Which worker a call gets, decided on workers without processes."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Event, Exit, State, advance
from filewarden.broker.placement import Placement
from filewarden.broker.roster import Roster
from filewarden.broker.worker import Worker

MakeCall = Callable[..., Call]


class Pool:
    """A roster whose workers become ready when they are told to."""

    def __init__(self, size: int, spares: int = 0) -> None:
        self.roster = Roster(size, spares)
        self.replaced: list[Worker] = []
        self._serial = 0
        self.fill()
        self.ready()

    def fill(self) -> None:
        self.roster.promote()
        for _ in range(self.roster.missing()):
            self._serial += 1
            self.roster.add(Worker(self._serial, "", 0.0))
        self.roster.promote()

    def ready(self) -> None:
        for worker in self.roster.workers():
            if worker.state is State.STARTING:
                worker.state = advance(worker.state, Event.CONFINED)

    def make_room(self) -> None:
        worker = self.roster.rested_longest()
        assert worker is not None
        self.replaced.append(worker)
        worker.condemn(Exit.RECYCLED)
        self.roster.lose(worker, Exit.RECYCLED)
        self.roster.remove(worker)
        self.fill()

    def run(self, call: Call, placement: Placement | None = None) -> Worker | None:
        """Start a call if it fits."""
        placement = placement or Placement(self)
        if not placement.fits(call):
            return None
        worker = placement.worker
        assert worker is not None
        worker.state = advance(worker.state, Event.ASSIGNED)
        worker.call, worker.principal, worker.last_call = call, call.principal, call.id
        return worker

    def finish(self, worker: Worker | None) -> None:
        assert worker is not None
        worker.state = advance(worker.state, Event.ANSWERED)
        worker.call = None


def test_a_worker_belongs_to_the_principal_of_its_first_call(make_call: MakeCall) -> None:
    pool = Pool(2)
    first = pool.run(make_call(principal="alice"))
    pool.finish(first)
    second = pool.run(make_call(principal="bob"))
    pool.finish(second)
    assert first is not second
    assert pool.run(make_call(principal="alice")) is first
    assert pool.run(make_call(principal="bob")) is second
    assert not pool.replaced


def test_a_ready_spare_takes_the_place_at_once(make_call: MakeCall) -> None:
    pool = Pool(1, spares=1)
    first = pool.run(make_call(principal="alice"))
    pool.finish(first)
    second = pool.run(make_call(principal="bob"))
    assert second is not None
    assert second is not first
    assert pool.replaced == [first]


def test_without_a_spare_the_call_waits_and_one_worker_is_replaced_however_often_it_is_asked(
    make_call: MakeCall,
) -> None:
    pool = Pool(2)
    running = [pool.run(make_call(principal="alice")) for _ in range(2)]
    for worker in running:
        pool.finish(worker)
    for _ in range(5):
        assert pool.run(make_call(principal="bob")) is None
    assert pool.replaced == [running[0]], "the one that has rested longest"
    assert pool.run(make_call(principal="alice")) is running[1], "nobody else waits"
    pool.ready()
    assert pool.run(make_call(principal="bob")) is not None


def test_two_starved_principals_get_a_place_each(make_call: MakeCall) -> None:
    pool = Pool(3)
    for worker in [pool.run(make_call(principal="alice")) for _ in range(3)]:
        pool.finish(worker)
    placement = Placement(pool)
    assert pool.run(make_call(principal="bob"), placement) is None
    assert pool.run(make_call(principal="carol"), placement) is None
    assert pool.run(make_call(principal="bob"), placement) is None
    assert len(pool.replaced) == 2


def test_a_busy_worker_is_never_replaced(make_call: MakeCall) -> None:
    pool = Pool(2)
    busy, idle = pool.run(make_call(principal="alice")), pool.run(make_call(principal="alice"))
    pool.finish(idle)
    assert pool.run(make_call(principal="bob")) is None
    assert pool.replaced == [idle]
    assert busy is not None
    assert busy.state is State.BUSY


@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from("crf"), st.integers(0, 3)), max_size=60),
    size=st.integers(1, 3),
    spares=st.integers(0, 1),
)
def test_no_worker_ever_serves_two(make_call: MakeCall, steps: list[tuple[str, int]], size: int, spares: int) -> None:
    pool, served = Pool(size, spares), dict[int, str]()
    for step, who in steps:
        busy = [worker for worker in pool.roster.workers() if worker.state is State.BUSY]
        if step == "r":
            pool.ready()
        elif step == "f" and busy:
            pool.finish(busy[who % len(busy)])
        elif step == "c" and pool.roster.idle() is not None:
            call = make_call(principal=f"agent{who}")
            worker = pool.run(call)
            if worker is not None:
                assert served.setdefault(worker.serial, call.principal) == call.principal


def test_the_last_idle_worker_is_only_for_a_call_that_may_take_it(make_call: MakeCall) -> None:
    pool = Pool(size=2)
    first, second, other = make_call("greedy"), make_call("greedy"), make_call("polite")
    placement = Placement(pool, lambda call: call.client == "polite")
    worker = pool.run(first, placement)
    assert worker is not None
    assert not placement.fits(second)
    assert placement.worker is None
    assert pool.run(other, placement) is not None
    pool.finish(worker)
    assert not placement.fits(second)
