"""What is kept of workers until all is known of their ends."""

from filewarden.broker.deaths import STUCK_AFTER_S, Deaths
from filewarden.broker.exits import REMEMBERED_CRASHES
from tests.broker.conftest import MakeCall


def test_a_killed_worker_is_stuck_when_it_does_not_die_in_time(make_call: MakeCall) -> None:
    deaths, call = Deaths(), make_call()
    deaths.condemned(1, call, 0.0)
    deaths.condemned(2, None, 1.0)
    assert deaths.stuck(STUCK_AFTER_S) == []
    assert deaths.stuck(STUCK_AFTER_S + 0.5) == [call]
    assert deaths.stuck(STUCK_AFTER_S + 1.5) == [call, None]
    deaths.buried(1)
    deaths.buried(3)
    assert deaths.stuck(STUCK_AFTER_S + 1.5) == [None]


def test_a_crash_is_explained_once(make_call: MakeCall) -> None:
    deaths, call = Deaths(), make_call()
    deaths.crashed(1, call)
    assert deaths.explained(2) is None
    assert deaths.explained(1) is call
    assert deaths.explained(1) is None


def test_what_nobody_explains_is_kept_no_longer(make_call: MakeCall) -> None:
    deaths = Deaths()
    deaths.crashed(1, make_call())
    deaths.nobody_explains()
    assert deaths.explained(1) is None


def test_only_so_many_crashes_are_remembered(make_call: MakeCall) -> None:
    deaths = Deaths()
    for serial in range(REMEMBERED_CRASHES + 1):
        deaths.crashed(serial, make_call())
    assert deaths.explained(0) is None
    assert deaths.explained(1) is not None
