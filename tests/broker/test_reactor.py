"""The plain loop: what runs in which order, and what may not keep others waiting."""

import os
from collections.abc import Callable, Iterator

import pytest

from filewarden.broker.reactor import MOST_ROUNDS, EpollReactor


@pytest.fixture
def reactor() -> Iterator[EpollReactor]:
    reactor = EpollReactor()
    reactor.at(reactor.now() + 5, reactor.stop)  # ends a test that has failed
    yield reactor
    reactor.close()


def test_what_concludes_a_tick_comes_after_all_that_asked_for_its_end(reactor: EpollReactor) -> None:
    seen: list[str] = []

    def last() -> None:
        seen.append("last")
        reactor.stop()

    def first() -> None:
        seen.append("first")
        reactor.conclude(last)
        reactor.settle(second)

    def second() -> None:
        seen.append("second")

    reactor.conclude(last)
    reactor.settle(first)
    reactor.run()
    assert seen == ["first", "second", "last"]


def test_a_tick_that_goes_on_does_not_keep_its_conclusion_waiting(reactor: EpollReactor) -> None:
    rounds = 0

    def again() -> None:
        nonlocal rounds
        rounds += 1
        if not is_over:
            reactor.settle(again)

    is_over: list[bool] = []

    def conclude() -> None:
        is_over.append(True)
        reactor.stop()

    reactor.settle(again)
    reactor.conclude(conclude)
    reactor.run()
    assert is_over == [True]
    assert rounds == MOST_ROUNDS + 1


def test_what_is_forgotten_in_a_tick_is_not_run_in_it(reactor: EpollReactor) -> None:
    pipes = [os.pipe() for _ in range(2)]
    seen: list[int] = []

    def ready(here: int, there: int) -> Callable[[], None]:
        def run() -> None:
            seen.append(here)
            reactor.forget(there)
            reactor.stop()

        return run

    (one, to_one), (two, to_two) = pipes
    reactor.watch(one, ready(one, two))
    reactor.watch(two, ready(two, one))
    os.write(to_one, b"x")
    os.write(to_two, b"x")
    reactor.run()
    assert len(seen) == 1
    for fd in (one, to_one, two, to_two):
        os.close(fd)
