from filewarden.broker.backoff import FAILURES_TO_OPEN, LONGEST_DELAY_S, Backoff, Breaker


def test_a_first_start_may_happen_at_once() -> None:
    assert Backoff(lambda: 0.5).may_start(0.0)


def test_delays_double_up_to_the_longest() -> None:
    subject = Backoff(lambda: 0.5)
    delays = [subject.failed(0.0) for _ in range(8)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_DELAY_S, LONGEST_DELAY_S]


def test_jitter_spreads_the_delay_by_a_quarter() -> None:
    assert Backoff(lambda: 0.0).failed(0.0) == 0.75
    assert Backoff(lambda: 0.999).failed(0.0) < 1.25


def test_nothing_starts_before_the_delay_is_over() -> None:
    subject = Backoff(lambda: 0.5)
    subject.failed(100.0)
    assert not subject.may_start(100.9)
    assert subject.may_start(101.0)


def test_q14_the_breaker_opens_after_five_failures_and_tries_one_at_a_time() -> None:
    subject = Backoff(lambda: 0.5)
    for _ in range(FAILURES_TO_OPEN):
        assert subject.breaker() is Breaker.CLOSED
        subject.failed(0.0)
    assert subject.breaker() is Breaker.OPEN
    subject.started()
    assert subject.breaker() is Breaker.HALF_OPEN
    assert not subject.may_start(1000.0)


def test_one_success_forgets_all_failures() -> None:
    subject = Backoff(lambda: 0.5)
    for _ in range(7):
        subject.failed(0.0)
    subject.succeeded()
    assert subject.breaker() is Breaker.CLOSED
    assert subject.may_start(0.0)
