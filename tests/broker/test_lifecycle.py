import pytest

from filewarden.broker.lifecycle import TRANSITIONS, Event, IllegalTransitionError, State, advance


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_an_event_is_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert advance(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransitionError, match=event.name):
            advance(state, event)


def test_every_living_state_can_be_condemned_and_can_die() -> None:
    for state in (State.STARTING, State.IDLE, State.BUSY):
        assert advance(state, Event.CONDEMNED) is State.STOPPING
        assert advance(state, Event.EXITED) is State.DEAD
    assert advance(State.STOPPING, Event.EXITED) is State.DEAD


def test_nothing_leaves_death() -> None:
    assert not [row for row in TRANSITIONS if row[0] is State.DEAD]


def test_only_an_idle_worker_gets_a_call() -> None:
    assert [state for state, event in TRANSITIONS if event is Event.ASSIGNED] == [State.IDLE]
