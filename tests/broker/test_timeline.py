from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from filewarden.broker.call import Call
from filewarden.broker.ledger import BOUNDS_S, Ledger
from filewarden.broker.protocol.outcome import Failed, Reason
from filewarden.broker.timeline import STEP_S, STEPS, Timeline, percentile_ms
from filewarden.workers.errors import Code

MakeCall = Callable[..., Call]
FULL = Failed(Code.OVERLOADED, "busy", {}, Reason.QUEUE_FULL)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_each_step_has_what_happened_in_it(ledger: Ledger, make_call: MakeCall) -> None:
    timeline = Timeline(ledger, 100.0)
    for _ in range(3):
        ledger.count(make_call(), FULL, 0.002)
    timeline.roll(100.0 + STEP_S)
    ledger.count_cancelled(make_call(), 0.2)
    status = timeline.status(101.0 + STEP_S)
    assert [(step.calls, step.errors, step.refused) for step in (*status.steps, status.now)] == [(3, 3, 3), (1, 0, 0)]
    assert status.age_s == pytest.approx(1.0)
    assert 1.0 < (status.steps[0].p50_ms or 0) < 2.5


def test_nothing_is_an_honest_zero(ledger: Ledger) -> None:
    timeline = Timeline(ledger, 0.0)
    timeline.roll(4.99)
    assert timeline.status(4.99).steps == ()
    timeline.roll(15.0)
    assert [(step.calls, step.p99_ms) for step in timeline.status(15.0).steps] == [(0, None)] * 3


def test_fifteen_minutes_are_kept_however_long_nobody_looked(ledger: Ledger, make_call: MakeCall) -> None:
    timeline = Timeline(ledger, 0.0)
    ledger.count(make_call(), FULL, 0.1)
    status = timeline.status(1_000_000.0)
    assert len(status.steps) == STEPS == 900 / STEP_S
    assert 0 <= status.age_s < STEP_S


@given(st.lists(st.integers(0, 50), min_size=len(BOUNDS_S) + 1, max_size=len(BOUNDS_S) + 1))
def test_percentiles_rise_and_stay_within_the_bounds(buckets: list[int]) -> None:
    found = [percentile_ms(buckets, share) for share in (0.01, 0.5, 0.9, 0.99, 1.0)]
    if not sum(buckets):
        assert found == [None] * 5
        return
    figures = [each for each in found if each is not None]
    assert figures == sorted(figures)
    assert figures[0] >= 0
    assert figures[-1] <= 1000 * BOUNDS_S[-1]
