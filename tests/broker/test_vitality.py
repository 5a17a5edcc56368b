from filewarden.broker.pool import Kind
from filewarden.broker.vitality import LATE_S, Vitality

UP, DOWN = [(Kind.READING, True), (Kind.WRITING, True)], [(Kind.READING, True), (Kind.WRITING, False)]


def test_a_pool_has_the_time_of_a_start_to_find_a_worker_again() -> None:
    vitality = Vitality()
    seen = [
        vitality.fault(now, pools, start_timeout_s=2.0, overdue_s=0.0)
        for now, pools in ((0.0, DOWN), (2.0, DOWN), (2.1, UP), (3.0, DOWN), (5.0, DOWN), (5.1, DOWN), (5.2, UP))
    ]
    assert [fault is None for fault in seen] == [True, True, True, True, True, False, True]
    assert "read-write" in str(seen[5])


def test_a_call_that_no_deadline_has_ended_is_a_fault() -> None:
    vitality = Vitality()
    assert vitality.fault(0.0, UP, start_timeout_s=2.0, overdue_s=LATE_S) is None
    assert vitality.fault(0.0, UP, start_timeout_s=2.0, overdue_s=LATE_S + 0.1) is not None
