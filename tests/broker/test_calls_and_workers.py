"""Whatever calls, clients, workers and time do to each other: each call has one end, and nothing is left over."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import example, given, settings, strategies as st

from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.outcome_checks import SECONDS
from filewarden.broker.parcel import MOST_BYTES
from filewarden.broker.patrol import BUSY_TICK_S
from filewarden.broker.protocol.outcome import Failed, Reason, Succeeded
from filewarden.broker.verdicts import NO_WORKER
from filewarden.workers.errors import Code
from filewarden.workers.tool import Tool
from tests.drivers.works import CHANGE, JOINT_CHANGE, READ, SCAN, TOOLS, Record, Works, code_of

KINDS = (
    *("submit",) * 6,
    *("run",) * 5,
    *("hear",) * 5,
    *("end tick",) * 5,
    "cancel",
    "kill",
    "crash",
    "exhaust",
    "fail",
    "refuse",
    "lie",
    "cut",
    "hear of death",
    "hear of death",
    "hear of exits",
    "fork",
    "zygote comes",
    "lose zygote",
    "zygote fails",
    "start fails",
    "pass moment",
    "pass long",
    "condemn",
    "hang",
    "go on",
    "cut soon",
    "reload",
    "reload",
    "dismiss",
    "drain",
    "give up",
    "open again",
    "stop",
    "no descriptors",
)
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 95)), max_size=60)
SIZES = ((1, 1), (2, 1), (3, 2))
SHAPES = st.tuples(st.sampled_from(SIZES), st.booleans(), st.booleans(), st.booleans())
LOST_CODES = (Code.WORKER_CRASHED, Code.MEMORY_LIMIT, Code.TIMEOUT, Code.CANCELLED)
NEVER_BEGUN = (
    Reason.QUEUE_DEADLINE,
    Reason.QUEUE_FULL,
    Reason.CLIENT_LIMIT,
    Reason.DRAINING,
    Reason.NO_WORKER,
    Reason.ROOT_HUNG,
    Reason.REPEATED_LOSS,
)


@contextmanager
def works(
    sizes: tuple[int, int] = (2, 1), *, hides_signals: bool = False, has_quarantine: bool = False
) -> Iterator[Works]:
    patches: list[mock._patch[object]] = []

    def patch(name: str, instead: object) -> None:
        patches.append(mock.patch(name, instead))
        patches[-1].start()

    made = None
    try:
        made = Works(patch, sizes=sizes, hides_signals=hides_signals, has_quarantine=has_quarantine)
        yield made
    finally:
        if made is not None:
            made.close()
        for each in patches:
            each.stop()


def do(on: Works, kind: str, number: int) -> None:  # noqa: C901 - one line for each thing that can happen
    processes = [each for each in on.processes if not each.is_buried]
    process = processes[number % len(processes)] if processes else None
    zygote = on.zygotes[-1 - number % 2]
    running = [each for each in on.records if not each.is_over]
    match kind:
        case "submit":
            client = number // 4 % 3
            principal = "ann" if client < 2 else "ben"
            path = f"{'ab'[number // 7 % 2]}/{number % 3}"
            on.submit(TOOLS[number % 4], str(client), principal, lambda: then(on, number // 12), path)
        case "cancel" if running:
            on.cancel(running[number % len(running)])
        case "end tick":
            on.clock.end_tick()
        case "fork":
            zygote.fork()
        case "zygote comes":
            zygote.come()
        case "lose zygote" if number % 3 == 0:
            zygote.lose("the test says so")
        case "zygote fails" if number % 3 == 0:
            zygote.fails_next = zygote.is_ready
        case "hear of exits":
            zygote.tell_exits()
        case "pass moment":
            on.clock.pass_by(0.001 * number)
        case "pass long":
            on.clock.pass_by(0.1 * number)
        case "reload" if number % 4 == 0:
            on.sizes = SIZES[number // 4 % 3]
            on.reload(lambda tool: tool is not TOOLS[number % 5 % 4] or number % 3 > 0)
        case "dismiss" if number % 4 == 0:
            for pool in on.dispatcher.pools:
                if pool not in on.supervisors:
                    pool.close()
        case "go on":
            for each in on.processes:
                each.come_unstuck()
        case "drain" if number % 3 == 0:
            on.dispatcher.drain()
        case "give up" if number % 3 == 0:
            on.dispatcher.close_with(NO_WORKER)
        case "open again":
            on.dispatcher.open_again()
        case "stop" if number % 3 == 0:
            on.dispatcher.drain()
            on.dispatcher.cancel_all()
            assert all(each.is_over for each in on.records)
        case "no descriptors" if number % 3 == 0:
            on.has_no_descriptors = True
        case "condemn":
            busy = [each for each in on.workers() if each.call is not None]
            if busy:
                worker = busy[number % len(busy)]
                pool = next(each for each in on.dispatcher.pools if each.roster.find(worker.serial) is worker)
                cause = (Exit.MEMORY, Exit.PROTOCOL, Exit.RECYCLED)[number % 3]
                if cause is Exit.MEMORY and worker.call is not None:
                    on.too_large.add(worker.call.id)
                pool.condemn(worker, cause)
        case _ if process is None:
            pass
        case "run":
            on.run(process)
        case "hear":
            on.hear(process)
        case "crash" | "exhaust" | "fail" | "refuse" | "lie":
            on.run(process, kind)
        case "kill":
            process.die((-9, -11, -31)[number % 3], does_link_tell=number % 2 == 0)
        case "start fails":
            if not process.is_ready:
                process.die(1)
        case "hang":
            process.is_stuck = True
        case "cut soon":
            process.link.frames_left = number % 3
        case "cut":
            process.link.is_lost = True
        case "hear of death":
            on.hear_of_death(process)
        case _:
            pass  # not now


def then(on: Works, number: int) -> None:
    """What a client does as soon as it has an answer."""
    running = [each for each in on.records if not each.is_over]
    if number == 1:
        on.submit(TOOLS[0], "0", "ann")
    elif number == 2 and running:
        on.cancel(running[-1])
    elif number == 3:
        on.submit(TOOLS[2], "2", "ben")
    elif number == 4 and running:
        on.cancel(running[0])
    elif number == 5:
        for each in running:
            on.cancel(each)


def check(on: Works) -> None:
    """What holds at the end of each tick."""
    in_flight = on.dispatcher._in_flight  # noqa: SLF001
    now = on.clock.seconds
    for call in in_flight.calls:
        assert in_flight._deadline.next_at <= max(call.hard_at, now + BUSY_TICK_S) + 0.003  # noqa: SLF001
    for record in on.records:
        if not record.is_over:
            assert record.call is not None
            assert now <= record.call.hard_at + 2 * SECONDS, "a call without an end"
    for worker in on.workers():
        process = on.process_of(worker)
        assert (worker.state is State.BUSY) == (worker.call is not None)
        if worker.call is None:
            assert not worker.behind
        elif worker.call.assigned_at is not None:
            assert worker.call.assigned_at < worker.call.hard_at, "it was begun when it was over"
        if worker.state is State.BUSY and process is not None and process.is_alive and not process.link.is_lost:
            given = 1 + len(worker.behind)
            known = len(process.calls) + len(process.link.said)
            assert process.link.told or given <= known, "it is busy with nothing"


def judge(on: Works, record: Record) -> None:
    """Whether a call ended as it may."""
    call = record.call
    assert call is not None
    made = on.made[f"server-{call.id}"]
    if record.is_cancelled:
        assert record.outcomes == []
        return
    (outcome,) = record.outcomes
    if isinstance(outcome, Succeeded):
        assert made == call.tool.writes
        return
    assert isinstance(outcome, Failed)
    if outcome.code in LOST_CODES and outcome.reason is None:
        assert call.id in on.sent, "it was lost with a worker that never heard of it"
    assert outcome.code is not Code.MEMORY_LIMIT or call.id in on.too_large
    if outcome.reason in NEVER_BEGUN:
        assert made == 0
    elif "outcome" in outcome.details:
        found = outcome.details["outcome"]
        assert found == "unknown" or (found == "changed") == bool(made)
    else:
        assert made == 0


def judge_spending(on: Works) -> None:
    """Whether the budgets know what was changed, as far as they have not forgotten it."""
    spent = sum(files for each in on.budgets._spent.values() for files, _ in each.values())  # noqa: SLF001
    least = most = 0
    for record in on.records:
        assert record.call is not None
        if record.call.tool.writes:
            (outcome,) = record.outcomes or (None,)
            counts = isinstance(outcome, Succeeded) or (
                isinstance(outcome, Failed) and outcome.details.get("outcome") in ("unknown", "changed")
            )
            least += counts
            most += counts or record.is_cancelled
    assert spent <= most
    assert least <= spent or on.clock.seconds > 150


def play(on: Works, steps: Sequence[tuple[str, int]]) -> None:
    for kind, number in steps:
        do(on, kind, number)
        if kind in ("end tick", "pass moment", "pass long"):
            check(on)
    on.clock.end_tick()
    check(on)
    timely = [
        each
        for each in on.records
        if not each.is_over and each.call is not None and each.call.soft_at > on.clock.seconds + 8
    ]
    is_calm = all(each.breaker() == "closed" and not each._nursery._backoff._failures for each in on.supervisors)  # noqa: SLF001
    on.finish(within_s=60)
    assert not on.dispatcher.in_flight
    for record in on.records:
        judge(on, record)
    if is_calm:
        for record in timely:
            if record.outcomes:
                assert code_of(record.outcomes[0]) is not Code.TIMEOUT, "forgotten until its deadline"
    judge_rest(on)


def judge_rest(on: Works) -> None:
    """Whether nothing is left over."""
    assert not on.checks.waiting
    assert on.scheduler.waiting == 0
    assert not on.dispatcher._feeder._parcels  # noqa: SLF001
    assert all(figures.running == 0 and figures.waiting == 0 for figures in on.scheduler.lanes())
    assert not any(on.scheduler.in_flight_of(str(client)) for client in range(3))
    assert on.blamed <= on.sent & {record.call.id for record in on.records if record.call is not None}
    judge_spending(on)
    for _ in range(140):
        on.clock.pass_by(0.5)
        on.everybody_goes_on()
    for supervisor in on.supervisors:
        assert not supervisor._deaths._crashed, "a call is kept for an explanation that was given"  # noqa: SLF001
        for slot in supervisor.roster.slots:
            assert slot.worker is not None, "a place without a worker"
            assert slot.worker.state is State.IDLE
    assert {each.state for each in on.workers()} == {State.IDLE}
    for zygote in on.zygotes:
        assert zygote.is_given_up == (zygote.listener not in on.supervisors)


@example(  # a worker that cannot die when it is killed, and is given up before it is known what it died of
    ((2, 1), False, False, False),
    [("submit", 6), ("end tick", 0), ("hang", 59), ("kill", 55), ("go on", 0), ("hear", 11), ("pass long", 52)],
)
@settings(max_examples=80, deadline=None, database=None)
@given(SHAPES, STEPS)
def test_each_call_has_one_end_and_nothing_is_left_over(
    shape: tuple[tuple[int, int], bool, bool, bool], steps: list[tuple[str, int]]
) -> None:
    sizes, hides_signals, has_quarantine, goes_alone = shape
    frame_bytes = 1 if goes_alone else MOST_BYTES
    with (
        mock.patch("filewarden.broker.parcel.MOST_BYTES", frame_bytes),
        works(sizes, hides_signals=hides_signals, has_quarantine=has_quarantine) as on,
    ):
        play(on, steps)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
@pytest.mark.parametrize("how", ["its death is told first", "its exit is told first", "its link shows it"])
def test_a_call_whose_worker_dies_before_it_was_sent_is_run_by_another(tool: Tool, how: str) -> None:
    with works((1, 1)) as on:
        record = on.submit(tool, "0", "ann")
        process = next(each for each in on.processes if each.serial == (3 if tool.writes else 1))
        process.die(-11)
        if how == "its death is told first":
            on.hear_of_death(process)
        elif how == "its exit is told first":
            for zygote in on.zygotes:
                zygote.tell_exits()
        on.clock.end_tick()
        on.finish(within_s=1)
        assert [type(each) for each in record.outcomes] == [Succeeded]
        assert not on.blamed
        assert record.call is not None
        assert record.call.may_wait_in_worker


def test_a_worker_that_does_not_come_to_the_end_of_its_death_is_replaced() -> None:
    """Its link and its memory are gone, and a file that it had open lies on a file system that does not answer."""
    with works((1, 1)) as on:
        (process,) = (each for each in on.processes if each.serial == 3)
        process.die(-11)
        on.hear(process)
        assert [worker.state for worker in on.workers() if worker.serial == 3] == [State.IDLE]
        on.clock.pass_by(2)
        on.staff_up()
        record = on.submit(CHANGE, "0", "ann")
        on.clock.end_tick()
        for each in on.processes:
            on.run(each)
            on.hear(each)
        assert [type(outcome) for outcome in record.outcomes] == [Succeeded]


def test_a_call_that_meets_one_dead_worker_after_the_other_ends_at_its_deadline() -> None:
    with works((1, 1)) as on:
        record = on.submit(READ, "0", "ann")
        for _ in range(100):
            for process in on.processes:
                process.die()
            on.clock.end_tick()
            for process in on.processes:
                on.hear_of_death(process)
            if record.outcomes:
                break
            on.clock.pass_by(0.2)
            on.staff_up()
        (outcome,) = record.outcomes
        assert record.call is not None
        assert not on.sent
        assert isinstance(outcome, Failed)
        assert outcome.reason is Reason.QUEUE_DEADLINE
        assert on.clock.seconds <= record.call.hard_at + 0.2
        assert on.dispatcher.in_flight == 0


def test_a_call_that_runs_keeps_its_grace_when_another_one_is_over() -> None:
    with works((2, 1)) as on:
        earlier = on.submit(READ, "0", "ann")
        on.clock.pass_by(0.1)
        later = on.submit(READ, "1", "ann")
        assert earlier.call is not None
        assert later.call is not None
        on.clock.pass_by(earlier.call.hard_at + 0.01 - on.clock.seconds)
        assert on.clock.seconds > later.call.soft_at
        assert on.dispatcher.overdue_s(on.clock.seconds) < 0
        assert [len(each.outcomes) for each in (earlier, later)] == [1, 0]
        on.clock.pass_by(later.call.hard_at + 0.01 - on.clock.seconds)
        assert [code_of(each.outcomes[0]) for each in (earlier, later)] == [Code.TIMEOUT, Code.TIMEOUT]


def test_a_change_that_is_cancelled_before_it_was_begun_spends_nothing() -> None:
    with works((1, 1)) as on:
        record = on.submit(CHANGE, "0", "ann")
        on.cancel(record)
        on.clock.end_tick()
        assert not on.sent
        judge(on, record)
        assert not any(files for spent in on.budgets._spent.values() for files, _ in spent.values())  # noqa: SLF001
        assert on.dispatcher.in_flight == 0


def test_a_call_whose_place_another_one_gets_is_under_way_no_more() -> None:
    with works((1, 1)) as on:
        greedy = [on.submit(SCAN, client, "ann") for client in "01" for _ in range(6)]
        assert not any(each.outcomes for each in greedy)
        modest = on.submit(SCAN, "2", "ben")
        (outcome,) = (outcome for each in greedy for outcome in each.outcomes)
        assert isinstance(outcome, Failed)
        assert outcome.reason is Reason.QUEUE_FULL
        assert not modest.outcomes
        assert on.dispatcher.in_flight == len(greedy)


def test_what_waits_for_a_tool_that_is_not_offered_any_more_is_answered() -> None:
    with works((1, 1)) as on:
        runs = on.submit(SCAN, "0", "ann")
        on.clock.end_tick()
        waits = on.submit(SCAN, "0", "ann")
        on.clock.end_tick()
        on.reload(lambda tool: tool is not SCAN)
        assert [code_of(each) for each in waits.outcomes] == [Code.UNSUPPORTED]
        assert not runs.outcomes
        on.finish(within_s=1)
        assert [type(each) for each in runs.outcomes] == [Succeeded]


def test_what_waits_for_a_pool_that_can_start_nobody_is_answered_at_once() -> None:
    with works((1, 1)) as on:
        runs, reads, change = (on.submit(tool, "0", "ann") for tool in (READ, SCAN, CHANGE))
        on.clock.end_tick()
        with mock.patch.object(on.supervisors[0], "is_down", return_value=True):
            on.clock.pass_by(2 * BUSY_TICK_S)
        (outcome,) = reads.outcomes
        assert isinstance(outcome, Failed)
        assert outcome.reason is Reason.NO_WORKER
        assert not runs.outcomes + change.outcomes


def test_a_server_that_stops_answers_what_runs_and_what_waits() -> None:
    with works((1, 1)) as on:
        records = [on.submit(tool, "0", "ann") for tool in (READ, CHANGE, SCAN, CHANGE)]
        on.clock.end_tick()
        assert len(on.sent) == 3, "a change waits in the worker that makes another one"
        on.dispatcher.drain()
        on.dispatcher.cancel_all()
        for record in records:
            judge(on, record)
        assert [code_of(each.outcomes[0]) for each in records] == [Code.CANCELLED] * 4
        assert on.dispatcher.in_flight == 0
        assert not any(worker.call for worker in on.workers())


def test_a_server_that_drains_outlives_the_loss_of_changes_that_were_given_out_together() -> None:
    with works((1, 1)) as on:
        records = [on.submit(JOINT_CHANGE, "0", "ann") for _ in range(3)]
        on.clock.end_tick()
        on.dispatcher.drain()
        (process,) = (each for each in on.processes if each.serial == 3)
        process.die()
        on.finish(within_s=SECONDS)
        for record in records:
            judge(on, record)
        codes = [code_of(record.outcomes[0]) for record in records]
        assert codes == [Code.WORKER_CRASHED, Code.CANCELLED, Code.CANCELLED]


def test_a_change_that_was_not_begun_in_its_time_is_not_begun_later() -> None:
    """It waited in a worker that was lost, and to find out that it was not begun took too long."""
    with works((1, 1)) as on:
        lost, waiting = (on.submit(JOINT_CHANGE, "0", "ann") for _ in range(2))
        on.clock.end_tick()
        assert waiting.call is not None
        on.clock.pass_by(waiting.call.hard_at - on.clock.seconds - 0.5)
        (process,) = (each for each in on.processes if each.serial == 3)
        process.die()
        on.hear_of_death(process)
        on.clock.pass_by(1)
        assert not lost.outcomes + waiting.outcomes, "it is not known what became of them"
        on.finish(within_s=1)
        judge(on, lost)
        (outcome,) = waiting.outcomes
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.details["outcome"]) == (Reason.QUEUE_DEADLINE, "unchanged")
        assert not on.made


@pytest.mark.parametrize("is_exit_first", [True, False])
def test_a_call_that_crashed_its_worker_is_to_blame_and_then_forgotten(*, is_exit_first: bool) -> None:
    with works((1, 1)) as on:
        record = on.submit(READ, "0", "ann")
        on.clock.end_tick()
        process = on.processes[0]
        on.run(process, "crash")
        if not is_exit_first:
            on.hear_of_death(process)
        for zygote in on.zygotes:
            zygote.tell_exits()
        on.hear_of_death(process)
        assert record.call is not None
        assert on.blamed == {record.call.id}
        assert [code_of(each) for each in record.outcomes] == [Code.WORKER_CRASHED]
        assert not on.supervisors[0]._deaths._crashed  # noqa: SLF001


@pytest.mark.parametrize("how", ["crash", "exhaust", "lie"])
def test_a_check_that_costs_its_worker_is_not_held_against_anybody(how: str) -> None:
    with works((1, 1)) as on:
        record = on.submit(CHANGE, "0", "ann")
        on.clock.end_tick()
        (process,) = (each for each in on.processes if each.serial == 3)
        process.die()
        on.hear_of_death(process)
        on.staff_up()
        on.clock.end_tick()
        checking = on.processes[-1]
        on.run(checking, how)
        on.hear(checking)
        for zygote in on.zygotes:
            zygote.tell_exits()
        on.hear_of_death(checking)
        assert [code_of(each) for each in record.outcomes] == [Code.WORKER_CRASHED]
        assert not on.blamed


def test_a_check_whose_worker_dies_before_it_was_sent_is_made_by_another() -> None:
    with works((1, 1)) as on:
        record = on.submit(CHANGE, "0", "ann")
        on.clock.end_tick()
        writers = next(zygote for zygote in on.zygotes if zygote.listener is on.supervisors[1])
        writers.processes[0].die()
        on.hear_of_death(writers.processes[0])
        on.clock.end_tick()
        writers.fork()
        for _ in range(2):
            on.run(writers.processes[1])
            on.hear(writers.processes[1])
        writers.processes[1].die()
        on.clock.end_tick()
        assert not record.outcomes
        on.finish(within_s=1)
        (outcome,) = record.outcomes
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.details["outcome"]) == (Code.WORKER_CRASHED, "unchanged")


@pytest.mark.parametrize("tool", [READ, JOINT_CHANGE], ids=lambda tool: tool.name)
def test_what_waits_in_a_worker_whose_memory_is_exhausted_is_run_by_another(tool: Tool) -> None:
    with works((1, 1)) as on:
        records = [on.submit(tool, "0", "ann") for _ in range(3)]
        on.clock.end_tick()
        process = next(each for each in on.processes if each.serial == (3 if tool.writes else 1))
        on.run(process, "exhaust")
        on.hear(process)
        on.finish(within_s=1)
        for record in records:
            judge(on, record)
        assert [code_of(record.outcomes[0]) for record in records] == [Code.MEMORY_LIMIT, None, None]


def test_at_a_reload_what_runs_ends_where_it_is_and_what_waited_there_is_run_by_others() -> None:
    with works((1, 1)) as on:
        records = [on.submit(READ, "0", "ann") for _ in range(3)]
        on.clock.end_tick()
        assert len(on.sent) == 3
        before, readers, earlier = on.processes[0], on.zygotes[0], on.processes
        on.reload()
        for _ in range(2):
            on.clock.end_tick()
            for process in on.processes:
                if process not in earlier:
                    on.run(process)
                    on.hear(process)
        assert [len(each.outcomes) for each in records] == [0, 1, 1]
        on.run(before)
        on.hear(before)
        assert [type(each.outcomes[0]) for each in records] == [Succeeded] * 3
        for process in earlier:
            on.hear_of_death(process)
        assert readers.is_given_up


@pytest.mark.parametrize("how", ["lost", "unusable"])
def test_pools_that_were_dismissed_are_over_although_their_zygote_ended_in_the_middle_of_a_fork(how: str) -> None:
    with works((1, 1)) as on:
        readers = on.supervisors[0]
        zygote = next(each for each in on.zygotes if each.listener is readers)
        readers.condemn(readers.roster.workers()[0], Exit.PROTOCOL)
        on.reload()
        assert zygote.ordered, "a worker is on its way"
        readers.close()
        (zygote.lose if how == "lost" else zygote.turn_out_unusable)("the test says so")
        for process in zygote.processes:
            on.hear_of_death(process)
        assert not readers.roster.workers()
        assert zygote.is_given_up
        assert not on.broken, "it is not needed any more"
        readers.wind_down()
        assert not readers.roster.workers(), "it is over but once"


def test_a_pool_whose_zygote_is_unusable_is_broken_and_over_once_it_is_dismissed() -> None:
    with works((1, 1)) as on:
        readers = on.supervisors[0]
        zygote = next(each for each in on.zygotes if each.listener is readers)
        record = on.submit(READ, "0", "ann")
        on.clock.end_tick()
        readers.condemn(readers.roster.workers()[-1], Exit.PROTOCOL)
        assert zygote.ordered, "a worker is on its way"
        zygote.turn_out_unusable("the test says so")
        assert on.broken == ["the test says so"]
        readers.wind_down()
        readers.close()
        for process in zygote.processes:
            on.hear_of_death(process)
        assert not readers.roster.workers()
        assert zygote.is_given_up
        assert [code_of(each) for each in record.outcomes] == [Code.WORKER_CRASHED]


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_what_waited_behind_a_call_that_was_cancelled_is_not_suspected(*, is_cancelled: bool) -> None:
    with works((1, 1)) as on:
        first, second = (on.submit(READ, "0", "ann") for _ in range(2))
        on.clock.end_tick()
        assert len(on.sent) == 2
        if is_cancelled:
            on.cancel(first)
        else:
            on.run(on.processes[0], "crash")
            on.hear_of_death(on.processes[0])
        assert second.call is not None
        assert second.call.may_wait_in_worker == is_cancelled
        on.finish(within_s=1)
        assert [type(each) for each in second.outcomes] == [Succeeded]


def test_a_call_that_is_cancelled_as_it_is_about_to_leave_is_not_run() -> None:
    """Its client cancels it when it hears of another one, which is lost as the calls of this tick are sent."""
    with works((2, 1)) as on, mock.patch("filewarden.broker.parcel.MOST_BYTES", 1):
        second: Record
        first = on.submit(READ, "0", "ann", lambda: on.cancel(second))
        second = on.submit(READ, "0", "ann")
        others = [on.submit(READ, "0", "ann") for _ in range(2)]
        on.processes[0].link.frames_left = 1
        on.clock.end_tick()
        on.finish(within_s=1)
        assert second.is_cancelled
        assert second.call is not None
        assert second.call.id not in on.sent
        assert [code_of(each.outcomes[0]) for each in (first, *others)] == [Code.WORKER_CRASHED, None, None]
        assert on.processes[1].is_alive, "nothing was wrong with it"
