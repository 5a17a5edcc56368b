from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from filewarden.broker.call import Call
from filewarden.broker.crowd import LATELY_S
from filewarden.broker.fair_queue import Fits
from filewarden.broker.pool import Kind
from filewarden.broker.scheduler import Overload, Scheduler
from filewarden.workers.tool import Lane, Tool

MakeCall = Callable[..., Call]


def scheduler(queue_limit: int = 100, per_client_limit: int = 50, scan_workers: int = 1) -> Scheduler:
    return Scheduler(queue_limit=queue_limit, per_client_limit=per_client_limit, scan_workers=scan_workers)


def next_call(
    subject: Scheduler, kind: Kind = Kind.READING, fits: Fits = lambda _call: True, now: float = 0.0
) -> Call | None:
    return subject.next_call(kind, fits, now)


def drain(subject: Scheduler, kind: Kind = Kind.READING, fits: Fits = lambda _call: True) -> list[Call]:
    calls = []
    while (call := next_call(subject, kind, fits)) is not None:
        calls.append(call)
    return calls


def test_an_empty_scheduler_has_nothing_to_run() -> None:
    assert next_call(scheduler()) is None


def test_calls_of_one_client_run_in_order(make_call: MakeCall) -> None:
    subject, calls = scheduler(), [make_call() for _ in range(5)]
    for call in calls:
        subject.admit(call)
    assert drain(subject) == calls


def test_a_client_with_many_calls_costs_another_one_turn(make_call: MakeCall) -> None:
    subject = scheduler()
    for _ in range(20):
        subject.admit(make_call("greedy"))
    polite = make_call("polite")
    subject.admit(polite)
    assert drain(subject).index(polite) == 1


def test_scans_never_hold_more_workers_than_configured(make_call: MakeCall) -> None:
    subject = scheduler(scan_workers=2)
    scans = [make_call(lane=Lane.SCAN) for _ in range(5)]
    for call in scans:
        subject.admit(call)
    running = drain(subject)
    assert running == scans[:2]
    subject.finished(running[0], 0.001)
    assert drain(subject) == [scans[2]]


def test_reads_run_while_scans_wait_for_their_share(make_call: MakeCall) -> None:
    subject = scheduler(scan_workers=1)
    for _ in range(3):
        subject.admit(make_call(lane=Lane.SCAN))
    read = make_call()
    subject.admit(read)
    assert read in drain(subject)


def test_a_flood_of_reads_does_not_starve_scans(make_call: MakeCall) -> None:
    subject = scheduler()
    for _ in range(10):
        subject.admit(make_call("reader"))
    scan = make_call("searcher", Lane.SCAN)
    subject.admit(scan)
    assert scan in [next_call(subject), next_call(subject)]


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=2)
    subject.admit(make_call())
    subject.admit(make_call())
    with pytest.raises(Overload, match="2 calls are waiting") as refusal:
        subject.admit(make_call())
    assert refusal.value.retry_after_ms > 0
    assert subject.depth == 2


def test_a_client_may_not_have_more_in_flight_than_its_share(make_call: MakeCall) -> None:
    subject = scheduler(per_client_limit=2)
    first = make_call("greedy")
    subject.admit(first)
    assert next_call(subject) is first
    subject.admit(make_call("greedy"))
    with pytest.raises(Overload, match="2 of yours"):
        subject.admit(make_call("greedy"))
    with pytest.raises(Overload, match="2 of yours"):
        subject.begin(make_call("greedy"), 0.0)
    assert subject.in_flight_of("greedy") == 2
    subject.admit(make_call("polite"))
    subject.finished(first, 0.001)
    subject.admit(make_call("greedy"))


def test_a_withdrawn_call_never_runs(make_call: MakeCall) -> None:
    subject, first, second = scheduler(), make_call(), make_call()
    subject.admit(first)
    subject.admit(second)
    assert subject.withdraw(first)
    assert not subject.withdraw(first)
    assert drain(subject) == [second]


def test_a_running_call_cannot_be_withdrawn(make_call: MakeCall) -> None:
    subject, call = scheduler(), make_call()
    subject.admit(call)
    next_call(subject)
    assert not subject.withdraw(call)


def test_writes_and_reads_wait_apart_and_count_together(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=3)
    reads, write = [make_call() for _ in range(2)], make_call(writes=True)
    for call in (*reads, write):
        subject.admit(call)
    with pytest.raises(Overload):
        subject.admit(make_call())
    assert next_call(subject, Kind.WRITING) is write
    assert not subject.has_waiting(Kind.WRITING)
    assert subject.has_waiting(Kind.READING)
    assert drain(subject) == reads
    assert subject.depth == 0


def test_a_write_that_walks_takes_no_share_of_the_scans(make_call: MakeCall) -> None:
    subject = scheduler(scan_workers=1)
    write, scan = make_call(lane=Lane.SCAN, writes=True), make_call(lane=Lane.SCAN)
    subject.admit(write)
    subject.admit(scan)
    assert next_call(subject, Kind.WRITING) is write
    assert next_call(subject) is scan
    subject.finished(write, 0.001)
    subject.admit(make_call(lane=Lane.SCAN))
    assert next_call(subject) is None


def test_a_call_that_does_not_fit_is_passed_over_and_keeps_its_place(make_call: MakeCall) -> None:
    subject = scheduler()
    first, second, third = make_call("a"), make_call("b"), make_call("c")
    for call in (first, second, third):
        subject.admit(call)
    assert next_call(subject, fits=lambda call: call is second) is second
    assert next_call(subject, fits=lambda _call: False) is None
    assert subject.depth == 2
    assert drain(subject) == [first, third]


def test_a_scan_that_does_not_fit_does_not_hold_up_a_read(make_call: MakeCall) -> None:
    subject = scheduler()
    for lane in (Lane.QUICK, Lane.SCAN, Lane.QUICK):
        subject.admit(make_call(lane=lane))
    reads = drain(subject, fits=lambda call: call.lane is Lane.QUICK)
    assert [call.lane for call in reads] == [Lane.QUICK, Lane.QUICK]


def served(subject: Scheduler, costs: dict[str, float], rounds: int) -> dict[str, float]:
    """The worker time of each client on one worker, when each has always calls waiting that take so long."""
    had = dict.fromkeys(costs, 0.0)
    now = 0.0
    for client in costs:
        for number in range(5):
            subject.admit(_call(hash((client, number)), client, Lane.QUICK))
    for number in range(rounds):
        call = next_call(subject, now=now)
        assert call is not None
        now += costs[call.client]
        had[call.client] += costs[call.client]
        subject.finished(call, now)
        subject.admit(_call(1000 + number, call.client, Lane.QUICK))
    return had


@settings(max_examples=30, deadline=None, database=None)
@given(costs=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=5))
def test_clients_that_always_wait_get_the_same_worker_time_whatever_their_calls_take(costs: list[float]) -> None:
    had = served(scheduler(), {str(number): cost for number, cost in enumerate(costs)}, 400)
    assert max(had.values()) - min(had.values()) <= 2 * max(costs) + 0.01


def test_a_principal_with_many_clients_has_one_share(make_call: MakeCall) -> None:
    subject = scheduler()
    crowd = [make_call(f"crowd-{number}", principal="crowd") for number in range(20)]
    alone = [make_call("alone", principal="alone") for _ in range(3)]
    for call in (*crowd, *alone):
        subject.admit(call)
    order = drain(subject)
    assert [order.index(call) for call in alone] == [1, 3, 5]


def test_one_that_stayed_away_has_saved_no_claim_and_one_that_left_sheds_no_debt(make_call: MakeCall) -> None:
    subject = scheduler()
    for now in range(10):  # the busy one has ten seconds
        subject.admit(make_call("busy"))
        subject.admit(make_call("other"))
        for _ in range(2):
            call = next_call(subject, now=now)
            assert call is not None
            subject.finished(call, now + (1.0 if call.client == "busy" else 0.5))
    for client in ("late", "busy", "other", "late", "late"):
        subject.admit(make_call(client))
    order = [call.client for call in drain(subject)]
    assert order.index("late") < order.index("busy")
    assert order.index("other") < order.index("busy")


def test_the_last_free_worker_is_not_for_a_client_that_holds_another_one_while_others_are_there(
    make_call: MakeCall,
) -> None:
    subject = scheduler()
    polite, first, second = make_call("polite"), make_call("greedy"), make_call("greedy")
    for call in (polite, first, second):
        subject.admit(call)
    assert subject.may_take_last(first, 0.0)
    assert [next_call(subject), next_call(subject)] == [polite, first]
    assert not subject.may_take_last(second, 1.0)
    assert subject.may_take_last(make_call("another"), 1.0)
    assert subject.may_take_last(second, LATELY_S + 1.0)  # the polite one has been quiet for long
    subject.finished(first, 1.0)
    assert subject.may_take_last(second, 1.0)


def test_nor_does_it_wait_behind_another_client_in_the_worker_that_may_be_the_last(make_call: MakeCall) -> None:
    subject = scheduler()
    polite, first, second = make_call("polite"), make_call("greedy"), make_call("greedy")
    for call in (first, polite, second):
        subject.admit(call)
    assert [next_call(subject), next_call(subject)] == [first, polite]
    assert subject.next_behind("local", 9, 1.0) == []
    assert subject.next_behind("local", 9, LATELY_S + 1.0) == [second]


def test_nor_does_it_get_the_last_worker_that_makes_changes_whatever_it_reads(make_call: MakeCall) -> None:
    subject = scheduler()
    polite, first, second, read = (
        make_call("polite"),
        make_call("greedy", writes=True),
        make_call("greedy", writes=True),
        make_call("greedy"),
    )
    for call in (polite, first, second, read):
        subject.admit(call)
    assert next_call(subject, Kind.WRITING) is first
    assert not subject.may_take_last(second, 1.0)
    assert subject.may_take_last(read, 1.0)


def test_a_worker_without_room_gets_nothing_whoever_is_there(make_call: MakeCall) -> None:
    subject = scheduler()
    polite, read = make_call("polite"), make_call("other")
    subject.admit(polite)
    assert next_call(subject) is polite
    subject.admit(read)
    assert subject.next_behind("local", 0, 1.0) == []
    assert subject.next_behind("local", 1, 1.0) == [read]


def test_nothing_waits_in_a_worker_while_a_scan_may_run_not_even_its_own_clients(make_call: MakeCall) -> None:
    subject = scheduler(scan_workers=1)
    scans, read = [make_call(lane=Lane.SCAN) for _ in range(2)], make_call()
    for call in (*scans, read):
        subject.admit(call)
    assert subject.next_behind("local", 9, 1.0) == []
    assert next_call(subject, fits=lambda call: call is scans[0]) is scans[0]
    assert subject.next_behind("local", 9, 1.0) == [read], "the other scan may not run yet"


def test_a_change_waits_only_behind_one_of_its_own_principal_and_where_it_may_wait_at_all(make_call: MakeCall) -> None:
    def waits(client: str = "other", *, principal: str = "local", may_wait: bool = True) -> bool:
        subject, ahead = scheduler(), make_call("a", writes=True)
        subject.begin(ahead, 0.0)
        change = make_call(client, principal=principal, writes=True)
        change.may_wait_in_worker = may_wait
        subject.admit(change)
        return subject.next_change_behind(ahead, 1.0) is change

    assert waits()
    assert waits("a"), "nobody else is there"
    assert not waits(principal="other")
    assert not waits(may_wait=False)


def test_a_client_whose_change_runs_has_none_waiting_in_the_worker_while_others_are_there(make_call: MakeCall) -> None:
    subject, visitor = scheduler(), make_call("visitor")
    first, second = make_call("greedy", writes=True), make_call("greedy", writes=True)
    subject.admit(visitor)
    subject.begin(first, 0.0)
    subject.admit(second)
    assert subject.next_change_behind(first, 1.0) is None
    assert subject.next_change_behind(first, LATELY_S + 1.0) is second


def test_a_client_that_is_alone_may_have_every_worker(make_call: MakeCall) -> None:
    subject = scheduler()
    first, second = make_call("only"), make_call("only")
    subject.admit(first)
    subject.admit(second)
    assert next_call(subject) is first
    assert subject.may_take_last(second, 0.0)


def test_a_full_queue_takes_a_modest_call_in_place_of_the_latest_one_of_the_greediest(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=4)
    greedy = [make_call("greedy") for _ in range(3)]
    for call in (*greedy, make_call("middling")):
        assert subject.admit(call) is None
    polite = make_call("polite")
    assert subject.admit(polite) is greedy[-1]
    assert subject.depth == 4
    with pytest.raises(Overload, match="4 calls are waiting"):
        subject.admit(make_call("greedy"))
    assert set(drain(subject)) > {polite, *greedy[:2]}


def test_the_latest_one_is_that_of_all_lanes(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=3)
    greedy = [make_call("greedy", lane=Lane.SCAN), make_call("greedy", writes=True), make_call("greedy")]
    for call in greedy:
        subject.admit(call)
    assert subject.admit(make_call("polite")) is greedy[-1]


def test_a_full_queue_is_shared_by_principals_before_clients(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=6)
    crowd = [make_call(f"crowd-{number}", principal="crowd") for number in range(6)]
    for call in crowd:
        subject.admit(call)
    assert subject.admit(make_call("alone", principal="alone")) in crowd
    with pytest.raises(Overload):
        subject.admit(make_call("crowd-7", principal="crowd"))


def test_among_principals_with_as_much_one_makes_room_in_its_own_share(make_call: MakeCall) -> None:
    subject = scheduler(queue_limit=6)
    own = [make_call("busy", principal="own") for _ in range(3)]
    for call in (*(make_call(f"other-{number}", principal="other") for number in range(3)), *own):
        subject.admit(call)
    assert subject.admit(make_call("modest", principal="own")) is own[-1]


def test_a_refusal_says_to_come_back_later_where_calls_take_longer(make_call: MakeCall) -> None:
    def refusal_after(took_s: float) -> int:
        subject = scheduler(queue_limit=100)
        for number in range(50):
            subject.admit(call := make_call())
            assert next_call(subject, now=number) is call
            subject.finished(call, number + took_s)
        for number in range(100):
            subject.admit(make_call(str(number)))
        with pytest.raises(Overload) as refusal:
            subject.admit(make_call("late"))
        return refusal.value.retry_after_ms

    assert refusal_after(0.0001) < refusal_after(0.02) < refusal_after(100.0) <= 5000


def test_a_client_that_keeps_coming_back_over_its_limit_is_told_to_come_ever_later(make_call: MakeCall) -> None:
    subject = scheduler(per_client_limit=1)
    subject.admit(make_call("greedy"))
    subject.admit(make_call("other"))

    def refusal(client: str, at: float) -> int:
        call = make_call(client)
        call.submitted_at = at
        with pytest.raises(Overload) as refused:
            subject.admit(call)
        return refused.value.retry_after_ms

    told = [refusal("greedy", 1.0) for _ in range(50)]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (50, 500)
    assert refusal("other", 1.0) == 50
    assert refusal("greedy", 2.0) == 50


@settings(max_examples=60, deadline=None, database=None)
@given(steps=st.lists(st.tuples(st.sampled_from("arfw"), st.integers(0, 3), st.booleans()), max_size=80))
def test_every_admitted_call_runs_or_is_taken_out_exactly_once(steps: list[tuple[str, int, bool]]) -> None:
    subject = scheduler(queue_limit=6, per_client_limit=5, scan_workers=2)
    waiting: list[Call] = []
    running: list[Call] = []
    for number, (step, client, is_scan) in enumerate(steps):
        if step == "a":
            call = _call(number, str(client), Lane.SCAN if is_scan else Lane.QUICK, str(client % 2))
            try:
                displaced = subject.admit(call)
            except Overload:
                continue
            if displaced is not None:
                waiting.remove(displaced)
            waiting.append(call)
        elif step == "r" and (taken := next_call(subject, now=number)) is not None:
            waiting.remove(taken)
            running.append(taken)
        elif step == "f" and running:
            subject.finished(running.pop(0), number)
        elif step == "w" and waiting:
            assert subject.withdraw(waiting.pop())
        assert subject.depth == len(waiting) <= 6
        assert sum(call.lane is Lane.SCAN for call in running) <= 2
    while running:
        subject.finished(running.pop(), len(steps))
    while (taken := next_call(subject, now=len(steps))) is not None:
        waiting.remove(taken)
        subject.finished(taken, len(steps))
    assert not waiting


def _call(number: int, client: str, lane: Lane, principal: str = "local") -> Call:
    tool = Tool(
        name="noop",
        title="",
        description="",
        arguments=msgspec.Struct,
        result=msgspec.Struct,
        run=lambda _context, _arguments: msgspec.Struct(),
    )
    return Call(
        id=number,
        client=client,
        principal=principal,
        tool=tool,
        arguments=msgspec.Struct(),
        lane=lane,
        submitted_at=0.0,
        soft_at=1.0,
        hard_at=2.0,
        deliver=lambda _outcome: None,
    )


@settings(max_examples=50, deadline=None, database=None)
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 0.1), st.booleans()), max_size=20))
def test_a_call_that_need_not_wait_counts_like_one_that_did(steps: list[tuple[int, float, bool]]) -> None:
    straight, queued = scheduler(), scheduler()
    for subject in (straight, queued):  # nobody is alone
        subject.admit(_call(1000, "visitor", Lane.QUICK))
        drain(subject)
    now = 0.0
    for number, (client, cost, ends) in enumerate(steps):
        calls = [_call(number, str(client), Lane.QUICK, str(client % 2)) for _ in range(2)]
        straight.begin(calls[0], now)
        queued.admit(calls[1])
        assert next_call(queued, now=now) is calls[1]
        now += cost
        if ends:
            straight.finished(calls[0], now)
            queued.finished(calls[1], now)
    for subject in (straight, queued):
        for number in range(12):
            subject.admit(
                _call(100 + number, str(number % 4), Lane.SCAN if number > 9 else Lane.QUICK, str(number % 2))
            )
    orders = [[call.id for call in drain(subject)] for subject in (straight, queued)]
    assert orders[0] == orders[1]


def test_what_a_client_had_while_it_was_alone_is_nobodys_loss() -> None:
    subject = scheduler()
    for number in range(100):
        alone = _call(number, "alone", Lane.QUICK, "alone")
        subject.begin(alone, number)
        subject.finished(alone, number + 0.9)
    own, other = _call(200, "alone", Lane.QUICK, "alone"), _call(201, "other", Lane.QUICK, "other")
    subject.admit(own)
    subject.admit(other)
    assert drain(subject) == [own, other]


def test_what_ends_while_others_wait_is_counted_whoever_was_there_when_it_began() -> None:
    subject = scheduler()
    alone = _call(1, "alone", Lane.QUICK, "alone")
    subject.begin(alone, 0.0)
    own = [_call(number, "alone", Lane.QUICK, "alone") for number in (2, 3)]
    other = [_call(number, "other", Lane.QUICK, "other") for number in (4, 5)]
    for call in (*own, *other):
        subject.admit(call)
    subject.finished(alone, 5.0)
    assert drain(subject) == [*other, *own]
