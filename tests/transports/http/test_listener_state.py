"""Whose connection is ended for another one."""

import weakref

from filewarden.transports.http.listener_state import ListenerState


class Connection:
    """One that only notes what is done with it."""

    def __init__(self, state: ListenerState, *, is_at_rest: bool = True) -> None:
        self.is_at_rest = is_at_rest
        self.has_made_way = False
        state.came(self)

    def make_way(self) -> None:
        self.has_made_way = True


def test_what_is_kept_makes_no_way_and_the_rest_goes_in_order() -> None:
    state = ListenerState()
    stranger = Connection(state)
    kept = [Connection(state) for _ in range(3)]
    busy, resting = Connection(state, is_at_rest=False), Connection(state)
    for connection, principal in zip((*kept, busy, resting), ("ann", "ann", "bob", "ann", "ann"), strict=True):
        state.trust(connection, principal, 2)
        state.trust(connection, principal, 2)
    for each in (resting, stranger, busy):
        assert not each.has_made_way
        assert state.displace()
        assert each.has_made_way
    assert not state.displace()
    assert not any(each.has_made_way for each in kept)


def test_what_is_closed_makes_room_in_its_principal_s_share() -> None:
    state = ListenerState()
    first, second = Connection(state), Connection(state)
    state.trust(first, "ann", 1)
    state.trust(second, "ann", 1)
    state.went(first)
    state.trust(second, "ann", 1)
    assert not state.displace()
    state.went(second)
    gone = weakref.ref(second)
    del second
    assert gone() is None, "nothing is kept of whoever has left"


def test_what_is_beyond_a_share_is_kept_as_soon_as_there_is_room_in_it() -> None:
    state = ListenerState()
    first, second, third, other = (Connection(state) for _ in range(4))
    for connection, principal in ((first, "ann"), (other, "bob"), (second, "ann"), (third, "ann")):
        state.trust(connection, principal, 1)
    state.went(other)
    state.went(first)
    assert state.displace()
    assert (second.has_made_way, third.has_made_way) == (False, True)
    assert not state.displace()
    fourth = Connection(state)
    state.trust(fourth, "ann", 1)
    assert state.displace()
    assert fourth.has_made_way, "the share is as large as before"


def test_strangers_find_some_room_beside_what_a_principal_has_under_way_beyond_its_share() -> None:
    """Else each that comes would end the one before, which had no time yet to send a credential."""
    state = ListenerState()
    busy = [Connection(state, is_at_rest=False) for _ in range(13)]
    for each in busy:
        state.trust(each, "ann", 1)
    strangers = []
    for _ in range(10):
        assert state.displace()
        strangers.append(Connection(state))
    assert [each.has_made_way for each in busy] == [number in (1, 2, 3) for number in range(13)]
    assert [each.has_made_way for each in strangers] == [number < 7 for number in range(10)]
