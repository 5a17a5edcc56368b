"""When the one timer of many deadlines rings, and what it costs those that are not the earliest."""

import itertools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.broker.alarm import SHORTEST_WAIT_S, Alarm
from filewarden.broker.call import Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Event, Exit, advance
from filewarden.broker.outcome_checks import SECONDS, OutcomeChecks
from filewarden.broker.patrol import BUSY_TICK_S, Patrol
from filewarden.broker.pool import Kind, reading_pool
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.reactor import PendingTimer
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.worker import Worker
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.pool import PoolSettings
from filewarden.workers.errors import Code
from filewarden.workers.methods.find_outcome import OPERATION
from filewarden.workers.tool import Lane, Tool

DEADLINES = DeadlineSettings(read_s=1.0, scan_s=3.0, write_s=20.0, grace_s=0.25)


class Clock:
    """A reactor with timers alone, whose time passes when it is told to; each may ring `early_s` too soon."""

    def __init__(self, early_s: float = 0.0) -> None:
        self.seconds = 100.0
        self.set = self.rung = 0
        self._early_s = early_s
        self._timers: list[PendingTimer] = []

    def now(self) -> float:
        return self.seconds

    def settle(self, _action: Callable[[], None]) -> None:
        pass

    def at(self, when: float, action: Callable[[], None]) -> PendingTimer:
        assert math.isfinite(when), "no loop waits so long"
        self.set += 1
        self._timers.append(PendingTimer(when - self._early_s, action))
        return self._timers[-1]

    def pass_until(self, when: float) -> None:
        """Run what is due on the way there, each at its moment."""
        while due := [timer for timer in self._timers if timer.action is not None and timer.when <= when]:
            first = min(due)
            self._timers.remove(first)
            self.seconds = max(self.seconds, first.when)
            self.rung += 1
            if first.action is not None:
                first.action()
        self.seconds = when


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), max_size=20), st.sampled_from((0.0, SHORTEST_WAIT_S / 2)))
def test_it_rings_at_every_moment_and_seldom_for_nothing(moments: list[tuple[float, float]], early_s: float) -> None:
    clock = Clock(early_s)
    waiting: list[float] = []

    def ring(now: float) -> float:
        due = [when for when in waiting if when <= now]
        assert all(now - when <= SHORTEST_WAIT_S for when in due)
        waiting[:] = [when for when in waiting if when > now]
        return min(waiting, default=math.inf)

    reactor: Any = clock
    alarm = Alarm(reactor, ring)
    for pause_s, after_s in moments:
        clock.pass_until(clock.seconds + pause_s)
        waiting.append(clock.seconds + after_s)
        if waiting[-1] < alarm.next_at:
            alarm.set(waiting[-1])
    clock.pass_until(clock.seconds + 10)
    assert waiting == []
    assert alarm.next_at == math.inf
    assert clock.rung <= 3 * len(moments)


class Stage:
    """A dispatcher whose pool has one worker, which takes what it is given and never answers."""

    def __init__(self, tool: Tool) -> None:
        self.clock = Clock()
        clock: Any = self.clock
        self._tool = tool
        self.ended: list[tuple[Call, Code, float]] = []
        self.killed: list[tuple[Worker, Exit]] = []
        self.scheduler = Scheduler(queue_limit=999, per_client_limit=999, scan_workers=1)
        self.dispatcher = Dispatcher(
            reactor=clock,
            scheduler=self.scheduler,
            ledger=Ledger(),
            deadlines=DEADLINES,
            patrol=Patrol(clock, lambda _now: None),
            numbers=itertools.count(1),
            closures=RootClosures(CallRoots(()), lambda _sentence: None),
            checks=OutcomeChecks("server", OPERATION),
        )
        self.workers: list[Worker] = []
        pool: Any = SimpleNamespace(
            pool=reading_pool(PoolSettings()),
            roster=SimpleNamespace(workers=lambda: self.workers, slots=(), idle_for=lambda _principal: (None, 0)),
            condemn=self._condemn,
        )
        self.dispatcher.attach([pool])

    def submit(self, lane: Lane = Lane.QUICK, *, writes: bool = False) -> Call:
        tool = msgspec.structs.replace(self._tool, lane=lambda _arguments: lane, writes=writes)
        submitted: list[Call] = []

        def deliver(outcome: Outcome) -> None:
            assert isinstance(outcome, Failed)
            self.ended.append((submitted[0], outcome.code, self.clock.seconds))

        submitted.append(self.dispatcher.submit(Caller("c", LOCAL), tool, tool.arguments(), deliver))
        return submitted[0]

    def run(self, call: Call) -> Worker:
        worker = Worker(len(self.workers) + 1, "", 0.0)
        worker.state = advance(worker.state, Event.CONFINED)
        kind = Kind.WRITING if call.tool.writes else Kind.READING
        assert self.scheduler.next_call(kind, lambda each: each is call, self.clock.seconds) is call
        worker.assign(call, self.clock.seconds)
        self.workers.append(worker)
        return worker

    def _condemn(self, worker: Worker, cause: Exit) -> None:
        self.killed.append((worker, cause))
        self.lose(worker, cause)

    def lose(self, worker: Worker, cause: Exit) -> None:
        self.workers.remove(worker)
        lost, worker.call = worker.call, None
        assert lost is not None
        self.dispatcher.on_lost(lost, cause)


@pytest.fixture
def stage(tool: Tool) -> Stage:
    return Stage(tool)


def test_a_call_ends_at_its_deadline_whether_it_runs_or_waits(stage: Stage) -> None:
    scan = stage.submit(Lane.SCAN)
    running, waiting = stage.submit(), stage.submit()
    worker = stage.run(running)
    stage.clock.pass_until(running.hard_at - 0.0001)
    assert stage.ended == []
    stage.clock.pass_until(running.hard_at)
    assert [(call, code) for call, code, _ in stage.ended] == [(waiting, Code.TIMEOUT), (running, Code.TIMEOUT)]
    assert stage.killed == [(worker, Exit.DEADLINE)]
    stage.clock.pass_until(scan.hard_at)
    assert stage.ended[2:] == [(scan, Code.TIMEOUT, scan.hard_at)]


def test_a_worker_that_is_freed_by_a_deadline_gets_no_call_that_has_no_time_left(stage: Stage) -> None:
    running = stage.submit()
    worker = stage.run(running)
    stage.clock.pass_until(stage.clock.seconds + 0.01)
    late = stage.submit()
    stage.clock.pass_until(running.hard_at - DEADLINES.read_s + 0.01)
    timely = stage.submit()
    stage.clock.pass_until(running.hard_at)
    assert [call for call, _, _ in stage.ended] == [late, running]
    assert stage.killed == [(worker, Exit.DEADLINE)]
    stage.clock.pass_until(timely.hard_at)
    assert stage.ended[2:] == [(timely, Code.TIMEOUT, timely.hard_at)]


def test_calls_set_no_timers_of_their_own(stage: Stage) -> None:
    before = stage.clock.set
    for _ in range(500):
        stage.clock.seconds += 0.001
        stage.submit()
    assert stage.clock.set - before <= 2, "the earliest deadline, and the next round of the patrol"


def test_an_earlier_deadline_comes_first(stage: Stage) -> None:
    scan = stage.submit(Lane.SCAN)
    stage.clock.pass_until(scan.hard_at - 2)
    read = stage.submit()
    assert read.hard_at < scan.hard_at
    stage.clock.pass_until(scan.hard_at)
    assert [(call, at) for call, _, at in stage.ended] == [(read, read.hard_at), (scan, scan.hard_at)]


def test_what_has_to_be_found_out_is_given_up_at_its_own_deadline(stage: Stage) -> None:
    change = stage.submit(writes=True)
    worker = stage.run(change)
    stage.clock.pass_until(stage.clock.seconds + 1)
    begun = stage.clock.seconds
    stage.lose(worker, Exit.CRASH)
    stage.clock.pass_until(change.hard_at)
    assert stage.ended == [(change, Code.WORKER_CRASHED, begun + SECONDS)]


def test_what_is_still_being_found_out_at_its_deadline_keeps_nobody_busy(stage: Stage) -> None:
    change = stage.submit(writes=True)
    assert stage.scheduler.next_call(Kind.WRITING, lambda _call: True, stage.clock.seconds) is change
    stage.clock.pass_until(change.hard_at - 0.1)
    stage.dispatcher.on_returned(change, Exit.CRASH)
    stage.clock.pass_until(change.hard_at + 1)
    assert stage.ended == [], "it is not known what became of it"
    assert stage.clock.rung <= 3 + 1 / BUSY_TICK_S
    stage.clock.pass_until(change.hard_at + 10)
    assert [code for _, code, _ in stage.ended] == [Code.WORKER_CRASHED]
