"""What a worker that makes changes does with the calls on its link."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest

from filewarden.workers import wire
from filewarden.workers.changes import Changes
from filewarden.workers.steps import ALONE, Claim, Steps
from filewarden.workers.waiting import LONG_BYTES
from filewarden.workers.writing.batch import MOST_CHANGES

Log = list[str]
Burst = Sequence[wire.Call | wire.Go | list[wire.Call]]


class Given:
    """A link over which messages come in bursts: what waits to be read is the rest of the one that has come last."""

    def __init__(self, *bursts: Burst) -> None:
        self._bursts = deque(bursts)
        self._come: deque[wire.Call | wire.Go | list[wire.Call]] = deque()

    def receive(self) -> bytes:
        if not self._come:
            self._come.extend(self._bursts.popleft())
        return self._next()

    def receive_soon(self, timeout_s: float) -> bytes | None:
        assert timeout_s == 0
        return self._next() if self._come else None

    def _next(self) -> bytes:
        given = self._come.popleft()
        if isinstance(given, wire.Go):
            return wire.pack(given)
        return wire.pack(wire.Calls(given if isinstance(given, list) else [given]))


@pytest.fixture
def log() -> Log:
    """What was begun and ended, in its order."""
    return []


def made(log: Log, *bursts: Burst) -> list[list[tuple[int, wire.Pieces | None]]]:
    """The calls that were made together each time, with their answers, until the broker says that it was all."""

    def in_steps(call: wire.Call) -> Steps[wire.Pieces]:
        """The tool says how it goes, and the arguments are what it changes."""
        yield ALONE if call.tool == "alone" else Claim((call.arguments,))
        log.append(f"begun {call.call}")
        yield ()
        if call.tool == "exhausting":
            raise MemoryError
        log.append(f"ended {call.call}")
        return (b"%d" % call.call,)

    link: Any = Given(*bursts, [wire.Go()])
    changes, all_made = Changes(link, in_steps), []
    while (each := changes.make()) is not None:
        all_made.append([(call.call, pieces) for call, pieces in each])
    return all_made


def call(number: int, tool: str = "", place: bytes | None = None) -> wire.Call:
    return wire.Call(number, tool, 1.0, b"%d" % number if place is None else place)


def numbers(log: Log, *bursts: Burst) -> list[list[int]]:
    return [[number for number, _ in each] for each in made(log, *bursts)]


def test_each_is_answered_once_in_the_order_in_which_they_came(log: Log) -> None:
    assert made(log, [call(0)], [call(1), call(2)]) == [[(0, (b"0",))], [(1, (b"1",)), (2, (b"2",))]]


def test_those_that_have_come_are_made_together_as_many_as_may_be(log: Log) -> None:
    first, second = list(range(MOST_CHANGES)), [MOST_CHANGES, MOST_CHANGES + 1]
    assert numbers(log, [call(0), [call(number) for number in range(1, 5)], *map(call, range(5, 10))]) == [
        first,
        second,
    ]
    assert log == [f"{what} {number}" for each in (first, second) for what in ("begun", "ended") for number in each]


def test_what_has_to_wait_for_others_is_next(log: Log) -> None:
    waiting = [call(0), call(1, place=b"0"), call(2, "alone"), call(3)]
    assert numbers(log, waiting) == [[0], [1], [2], [3]]


def test_behind_a_long_one_none_is_held_in_memory(log: Log) -> None:
    assert numbers(log, [call(0, place=bytes(LONG_BYTES + 1)), call(1)]) == [[0], [1]]


def test_one_for_which_there_is_not_enough_memory_is_told_of_in_its_turn(log: Log) -> None:
    ((_, second, _),) = made(log, [call(0), call(1, "exhausting"), call(2)])
    assert second == (1, None)


def test_what_is_no_call_is_the_end_when_those_before_it_are_made(log: Log) -> None:
    assert numbers(log, [call(0), call(1), wire.Go()]) == [[0, 1]]
