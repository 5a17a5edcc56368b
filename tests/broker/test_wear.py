from itertools import pairwise

from filewarden.broker.pool import Kind, Pool
from filewarden.broker.wear import CALM_S, FAILURES_TO_EJECT, Wear

POOL = Pool(
    kind=Kind.READING,
    size=2,
    spares=1,
    recycle_after_calls=100,
    recycle_after_s=60.0,
    recycle_above_bytes=1000,
    start_timeout_s=5.0,
    memory_bytes=1,
)


def wear(jitter: float = 0.0) -> Wear:
    subject = Wear(POOL, lambda: jitter)
    subject.began(1)
    return subject


def failing(subject: Wear, count: int, now: float, serial: int = 1) -> list[bool]:
    return [subject.answered(serial, is_failure=True, now=now) for _ in range(count)]


def test_calls_age_and_memory_wear_a_worker_out_each_by_itself() -> None:
    subject = wear()
    assert not subject.is_worn(1, 99, 59.9)
    assert subject.is_worn(1, 100, 0.0)
    assert subject.is_worn(1, 1, 60.0)
    assert [subject.is_heavy(1, 1000), subject.is_heavy(1, 1001)] == [False, True]


def test_good_answers_go_on_as_long_as_it_is_not_worn_out() -> None:
    subject = wear()
    for calls, age_s in ((0, 0.0), (500, 60.0), (10_000_000, 0.0), (0, 10_000_000.0)):
        assert subject.goes_on(1, calls, age_s) is not subject.is_worn(1, calls, age_s)


def test_a_good_answer_that_goes_on_clears_a_worker_too() -> None:
    subject = wear()
    failing(subject, FAILURES_TO_EJECT - 1, 0.0)
    assert subject.goes_on(1, 1, 0.0)
    assert failing(subject, FAILURES_TO_EJECT, 0.0) == [False] * (FAILURES_TO_EJECT - 1) + [True]


def test_a_worker_gets_no_more_calls_ahead_than_it_may_serve() -> None:
    subject = wear()
    assert [subject.calls_left(1, calls, 0.0) for calls in (90, 99, 100, 101)] == [10, 1, 0, 0]
    assert subject.calls_left(1, 90, 60.0) == 0
    subject.note(1, is_failure=True)
    assert subject.calls_left(1, 90, 0.0) == 0


def test_workers_that_began_together_do_not_go_together() -> None:
    subject = wear(jitter=0.9)
    assert not subject.is_worn(1, 108, 65.0)
    assert subject.is_worn(1, 110, 0.0)
    assert subject.is_worn(1, 1, 66.0)
    assert [subject.is_heavy(1, 900), subject.is_heavy(1, 920)] == [False, True]


def test_a_worker_that_only_fails_is_ejected() -> None:
    subject = wear()
    assert failing(subject, FAILURES_TO_EJECT, 1.0) == [False] * (FAILURES_TO_EJECT - 1) + [True]
    assert subject.ejections == 1


def test_one_good_answer_between_failures_clears_a_worker() -> None:
    subject = wear()
    failing(subject, FAILURES_TO_EJECT - 1, 1.0)
    assert not subject.answered(1, is_failure=False, now=1.0)
    assert not any(failing(subject, FAILURES_TO_EJECT - 1, 1.0))


def test_where_every_worker_fails_ejections_become_seldom_and_after_a_calm_early_again() -> None:
    subject = wear(jitter=0.5)
    at = []
    for serial in range(2, 202):
        subject.began(serial)
        now = float(serial)
        if any(failing(subject, FAILURES_TO_EJECT, now, serial)):
            at.append(now)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert set(gaps[5:]) == {32.0}
    calm = at[-1] + CALM_S
    assert any(failing(subject, FAILURES_TO_EJECT, calm))
    subject.began(300)
    assert any(failing(subject, FAILURES_TO_EJECT, calm + 1.0, 300))
