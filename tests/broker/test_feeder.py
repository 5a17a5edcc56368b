"""Which call runs where, and which one waits in a worker, on workers without processes."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from filewarden.broker.call import Call
from filewarden.broker.feeder import LONG_S, MOST_BEHIND, MOST_CHANGES_BEHIND, Feeder
from filewarden.broker.lifecycle import Event, Exit, State, advance
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.parcel import MOST_BYTES
from filewarden.broker.pool import Kind, reading_pool
from filewarden.broker.roster import Roster
from filewarden.broker.scheduler import Overload, Scheduler
from filewarden.broker.worker import Worker
from filewarden.config.sections.pool import PoolSettings
from filewarden.workers import wire
from filewarden.workers.methods.find_outcome import OPERATION
from filewarden.workers.tool import Lane
from filewarden.workers.tools import read_file, write_file

MakeCall = Callable[..., Call]
CALL_S = 0.001


class Shop:
    """A scheduler, a feeder and workers that answer when they are told to; where each call ended up."""

    def __init__(
        self,
        size: int = 1,
        scan_workers: int = 1,
        queue_limit: int = 100,
        *,
        kind: Kind = Kind.READING,
        has_history: bool = True,
    ) -> None:
        self.pool = reading_pool(PoolSettings())
        self.roster = Roster(size, 0)
        self.scheduler = Scheduler(queue_limit=queue_limit, per_client_limit=100, scan_workers=scan_workers)
        self.clock = 1.0
        self.settling: list[Callable[[], None]] = []
        self.room: dict[Worker, int] = {}
        self.ends: dict[int, list[str]] = {}
        self.frames: list[tuple[Worker, list[int]]] = []
        """What was sent to whom: the numbers of the calls in each frame."""
        self.cut_off: dict[Worker, int] = {}
        """Those whose link is lost, which shows after so many more frames."""
        self._serial = 0
        self._fill()
        shop: Any = self
        self.checks = OutcomeChecks("", OPERATION, has_history=has_history)
        self.feeder = Feeder(shop, self.scheduler, {kind: shop}, self.checks)

    # What the feeder asks of a reactor and of a supervisor.

    def settle(self, action: Callable[[], None]) -> None:
        self.settling.append(action)

    def now(self) -> float:
        return self.clock

    def room_in(self, worker: Worker, now: float) -> int:
        assert now == self.clock
        return self.room.get(worker, 100)

    def send(self, worker: Worker, frame: bytes, *, was_idle: bool) -> None:
        calls = wire.unpack_to_worker(frame)
        assert isinstance(calls, wire.Calls)
        numbers = [call.call for call in calls.calls]
        if worker in self.cut_off:
            if self.cut_off[worker] == 0:
                worker.is_cut_off = True
                self.feeder.keep(worker)
                return
            self.cut_off[worker] -= 1
        assert was_idle or (worker.call is not None and worker.call.id != numbers[0])
        self.frames.append((worker, numbers))

    def name_of(self, worker: Worker) -> str:
        return str(worker.place)

    def make_room(self) -> None:
        worker = self.roster.rested_longest()
        assert worker is not None
        self._remove(worker)

    # What happens.

    def admit(self, *calls: Call) -> None:
        for call in calls:
            self.come(call)
        self.end_tick()

    def come(self, call: Call) -> None:
        """It is admitted in a tick that goes on."""
        self.ends[call.id] = []
        call.submitted_at = self.clock
        if not self.feeder.start(call):
            self.scheduler.admit(call)
            self.feeder.feed()

    def feed(self) -> None:
        self.feeder.feed()
        self.end_tick()

    def wait(self, seconds: float) -> None:
        self.clock += seconds
        self.feeder.look(self.clock)
        self.end_tick()

    def end_tick(self) -> None:
        while self.settling:
            self.settling.pop()()

    def answer(self, worker: Worker) -> Call:
        assert worker.call is not None
        self.clock += CALL_S
        call = worker.answered(worker.call.id, self.clock)
        if not call.is_disowned:
            self._end(call, "answered")
        self.feed()
        return call

    def kill(self, worker: Worker, *, is_suspect: bool = True) -> None:
        call = worker.call
        self._remove(worker)
        for unstarted in reversed(worker.take_waiting()):
            self.feeder.returned(unstarted, is_suspect=is_suspect)
        if call is not None and not call.is_disowned:
            self._end(call, "lost")
        self.feed()

    def cancel(self, call: Call) -> bool:
        if not self.feeder.withdraw(call):
            return False
        self.ends[call.id].append("cancelled")
        return True

    def finish(self) -> None:
        while any(worker.call for worker in self.workers):
            for worker in self.workers:
                if worker.call is not None:
                    self.answer(worker)

    def check(self) -> None:
        for worker in self.workers:
            call = worker.call
            assert len(worker.behind) <= MOST_CHANGES_BEHIND if call and call.tool.writes else MOST_BEHIND
            for following in worker.behind:
                assert call is not None
                assert call.lane is following.lane is Lane.QUICK
                assert worker.principal == following.principal

    def _end(self, call: Call, how: str) -> None:
        self.scheduler.finished(call, self.clock)
        self.ends[call.id].append(how)

    def _remove(self, worker: Worker) -> None:
        worker.condemn(Exit.CRASH)
        self.roster.lose(worker, Exit.CRASH)
        self.roster.remove(worker)
        self._fill()

    def _fill(self) -> None:
        while self.roster.missing():
            self._serial += 1
            worker = Worker(self._serial, "", 0.0)
            worker.state = advance(worker.state, Event.CONFINED)
            self.roster.add(worker)
        self.roster.promote()

    @property
    def workers(self) -> list[Worker]:
        return [slot.worker for slot in self.roster.slots if slot.worker is not None]

    @property
    def worker(self) -> Worker:
        return self.workers[0]


def test_short_reads_wait_in_the_worker_that_runs_another_one_and_go_there_together(make_call: MakeCall) -> None:
    shop, calls = Shop(), [make_call() for _ in range(MOST_BEHIND + 3)]
    shop.admit(*calls)
    assert shop.worker.call is calls[0]
    assert list(shop.worker.behind) == calls[1 : 1 + MOST_BEHIND]
    for call in calls[:MOST_BEHIND]:
        assert shop.answer(shop.worker) is call
    assert list(shop.worker.behind) == calls[1 + MOST_BEHIND :]
    shop.finish()
    assert set(map(tuple, shop.ends.values())) == {("answered",)}
    assert shop.worker.state is State.IDLE
    assert shop.worker.calls_total == len(calls)
    ids = [call.id for call in calls]
    assert shop.frames == [(shop.worker, ids[: 1 + MOST_BEHIND]), (shop.worker, ids[1 + MOST_BEHIND :])]


def test_a_worker_gets_no_more_than_it_may_have_before_it_is_judged(make_call: MakeCall) -> None:
    shop = Shop()
    shop.room[shop.worker] = 2
    shop.admit(*(make_call() for _ in range(5)))
    assert len(shop.worker.behind) == 2


def test_what_is_large_goes_alone(make_call: MakeCall) -> None:
    shop = Shop()
    calls = [make_call() for _ in range(5)]
    calls[2].arguments = read_file.ReadFile(path="x" * MOST_BYTES)
    shop.admit(*calls)
    ids = [call.id for call in calls]
    assert [numbers for _worker, numbers in shop.frames] == [ids[:2], ids[2:3], ids[3:]]


def test_while_another_client_is_there_one_call_alone_waits_in_a_worker(make_call: MakeCall) -> None:
    shop = Shop()
    shop.admit(make_call("another"), *(make_call() for _ in range(5)))
    assert len(shop.worker.behind) == 1
    shop.admit(make_call("a third"))
    assert len(shop.worker.behind) == 1


def test_what_waits_in_a_worker_has_its_place_in_the_queue_until_it_runs(make_call: MakeCall) -> None:
    shop, calls = Shop(queue_limit=2), [make_call() for _ in range(5)]
    shop.admit(*calls[:3])
    assert (list(shop.worker.behind), shop.scheduler.depth, shop.scheduler.waiting) == (calls[1:3], 0, 2)
    with pytest.raises(Overload, match=r"2 calls are waiting \(limit: 2\)"):
        shop.admit(calls[3])
    shop.answer(shop.worker)
    shop.admit(calls[4])
    assert (shop.worker.call, shop.scheduler.waiting) == (calls[1], 2)


def test_changes_that_wait_in_a_worker_have_their_places_in_the_queue_too(make_call: MakeCall) -> None:
    shop, calls = Shop(queue_limit=2, kind=Kind.WRITING), [make_call(writes=True) for _ in range(4)]
    shop.admit(*calls[:3])
    assert (list(shop.worker.behind), shop.scheduler.depth, shop.scheduler.waiting) == (calls[1:3], 0, 2)
    shop.wait(2 * LONG_S)
    with pytest.raises(Overload, match=r"2 calls are waiting \(limit: 2\)"):
        shop.admit(calls[3])


def test_a_worker_that_makes_changes_gets_no_more_either_than_it_may_have_before_it_is_judged(
    make_call: MakeCall,
) -> None:
    shop = Shop(kind=Kind.WRITING)
    shop.room[shop.worker] = 2
    shop.admit(*(make_call(writes=True) for _ in range(5)))
    assert len(shop.worker.behind) == 2


def test_no_change_waits_behind_a_look_at_what_became_of_another_one(make_call: MakeCall) -> None:
    shop = Shop(kind=Kind.WRITING)
    lost, change = make_call(writes=True), make_call(writes=True)
    check = shop.checks.admit(itertools.count(100), lost, Exit.CRASH, shop.clock, lambda _outcome: None)
    shop.feed()
    assert shop.worker.call is check
    shop.admit(change)
    assert (list(shop.worker.behind), shop.scheduler.depth) == ([], 1)


def test_what_waits_in_workers_that_go_is_given_to_those_that_come(make_call: MakeCall) -> None:
    shop, new = Shop(), Shop()
    calls = [make_call() for _ in range(3)]
    shop.admit(*calls)
    coming: Any = new
    shop.feeder.move_to({Kind.READING: coming})
    shop.end_tick()
    assert shop.worker.call is calls[0]
    assert [new.worker.call, *new.worker.behind] == calls[1:]
    assert new.frames == [(new.worker, [call.id for call in calls[1:]])]


def test_an_idle_worker_comes_first(make_call: MakeCall) -> None:
    shop = Shop(2)
    calls = [make_call() for _ in range(5)]
    shop.admit(*calls)
    assert [worker.call for worker in shop.workers] == calls[:2]
    assert [list(worker.behind) for worker in shop.workers] == [calls[2:4], calls[4:]]


def test_the_last_idle_worker_is_not_for_a_client_that_holds_another_one_while_others_are_there(
    make_call: MakeCall,
) -> None:
    shop = Shop(2)
    shop.admit(make_call("polite"))
    shop.answer(shop.worker)
    first, second, other = make_call("greedy"), make_call("greedy"), make_call("another")
    shop.admit(first, second)
    assert [worker.call for worker in shop.workers] == [first, None]
    assert shop.scheduler.depth == 1
    shop.admit(other)
    assert [worker.call for worker in shop.workers] == [first, other]


def test_a_change_that_goes_alone_does_not_overtake_one_that_waits_for_others(make_call: MakeCall) -> None:
    shop, made_together, alone = Shop(kind=Kind.WRITING), make_call(writes=True), make_call(writes=True)
    made_together.tool = write_file.TOOL
    assert made_together.tool.steps is not None
    shop.admit(made_together, alone)
    assert [shop.worker.call, *shop.worker.behind] == [made_together, alone]


@pytest.mark.parametrize(
    ("head", "behind"),
    [
        ({"lane": Lane.SCAN}, {}),
        ({}, {"lane": Lane.SCAN}),
        ({}, {"principal": "other"}),
    ],
)
def test_no_call_waits_behind_a_scan_nor_a_scan_behind_a_read_nor_anybody_behind_another_principal(
    head: Any, behind: Any, make_call: MakeCall
) -> None:
    shop = Shop()
    shop.admit(make_call(**head))
    shop.admit(make_call(**behind))
    assert shop.worker.call is not None
    assert not shop.worker.behind
    assert shop.scheduler.depth == 1


def test_no_call_waits_behind_one_that_already_takes_long_nor_in_a_worker_that_is_to_be_replaced(
    make_call: MakeCall,
) -> None:
    shop = Shop(2)
    shop.admit(make_call(), make_call())
    shop.room[shop.workers[1]] = 0
    shop.clock += 2 * LONG_S
    shop.workers[1].busy_since = shop.clock
    shop.admit(make_call())
    assert not any(worker.behind for worker in shop.workers)


def test_whose_turn_it_is_gets_the_worker_when_it_is_free(make_call: MakeCall) -> None:
    shop = Shop()
    shop.admit(*(make_call("greedy", principal="greedy") for _ in range(3 + MOST_BEHIND)))
    polite = make_call("polite", principal="polite")
    shop.admit(polite)
    for _ in range(1 + MOST_BEHIND):  # what it runs, and what waits in it
        assert shop.answer(shop.worker).client == "greedy"
    assert shop.worker.call is polite


def test_a_scan_that_may_run_gets_the_worker_when_it_is_free(make_call: MakeCall) -> None:
    shop = Shop()
    shop.admit(*(make_call() for _ in range(3 + MOST_BEHIND)))
    scan = make_call("another", lane=Lane.SCAN)
    shop.admit(scan)
    for _ in range(1 + MOST_BEHIND):
        shop.answer(shop.worker)
    assert shop.worker.call is scan


def test_what_waited_in_a_lost_worker_runs_next_and_waits_in_no_worker_again(make_call: MakeCall) -> None:
    shop, poison, *innocent = Shop(), make_call(), make_call(), make_call(), make_call()
    shop.admit(poison, *innocent)
    shop.kill(shop.worker)
    assert shop.ends[poison.id] == ["lost"]
    assert shop.worker.call is innocent[0]
    assert not shop.worker.behind
    shop.admit(make_call())
    assert not shop.worker.behind, "it is not the turn of that one"
    shop.kill(shop.worker)  # this time by itself
    assert shop.ends[innocent[0].id] == ["lost"]
    for call in innocent[1:]:
        assert shop.answer(shop.worker) is call


def test_what_waited_behind_a_cancelled_call_may_wait_in_a_worker_again(make_call: MakeCall) -> None:
    shop, (running, *waiting) = Shop(), [make_call() for _ in range(4)]
    shop.admit(running, *waiting)
    shop.kill(shop.worker, is_suspect=False)
    assert [shop.worker.call, *shop.worker.behind] == waiting
    for call in waiting[1:]:
        assert shop.cancel(call)
    shop.kill(shop.worker)
    assert (shop.worker.call, shop.scheduler.waiting) == (None, 0)


def test_a_call_that_is_cancelled_in_a_worker_costs_no_worker_and_its_answer_is_nobodys(make_call: MakeCall) -> None:
    shop, first, second, third = Shop(), make_call(), make_call(), make_call()
    shop.admit(first, second, third)
    assert shop.cancel(second)
    assert not shop.cancel(first)
    shop.answer(shop.worker)
    answered = shop.answer(shop.worker)
    assert (answered.id, answered.is_disowned) == (second.id, True)
    assert shop.answer(shop.worker) is third
    assert shop.ends == {first.id: ["answered"], second.id: ["cancelled"], third.id: ["answered"]}
    assert shop.worker.state is State.IDLE
    assert (shop.scheduler.in_flight_of(second.client), shop.scheduler.lanes()[0].running) == (0, 0)


def test_a_call_that_is_cancelled_before_it_has_left_costs_nobody_anything(make_call: MakeCall) -> None:
    shop, call = Shop(), make_call(principal="ann")
    worker = shop.worker
    shop.come(call)
    assert worker.call is call
    assert shop.cancel(call)
    shop.end_tick()
    assert shop.frames == []
    assert worker.state is State.IDLE
    assert worker.principal is None
    assert worker.calls_total == 0
    assert (call.worker, call.assigned_at) == ("", None), "it was given to nobody"
    other = make_call(principal="ben")
    shop.admit(other)
    assert (shop.worker, worker.call, shop.frames) == (worker, other, [(worker, [other.id])])


def test_a_worker_stays_its_principals_when_a_later_call_is_taken_back(make_call: MakeCall) -> None:
    shop = Shop()
    shop.admit(make_call(principal="ann"))
    shop.answer(shop.worker)
    began_at, later = shop.worker.serves_since, make_call(principal="ann")
    shop.come(later)
    assert shop.cancel(later)
    assert (shop.worker.principal, shop.worker.serves_since) == ("ann", began_at)


def test_what_waits_takes_the_worker_of_a_call_that_is_taken_back(make_call: MakeCall) -> None:
    shop, (first, second, third) = Shop(), [make_call() for _ in range(3)]
    for call in (first, second, third):
        shop.come(call)
    assert shop.cancel(first)
    shop.end_tick()
    assert shop.frames == [(shop.worker, [second.id, third.id])]


@pytest.mark.parametrize("writes", [False, True])
def test_what_could_not_be_sent_is_given_to_somebody_else(make_call: MakeCall, *, writes: bool) -> None:
    shop = Shop(2, kind=Kind.WRITING if writes else Kind.READING)
    first, second = shop.workers
    shop.cut_off[first] = 0
    calls = [make_call(writes=writes) for _ in range(1 if writes else 3)]
    shop.admit(*calls)
    assert (first.state, first.call, list(first.behind)) == (State.IDLE, None, [])
    assert second.call is (calls[0] if writes else calls[1])
    shop.finish()
    shop.kill(first)
    shop.finish()
    assert set(map(tuple, shop.ends.values())) == {("answered",)}
    assert all(call.may_wait_in_worker for call in calls), "nobody suspects them"


def test_of_several_frames_what_has_left_is_with_its_worker_and_the_rest_waits_again(make_call: MakeCall) -> None:
    shop = Shop()
    calls = [make_call() for _ in range(5)]
    calls[2].arguments = read_file.ReadFile(path="x" * MOST_BYTES)
    shop.cut_off[shop.worker] = 1
    shop.admit(*calls)
    assert [shop.worker.call, *shop.worker.behind] == calls[:2]
    assert shop.scheduler.depth == 3
    shop.kill(shop.worker)
    assert [shop.worker.call, *shop.worker.behind] == calls[1:]
    assert [call.may_wait_in_worker for call in calls[1:]] == [False, True, True, True], "one is suspected"
    shop.finish()
    assert shop.ends == {calls[0].id: ["lost"], **{call.id: ["answered"] for call in calls[1:]}}


def test_a_call_that_has_left_is_not_taken_back_from_the_worker_that_runs_it(make_call: MakeCall) -> None:
    shop, call = Shop(), make_call()
    shop.admit(call)
    assert not shop.cancel(call)
    assert shop.worker.call is call


def test_behind_a_call_that_takes_long_nothing_waits_for_long(make_call: MakeCall) -> None:
    shop = Shop(2)
    calls = [make_call() for _ in range(7)]
    shop.admit(*calls)
    slow, quick = shop.workers
    shop.clock += LONG_S / 4
    for _ in range(3):
        shop.answer(quick)
    assert list(slow.behind) == calls[2:5]
    shop.wait(LONG_S)
    for call in calls[2:5]:
        assert shop.answer(quick) is call
    for _ in range(4):  # it runs them all the same
        shop.answer(slow)
    assert set(map(tuple, shop.ends.values())) == {("answered",)}


def test_whoever_is_idle_first_takes_what_waits_behind_one_that_takes_long(make_call: MakeCall) -> None:
    shop = Shop(2)
    calls = [make_call() for _ in range(4)]
    shop.admit(*calls)
    slow, quick = shop.workers
    assert [list(worker.behind) for worker in (slow, quick)] == [calls[2:3], calls[3:]]
    shop.clock += 2 * LONG_S  # and nobody has looked since
    shop.answer(quick)
    shop.answer(quick)
    assert quick.call is calls[2]


def test_it_waits_for_the_next_idle_worker_also_while_something_else_waits(make_call: MakeCall) -> None:
    shop = Shop(2, scan_workers=1)
    scans, reads = [make_call(lane=Lane.SCAN) for _ in range(2)], [make_call() for _ in range(2)]
    shop.admit(scans[0], *reads, scans[1])
    reading, searching = shop.workers
    assert (searching.call, reading.call, list(reading.behind)) == (scans[0], reads[0], reads[1:])
    assert shop.scheduler.depth == 1
    shop.wait(2 * LONG_S)
    assert shop.scheduler.depth == 2
    shop.finish()
    assert set(map(tuple, shop.ends.values())) == {("answered",)}


def test_a_call_over_its_clients_limit_goes_nowhere(make_call: MakeCall) -> None:
    shop, calls = Shop(2), [make_call() for _ in range(2)]
    shop.scheduler.renew(queue_limit=100, per_client_limit=1, scan_workers=1)
    shop.come(calls[0])
    with pytest.raises(Overload):
        shop.come(calls[1])
    shop.end_tick()
    assert shop.frames == [(shop.worker, [calls[0].id])]
    assert shop.workers[1].state is State.IDLE


def test_changes_wait_in_the_one_worker_that_makes_them(make_call: MakeCall) -> None:
    shop = Shop(kind=Kind.WRITING)
    calls = [make_call(writes=True) for _ in range(MOST_CHANGES_BEHIND + 3)]
    shop.admit(*calls)
    assert [shop.worker.call, *shop.worker.behind] == calls[:-2]
    assert [numbers for _, numbers in shop.frames] == [[call.id for call in calls[:-2]]]
    shop.answer(shop.worker)
    assert [shop.worker.call, *shop.worker.behind] == calls[1:-1]
    assert not shop.cancel(calls[2]), "it may have been begun"
    shop.finish()
    assert set(map(tuple, shop.ends.values())) == {("answered",)}


@pytest.mark.parametrize(("size", "has_history"), [(2, True), (1, False)], ids=["several workers", "no history"])
def test_changes_wait_in_no_worker_where(make_call: MakeCall, size: int, *, has_history: bool) -> None:
    shop = Shop(size, kind=Kind.WRITING, has_history=has_history)
    shop.admit(*(make_call(writes=True) for _ in range(8)))
    assert [len(worker.behind) for worker in shop.workers] == [0] * size


def test_a_change_that_would_be_overdue_before_those_ahead_of_it_does_not_wait_in_their_worker(
    make_call: MakeCall,
) -> None:
    shop = Shop(kind=Kind.WRITING)
    first, second, urgent = (make_call(writes=True) for _ in range(3))
    urgent.hard_at = first.hard_at + 1
    second.hard_at = first.hard_at + 2
    shop.admit(first, second, urgent)
    assert (shop.worker.call, *shop.worker.behind) == (first, second)
    assert shop.scheduler.depth == 1


KINDS = ("admit", "admit", "admit", "come", "answer", "answer", "cancel", "kill", "wait")
STEPS = st.tuples(st.sampled_from(KINDS), st.integers(0, 5))


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=60), st.integers(1, 3), st.sampled_from((1, 6)))
def test_every_call_ends_exactly_once_whatever_happens_to_the_workers(
    make_call: MakeCall, steps: list[tuple[str, int]], size: int, clients: int
) -> None:
    shop = Shop(size, scan_workers=max(1, size - 1))
    calls: list[Call] = []
    for step, number in steps:
        if step not in ("come", "cancel"):
            shop.end_tick()
        worker = shop.workers[number % size]
        if step in ("admit", "come"):
            lane = Lane.SCAN if number == 5 else Lane.QUICK
            calls.append(make_call(str(number % clients), lane=lane, principal=str(number % clients // 4)))
            shop.come(calls[-1])
        elif step == "kill":
            shop.kill(worker)
        elif step == "answer" and worker.call is not None:
            shop.answer(worker)
        elif step == "cancel" and calls:
            shop.cancel(calls[number % len(calls)])
        else:
            shop.wait(number * LONG_S / 2)
        shop.check()
    shop.end_tick()
    shop.finish()
    assert shop.scheduler.depth == 0
    assert [len(ends) for ends in shop.ends.values()] == [1] * len(calls)
    assert all(figures.running == 0 for figures in shop.scheduler.lanes())
    assert not any(shop.scheduler.in_flight_of(str(number)) for number in range(6))
