"""The pools of a dispatcher: those that count, those that end with what they run, and which worker has to go."""

from types import SimpleNamespace
from typing import Any

import pytest

from filewarden.broker.lifecycle import Exit
from filewarden.broker.pool import Kind
from filewarden.broker.workforce import Workforce


class Pool:
    """A supervisor, as far as it is asked."""

    def __init__(self, kind: Kind, *calls: Any) -> None:
        self.pool = SimpleNamespace(kind=kind)
        self.members = [SimpleNamespace(serial=each, call=call, busy_since=0.0) for each, call in enumerate(calls)]
        self.roster = SimpleNamespace(workers=lambda: list(self.members), find=self._find)
        self.ended: list[tuple[Any, Exit]] = []
        self.ticks: list[float] = []
        self.is_out_of_order = False

    def _find(self, serial: int) -> Any:
        return next((each for each in self.members if each.serial == serial), None)

    def condemn(self, worker: Any, cause: Exit) -> None:
        self.ended.append((worker, cause))
        self.members.remove(worker)

    def tick(self, now: float) -> None:
        self.ticks.append(now)

    def is_down(self) -> bool:
        return self.is_out_of_order

    def stuck(self, _now: float) -> list[Any]:
        return [each.call for each in self.members]


def a_call(*, is_disowned: bool = False) -> Any:
    return SimpleNamespace(is_disowned=is_disowned)


def a_pool(kind: Kind, *calls: Any) -> Any:
    return Pool(kind, *calls)


def workforce(*editions: list[Any]) -> Workforce:
    made = Workforce()
    for pools in editions:
        made.employ(pools)
    return made


def test_pools_that_no_longer_count_are_there_as_long_as_one_of_them_lives() -> None:
    first, second, third = (a_pool(Kind.READING, a_call()) for _ in range(3))
    empty = a_pool(Kind.WRITING)
    found = workforce([first, empty], [second])
    assert list(found.pools) == [second, first]
    assert found.by_kind == {Kind.READING: second}
    first.members.clear()
    found.employ([third])
    assert list(found.pools) == [third, second]
    assert found.stuck(0.0) == [third.members[0].call, second.members[0].call]


def test_a_call_is_ended_wherever_it_runs() -> None:
    call = a_call()
    before, now = a_pool(Kind.READING, a_call(), call), a_pool(Kind.READING, a_call())
    found, runner = workforce([before], [now]), before.members[1]
    found.end_runner(call, Exit.CANCELLED, unless=lambda worker: worker is runner)
    assert not before.ended
    found.end_runner(call, Exit.DEADLINE)
    assert (before.ended, now.ended) == ([(runner, Exit.DEADLINE)], [])


def test_a_worker_is_ended_in_its_own_pool() -> None:
    reading, writing = a_pool(Kind.READING, a_call()), a_pool(Kind.WRITING, a_call())
    found, worker = workforce([reading, writing]), writing.members[0]
    found.end(worker, Exit.MEMORY)
    assert (reading.ended, writing.ended) == ([], [(worker, Exit.MEMORY)])


@pytest.mark.parametrize("at", [0.01, 1.0])
def test_what_nobody_wants_may_run_for_a_moment(at: float) -> None:
    pool = a_pool(Kind.READING, a_call(), a_call(is_disowned=True), None)
    unwanted = pool.members[1]
    workforce([pool]).look(at)
    assert pool.ended == ([(unwanted, Exit.CANCELLED)] if at == 1.0 else [])


def test_only_pools_that_count_are_kept_up() -> None:
    before, reading, writing = a_pool(Kind.READING, a_call()), a_pool(Kind.READING), a_pool(Kind.WRITING)
    before.is_out_of_order = writing.is_out_of_order = True
    found = workforce([before], [reading, writing])
    found.look(1.0)
    assert [each.ticks for each in (before, reading, writing)] == [[], [1.0], [1.0]]
    assert found.down() == [Kind.WRITING]
