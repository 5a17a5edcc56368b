import asyncio
import os
import time
from collections.abc import Callable, Iterator

import pytest

from filewarden.broker.reactor import Reactor
from filewarden.transports.loop import AsyncioReactor, new_loop

Run = Callable[[Callable[[Reactor, Callable[[], None]], None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, new_loop], ids=["asyncio", "default"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a function on a loop until it, or what it started, calls its second argument."""
    loop: asyncio.AbstractEventLoop = request.param()

    def run(body: Callable[[Reactor, Callable[[], None]], None]) -> None:
        async def main() -> None:
            done = asyncio.Event()
            body(AsyncioReactor(asyncio.get_running_loop()), done.set)
            await asyncio.wait_for(done.wait(), 20)

        loop.run_until_complete(main())

    yield run
    loop.close()


def test_now_is_the_monotonic_clock(run: Run) -> None:
    def body(reactor: Reactor, done: Callable[[], None]) -> None:
        before = time.monotonic()
        assert before <= reactor.now() <= time.monotonic()
        done()

    run(body)


def test_settled_actions_run_once_after_the_callback_that_asked(run: Run) -> None:
    seen: list[str] = []

    def body(reactor: Reactor, done: Callable[[], None]) -> None:
        def first() -> None:
            seen.append("first")
            reactor.settle(second)

        def second() -> None:
            seen.append("second")
            done()

        reactor.settle(first)
        reactor.settle(first)
        seen.append("body")

    run(body)
    assert seen == ["body", "first", "second"]


def test_a_timer_runs_at_its_time_and_a_cancelled_one_never(run: Run) -> None:
    seen: list[str] = []

    def body(reactor: Reactor, done: Callable[[], None]) -> None:
        start = reactor.now()
        reactor.at(start + 0.01, lambda: seen.append("cancelled")).cancel()
        reactor.at(start + 0.05, done)
        reactor.at(start + 0.02, lambda: seen.append("second"))
        reactor.at(start - 1, lambda: seen.append("late"))

    run(body)
    assert seen == ["late", "second"]


def test_a_watch_reports_until_it_is_forgotten(run: Run) -> None:
    read_end, write_end = os.pipe()
    seen: list[bytes] = []

    def body(reactor: Reactor, done: Callable[[], None]) -> None:
        def ready() -> None:
            seen.append(os.read(read_end, 1))
            if len(seen) == 2:
                reactor.forget(read_end)
                reactor.forget(read_end)
                reactor.at(reactor.now() + 0.02, done)

        os.write(write_end, b"abc")
        reactor.watch(read_end, ready)

    run(body)
    os.close(read_end)
    os.close(write_end)
    assert seen == [b"a", b"b"]


def test_a_writable_watch_reports(run: Run) -> None:
    read_end, write_end = os.pipe()

    def body(reactor: Reactor, done: Callable[[], None]) -> None:
        def ready() -> None:
            reactor.forget(write_end)
            done()

        reactor.watch_writable(write_end, ready)

    run(body)
    os.close(read_end)
    os.close(write_end)
