"""What a call leaves behind when it has ended: nothing that only the collector would find."""

import gc
import itertools
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from filewarden.broker.call import Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.patrol import Patrol
from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers.tool import Tool
from tests.broker.test_asides import Clock


class Waiter:
    """Keeps the call whose outcome it waits for, so that it can cancel it."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self.outcomes: list[Outcome] = []

    def submit(self, dispatcher: Dispatcher, tool: Tool) -> Call:
        self.call = dispatcher.submit(Caller("c", LOCAL), tool, tool.arguments(), self.deliver)
        return self.call

    def deliver(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@pytest.fixture
def dispatcher() -> Dispatcher:
    clock: Any = Clock()
    return Dispatcher(
        reactor=clock,
        scheduler=Scheduler(queue_limit=9, per_client_limit=9, scan_workers=1),
        ledger=Ledger(),
        deadlines=DeadlineSettings(),
        patrol=Patrol(clock, lambda _now: None),
        numbers=itertools.count(1),
        closures=RootClosures(CallRoots(()), lambda _sentence: None),
    )


Submit = Callable[[], Call]


def answered(dispatcher: Dispatcher, submit: Submit) -> None:
    submit()
    dispatcher.cancel_all()


def cancelled(dispatcher: Dispatcher, submit: Submit) -> None:
    dispatcher.cancel(submit())


def refused_at_once(dispatcher: Dispatcher, submit: Submit) -> None:
    dispatcher.drain()
    submit()


@pytest.mark.parametrize(("run", "outcomes"), [(answered, 1), (cancelled, 0), (refused_at_once, 1)])
def test_whoever_keeps_a_call_and_the_call_are_no_cycle_once_it_has_ended(
    dispatcher: Dispatcher, tool: Tool, run: Callable[[Dispatcher, Submit], None], outcomes: int
) -> None:
    waiter = Waiter()
    gc.disable()
    try:
        run(dispatcher, partial(waiter.submit, dispatcher, tool))
        assert len(waiter.outcomes) == outcomes
        left = weakref.ref(waiter)
        del waiter
        assert left() is None
    finally:
        gc.enable()
