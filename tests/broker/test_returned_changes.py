"""A change that waited in a worker which is lost: it is made later only where the history says it was not begun."""

import itertools
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Event, Exit, advance
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.patrol import Patrol
from filewarden.broker.pool import Kind, writing_pool
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.worker import Worker
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.pool import PoolSettings
from filewarden.workers.errors import Code
from filewarden.workers.methods.find_outcome import OPERATION
from filewarden.workers.operations import ChangeMade, FoundOutcome
from filewarden.workers.tool import Tool
from filewarden.workers.tools import delete_file, write_file
from tests.broker.test_asides import Clock

UNCHANGED = Succeeded(FoundOutcome("unchanged"))
NOBODY_KNOWS = (
    (Succeeded(FoundOutcome("changed", (ChangeMade("content", "a"),))), "changed"),
    (Succeeded(FoundOutcome("unknown")), "unknown"),
    (Failed(Code.TIMEOUT, "", {}), "unknown"),
)


class Stage:
    """A dispatcher with a change that was given out to wait behind another one."""

    def __init__(self) -> None:
        clock: Any = Clock()
        self.outcomes: list[Outcome] = []
        self.checks = OutcomeChecks("server", OPERATION)
        self.scheduler = Scheduler(queue_limit=9, per_client_limit=9, scan_workers=1)
        self.dispatcher = Dispatcher(
            reactor=clock,
            scheduler=self.scheduler,
            ledger=Ledger(),
            deadlines=DeadlineSettings(),
            patrol=Patrol(clock, lambda _now: None),
            numbers=itertools.count(1),
            closures=RootClosures(CallRoots(()), lambda _sentence: None),
            checks=self.checks,
        )
        arguments = write_file.WriteFile(path="a", content="")
        self.call = self.dispatcher.submit(Caller("c", LOCAL), write_file.TOOL, arguments, self.outcomes.append)
        assert self.scheduler.next_call(Kind.WRITING, lambda _call: True, 0.0) is self.call

    def find(self, found: Outcome) -> None:
        """Let the check of the returned change end."""
        check = self.checks.next_check(lambda _call: True)
        assert check is not None
        assert self.outcomes == [], "nobody is told anything before it was looked into"
        assert self.scheduler.depth == 0, "nothing is tried before it was looked into"
        check.deliver(found)


def test_what_was_not_begun_is_the_next_one_again() -> None:
    on = Stage()
    on.dispatcher.on_returned(on.call, Exit.CRASH)
    on.find(UNCHANGED)
    assert on.outcomes == []
    assert on.scheduler.next_call(Kind.WRITING, lambda _call: True, 0.0) is on.call
    assert not on.call.may_wait_in_worker


@pytest.mark.parametrize(("found", "outcome"), NOBODY_KNOWS)
def test_what_may_have_been_begun_is_told_and_not_tried_again(found: Outcome, outcome: str) -> None:
    on = Stage()
    on.dispatcher.on_returned(on.call, Exit.CRASH)
    on.find(found)
    (told,) = on.outcomes
    assert isinstance(told, Failed)
    assert (told.code, told.details["outcome"]) == (Code.WORKER_CRASHED, outcome)
    assert on.scheduler.depth == 0


def test_what_was_cancelled_is_not_tried_again() -> None:
    on = Stage()
    on.dispatcher.cancel(on.call)
    on.dispatcher.on_returned(on.call, Exit.CRASH)
    assert (on.scheduler.depth, on.outcomes) == (0, [])


def test_what_is_cancelled_while_it_is_looked_into_is_not_tried_again() -> None:
    on = Stage()
    on.dispatcher.on_returned(on.call, Exit.CRASH)
    on.dispatcher.cancel(on.call)
    on.find(UNCHANGED)
    assert (on.scheduler.depth, on.outcomes) == (0, [])


def test_a_server_that_stops_says_that_nobody_knows() -> None:
    on = Stage()
    on.dispatcher.drain()
    on.dispatcher.on_returned(on.call, Exit.CRASH)
    (told,) = on.outcomes
    assert isinstance(told, Failed)
    assert told.details["outcome"] == "unknown"
    assert not on.checks.waiting, "nobody would hear the answer"


@pytest.mark.parametrize(
    ("tools", "is_killed"),
    [
        ((write_file.TOOL,), True),
        ((write_file.TOOL, write_file.TOOL), False),
        ((delete_file.TOOL, write_file.TOOL), True),
        ((write_file.TOOL, delete_file.TOOL), True),
    ],
)
def test_a_change_that_is_cancelled_costs_its_worker_unless_others_may_be_made_with_it(
    tools: tuple[Tool, ...], *, is_killed: bool
) -> None:
    on = Stage()
    worker = Worker(1, "", 0.0)
    worker.state = advance(worker.state, Event.CONFINED)
    killed: list[tuple[Worker, Exit]] = []
    pool: Any = SimpleNamespace(
        pool=writing_pool(PoolSettings()),
        roster=SimpleNamespace(workers=lambda: [worker]),
        condemn=lambda *ended: killed.append(ended),
    )
    on.dispatcher.attach([pool])
    for tool in tools:
        on.call.tool = tool
        worker.assign(msgspec.structs.replace(on.call) if worker.call else on.call, 0.0)
    on.call.tool = tools[0]
    on.dispatcher.cancel(on.call)
    assert killed == ([(worker, Exit.CANCELLED)] if is_killed else [])
    assert on.outcomes == []
