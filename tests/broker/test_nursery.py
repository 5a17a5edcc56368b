"""When workers are started: at once while starts succeed, ever later where they fail, and one at a time at last."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from filewarden.broker.backoff import Breaker
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.nursery import STARTS_AT_ONCE, Nursery
from filewarden.broker.roster import Roster

SIZE = 4


class Timer:
    """One that can be told not to ring."""

    def __init__(self, when: float, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Ward:
    """A nursery with time, the zygote and the fate of every start in the test's hands."""

    def __init__(self) -> None:
        stand_in: Any = self
        self.seconds = 100.0
        self.is_ready = True
        self.is_dying = False
        """Whether the zygote has died, which shows when something is sent to it."""
        self.asked = 0
        self.starts: list[tuple[float, int]] = []
        self.roster = Roster(SIZE, 0)
        self._timers: list[Timer] = []
        self.nursery = Nursery(
            reactor=stand_in,
            roster=self.roster,
            links=stand_in,
            fork_server=stand_in,
            serials=itertools.count(1),
            jitter=lambda: 0.5,
            log=print,
        )

    # The reactor, the links and the fork server.

    def now(self) -> float:
        return self.seconds

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        self._timers.append(Timer(when, action))
        return self._timers[-1]

    def endpoint(self) -> str:
        return "nowhere"

    def spawn(self, serial: int, _endpoint: str, _secret: str, gate: int, *_shelf: int) -> None:
        os.close(gate)
        if self.is_dying:
            self.lose_zygote()
        elif self.is_ready:
            self.starts.append((self.seconds, serial))

    def ask_for_zygote(self) -> None:
        self.asked += 1

    # What the test does.

    @property
    def is_anything_planned(self) -> bool:
        return any(timer.action is not None for timer in self._timers)

    def ring(self) -> None:
        """Let time go on to the next alarm."""
        (timer,) = (each for each in self._timers if each.action is not None)
        self.seconds = max(self.seconds, timer.when)
        action, timer.action = timer.action, None
        assert action is not None
        action()

    def end(self, serial: int) -> None:
        """A worker ends, as its supervisor sees it."""
        worker = self.roster.find(serial)
        assert worker is not None
        was_ready = worker.state is State.IDLE
        worker.end(Exit.CRASH)
        self.roster.remove(worker)
        self.roster.lose(worker, Exit.CRASH)
        if not was_ready:
            self.nursery.failed()
        self.nursery.fill()

    def lose_zygote(self) -> None:
        """It is gone, and every worker with it."""
        self.is_ready = self.is_dying = False
        for worker in self.roster.workers():
            self.end(worker.serial)
        self.nursery.lost_zygote()

    def become_ready(self, serial: int) -> None:
        worker = self.roster.find(serial)
        assert worker is not None
        worker.state = State.IDLE
        self.nursery.succeeded()
        self.nursery.fill()


@pytest.fixture
def ward() -> Iterator[Ward]:
    ward = Ward()
    yield ward
    for worker in ward.roster.workers():
        worker.end(Exit.CRASH)


def test_q14_starts_that_fail_come_ever_later_and_one_at_a_time_until_one_succeeds(ward: Ward) -> None:
    ward.nursery.fill()
    breakers = []
    for _ in range(8):
        assert len(ward.roster.workers()) == 1, "one try is under way"
        ward.nursery.fill()
        assert len(ward.roster.workers()) == 1
        ward.end(ward.starts[-1][1])
        breakers.append(ward.nursery.breaker())
        ward.nursery.fill()
        assert ward.roster.workers() == [], "none before its time"
        ward.ring()
    times = [when for when, _ in ward.starts]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [1, 2, 4, 8, 16, 32, 32, 32]
    assert breakers == [Breaker.CLOSED] * 4 + [Breaker.OPEN] * 4
    assert ward.nursery.breaker() is Breaker.HALF_OPEN
    tries = len(ward.starts)
    ward.become_ready(ward.starts[-1][1])
    assert ward.nursery.breaker() is Breaker.CLOSED
    assert len(ward.starts) == tries + STARTS_AT_ONCE
    for _ in range(SIZE):
        ward.become_ready(ward.starts[-1][1])
    assert len(ward.starts) == tries + SIZE - 1


def test_one_that_was_ready_is_replaced_at_once_however_often(ward: Ward) -> None:
    ward.nursery.fill()
    for place in range(SIZE):
        ward.become_ready(ward.starts[place][1])
    for _ in range(50):
        ward.end(ward.starts[-1][1])
        ward.become_ready(ward.starts[-1][1])
    assert {when for when, _ in ward.starts} == {100.0}
    assert ward.nursery.breaker() is Breaker.CLOSED


def test_a_start_that_its_zygote_took_along_holds_no_other_up(ward: Ward) -> None:
    ward.nursery.fill()
    ward.become_ready(1)
    for _, serial in ward.starts[1:]:
        ward.end(serial)
    ward.ring()
    assert len(ward.roster.workers()) == 2, "one try is under way"
    ward.lose_zygote()
    ward.ring()
    assert ward.asked == 1
    ward.is_ready = True
    ward.nursery.fill()
    assert len(ward.roster.workers()) == 1


def test_a_pool_that_ends_asks_for_no_zygote(ward: Ward) -> None:
    ward.nursery.fill()
    ward.become_ready(1)
    ward.nursery.close()
    ward.lose_zygote()
    assert not ward.is_anything_planned


def test_nobody_waits_for_a_worker_that_was_asked_of_a_zygote_found_dead(ward: Ward) -> None:
    ward.nursery.fill()
    ward.become_ready(1)
    for _, serial in ward.starts[1:]:
        ward.become_ready(serial)
    for worker in ward.roster.workers():
        worker.end(Exit.RECYCLED)
        ward.roster.remove(worker)
        ward.roster.lose(worker, Exit.RECYCLED)
    ward.is_dying = True
    ward.nursery.fill()
    assert ward.roster.workers() == [], "nobody will ever tell of it"
    ward.ring()
    assert ward.asked == 1


def test_without_a_zygote_nothing_is_started_and_its_loss_is_no_failed_start(ward: Ward) -> None:
    ward.is_ready = False
    ward.nursery.fill()
    assert ward.starts == []
    ward.is_ready = True
    ward.nursery.fill()
    ward.is_ready = False
    ward.end(1)
    assert ward.nursery.breaker() is Breaker.CLOSED
    ward.is_ready = True
    ward.nursery.fill()
    assert [when for when, _ in ward.starts] == [100.0, 100.0]
