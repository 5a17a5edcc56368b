"""The watch over the pools, with figures for memory that the tests give it."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from filewarden.broker import guard as watched
from filewarden.broker.call import Call
from filewarden.broker.guard import FRAME_COPIES, FUSE_BYTES, HELD_COPIES, TEXT_KEPT_S, TIDY_AFTER_S, Guard
from filewarden.broker.holdings import Holdings
from filewarden.broker.lifecycle import Exit
from filewarden.broker.memory import OwnMemoryWatch
from filewarden.broker.worker import Worker
from filewarden.workers.shelf import MEMORY_BYTES, Shelf

MIB = 1024 * 1024
FRAME_BYTES = 2 * MIB
ALLOWED_BYTES = FRAME_COPIES * FRAME_BYTES + OwnMemoryWatch.ALLOWANCE_BYTES
"""Of growth while no call runs."""


class Pool:
    """A supervisor that only writes down who was condemned."""

    def __init__(self, *workers: Worker) -> None:
        self.all = list(workers)
        self.roster = SimpleNamespace(workers=lambda: list(self.all), slots=self.all, find=self._find)
        self.pool = SimpleNamespace(memory_bytes=100 * MIB)
        self.condemned: list[tuple[Worker, object]] = []

    def _find(self, serial: int) -> Worker | None:
        return next((worker for worker in self.all if worker.serial == serial), None)

    def condemn(self, worker: Worker, cause: Exit) -> None:
        self.condemned.append((worker, cause))

    def condemn_for(self, worker: Worker, violation: Exception) -> None:
        self.condemned.append((worker, str(violation)))

    def ended(self) -> list[Worker]:
        found = [worker for worker, _ in self.condemned]
        self.condemned.clear()
        return found


class Machine:
    """What memory each process holds; None is this one."""

    def __init__(self) -> None:
        self.resident: dict[int | None, int] = {None: 50 * MIB}
        self.given_back = 0
        self.fuses: list[tuple[int, int]] = []

    def give_back(self) -> None:
        self.given_back += 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(watched, "resident_bytes", lambda pid=None: made.resident.get(pid, 0))
    monkeypatch.setattr(watched, "give_back_memory", made.give_back)
    monkeypatch.setattr(
        watched, "limit_own_data", lambda headroom, *, own_bytes: made.fuses.append((headroom, own_bytes))
    )
    return made


def worker(serial: int, call: Call | None = None) -> Worker:
    made = Worker(serial, "", 0.0)
    made.pid, made.call = serial, call
    return made


def guard_of(*pools: Any, holdings: Holdings | None = None, end_others: Callable[[str], None] | None = None) -> Guard:
    return Guard(
        pools,
        end_others=end_others or (lambda _reason: None),
        frame_bytes=FRAME_BYTES,
        holdings=holdings or Holdings(),
    )


def test_a_worker_that_takes_too_much_memory_for_its_call_is_ended(machine: Machine, make_call: Any) -> None:
    idle, small, large = worker(1), worker(2, make_call()), worker(3, make_call())
    for each, mib in ((idle, 101), (small, 100), (large, 101)):
        machine.resident[each.pid] = mib * MIB
    pool = Pool(idle, small, large)
    guard_of(pool).look(1.0)
    assert pool.condemned == [(large, Exit.MEMORY)]


def test_growth_that_nothing_explains_ends_those_without_a_call_first(machine: Machine, make_call: Any) -> None:
    reasons: list[str] = []
    idle, busy, changing = worker(1), worker(2, make_call()), worker(3, make_call())
    readers, writers = Pool(idle, changing), Pool(busy)
    guard = guard_of(readers, writers, end_others=reasons.append)
    guard.look(1.0)
    assert not reasons
    machine.resident[None] += ALLOWED_BYTES + 2 * FRAME_COPIES * FRAME_BYTES + 1
    guard.look(2.0)
    assert (readers.ended(), writers.ended(), len(reasons)) == ([idle], [], 1)
    readers.all.remove(idle)
    machine.resident[None] += MIB
    guard.look(3.0)  # what it had sent by then still arrives
    assert (readers.ended(), writers.ended()) == ([], [])
    changing.call = make_call()
    machine.resident[None] += MIB
    guard.look(4.0)
    assert (readers.ended(), writers.ended()) == ([], [busy]), "who began another call has sent no endless answer"
    guard.look(5.0)
    assert (readers.ended(), writers.ended(), len(reasons)) == ([], [], 3), "what is kept condemns nobody twice"


def test_texts_that_are_kept_explain_growth_until_they_are_old(machine: Machine) -> None:
    reader = worker(1)
    (fd,) = reader.open_shelf()
    Shelf(os.dup(fd)).lay(b"x" * MIB)
    reader.most_bytes, reader.busy_since = MIB, 1.0
    reader.fetch(MIB)
    reader.busy_since = None
    pool = Pool(reader)
    guard = guard_of(pool)
    guard.look(1.0)
    machine.resident[None] += ALLOWED_BYTES + 3 * MIB + MEMORY_BYTES
    guard.look(1.0 + TEXT_KEPT_S)
    assert pool.ended() == []
    machine.resident[None] -= 3 * MIB
    guard.look(1.1 + TEXT_KEPT_S)
    assert pool.ended() == [], "the shelf stays mapped, and counts as memory of this process"
    machine.resident[None] += 1
    guard.look(1.2 + TEXT_KEPT_S)
    assert pool.ended() == [reader]


def test_growth_that_ends_with_the_idle_workers_costs_the_busy_ones_nothing(machine: Machine, make_call: Any) -> None:
    idle, busy = worker(1), worker(2, make_call())
    pool = Pool(idle, busy)
    guard = guard_of(pool)
    guard.look(1.0)
    machine.resident[None] += 2 * ALLOWED_BYTES
    guard.look(2.0)
    assert pool.ended() == [idle]
    pool.all.remove(idle)
    guard.look(3.0)
    assert pool.ended() == []


def test_calls_and_what_is_held_for_clients_explain_growth(machine: Machine, make_call: Any) -> None:
    holdings = Holdings()
    idle, busy = worker(1), worker(2, make_call())
    pool = Pool(idle, busy)
    guard = guard_of(pool, holdings=holdings)
    guard.look(1.0)
    holdings.add(7 * MIB)
    machine.resident[None] += ALLOWED_BYTES + FRAME_COPIES * FRAME_BYTES + 7 * MIB * HELD_COPIES
    guard.look(2.0)
    assert (pool.ended(), machine.given_back) == ([], 0)
    machine.resident[None] += 1
    guard.look(3.0)
    assert pool.ended() == [idle]


def test_what_the_allocator_gives_back_was_no_growth(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(worker(1))
    guard = guard_of(pool)
    guard.look(1.0)
    machine.resident[None] += 2 * ALLOWED_BYTES
    monkeypatch.setattr(watched, "give_back_memory", lambda: machine.resident.update({None: 50 * MIB}))
    guard.look(2.0)
    assert pool.ended() == []


def test_after_an_attack_memory_is_given_back_a_few_times(machine: Machine) -> None:
    guard = guard_of(Pool(worker(1)))
    guard.look(0.0)
    machine.resident[None] += 2 * ALLOWED_BYTES
    guard.look(1.0)
    machine.resident[None] = 50 * MIB
    at_once = machine.given_back
    for delay_s in TIDY_AFTER_S:
        guard.look(1.0 + delay_s)
    assert machine.given_back == at_once + len(TIDY_AFTER_S)
    guard.look(10.0)
    assert machine.given_back == at_once + len(TIDY_AFTER_S)


def test_the_last_fuse_grows_with_the_pools_and_never_shrinks(machine: Machine) -> None:
    small, large = Pool(worker(1)), Pool(*map(worker, range(5)))
    guard = guard_of(small)
    for pools in ((small, large), (small,)):
        guard.watch(pools, end_others=lambda _reason: None, frame_bytes=FRAME_BYTES)  # type: ignore[arg-type]
    one, six = (FUSE_BYTES + FRAME_COPIES * FRAME_BYTES * count for count in (1, 6))
    assert machine.fuses == [(one, 0), (six, one)]
