import pytest

from filewarden.broker.backoff import Breaker
from filewarden.broker.operator_notes import PATIENCE_S, REPEAT_S, OperatorNotes
from filewarden.broker.pool import Kind
from filewarden.broker.protocol.outcome import Reason
from filewarden.broker.readiness import Condition, PoolFacts, condition

GOOD = PoolFacts(Kind.READING, has_been_ready=True, ready=4, size=4, breaker=Breaker.CLOSED)
EMPTY = GOOD._replace(ready=0, breaker=Breaker.OPEN)


def judge(
    *pools: PoolFacts, draining: bool = False, level: str = "full", audit: str | None = None, hung: tuple[str, ...] = ()
) -> Condition:
    return condition(pools, is_draining=draining, mode="required", level=level, audit_trouble=audit, hung_roots=hung)


def test_a_good_server_has_no_problems() -> None:
    assert judge(GOOD, GOOD._replace(kind=Kind.WRITING)) == ("ok", True, (), True)


@pytest.mark.parametrize(
    ("found", "is_ready", "word"),
    [
        (judge(GOOD, EMPTY._replace(kind=Kind.WRITING)), False, "read-write pool has no worker: 0 of 4"),
        (judge(EMPTY), False, "failed too often"),
        (judge(GOOD._replace(has_been_ready=False, ready=1)), False, "still starting: 1 of 4"),
        (judge(GOOD._replace(ready=1, breaker=Breaker.OPEN)), True, "fail to start"),
        (judge(GOOD, level="partial"), True, 'level "partial"'),
        (judge(GOOD, hung=("remote",)), True, 'root "remote" hangs'),
        (judge(GOOD, audit="No space left on device"), True, "No space left on device"),
    ],
)
def test_every_problem_is_said_and_only_pools_decide_on_readiness(found: Condition, is_ready: bool, word: str) -> None:
    assert (found.status, found.is_ready) == ("degraded", is_ready)
    assert word in " ".join(found.problems)


def test_one_slot_is_enough_once_all_were_ready() -> None:
    assert judge(GOOD._replace(ready=1)).is_ready


def test_a_draining_server_is_not_ready_and_says_so_first() -> None:
    found = judge(EMPTY, draining=True)
    assert (found.status, found.is_ready, len(found.problems)) == ("draining", False, 2)
    assert "stopping" in found.problems[0]


READY, UNREADY, STARTING = judge(GOOD), judge(EMPTY), judge(EMPTY._replace(has_been_ready=False))


def test_the_log_hears_once_that_nothing_can_be_served_and_once_that_it_can_again() -> None:
    notes = OperatorNotes()
    assert notes.on_condition(STARTING, 0.0) is None
    assert notes.on_condition(STARTING, 0.9) is None
    assert notes.on_condition(READY, 1.0) is None
    assert notes.on_condition(UNREADY, 2.0) is None
    assert notes.on_condition(UNREADY, 2.0 + PATIENCE_S) == f"the server is not ready: {UNREADY.problems[0]}"
    assert notes.on_condition(UNREADY, 9.0) is None
    assert notes.on_condition(READY, 10.0) == "the server is ready again"
    assert notes.on_condition(READY, 11.0) is None


def test_a_worker_that_is_replaced_at_once_is_no_news_nor_is_the_end() -> None:
    notes = OperatorNotes()
    for now in range(0, 10, 2):
        assert notes.on_condition(READY, now) is None
        assert notes.on_condition(UNREADY, now + 1) is None
    draining = judge(EMPTY, draining=True)
    assert notes.on_condition(draining, 200.0) is None
    assert notes.on_condition(draining, 300.0) is None


def test_refusals_are_told_at_once_and_then_summed_up() -> None:
    notes, refusals = OperatorNotes(), dict.fromkeys(Reason, 0)
    assert notes.on_refusals(refusals, 0.0) is None
    refusals[Reason.QUEUE_FULL] = 1
    assert notes.on_refusals(refusals, 1.0) == {"queue_full": 1}
    refusals[Reason.QUEUE_FULL], refusals[Reason.CLIENT_LIMIT] = 500, 2
    assert notes.on_refusals(refusals, 1.0 + REPEAT_S / 2) is None
    assert notes.on_refusals(refusals, 1.0 + REPEAT_S) == {"client_limit": 2, "queue_full": 499}
    assert notes.on_refusals(refusals, 9 * REPEAT_S) is None
