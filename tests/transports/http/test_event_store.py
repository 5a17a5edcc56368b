from collections.abc import Callable

import pytest

from filewarden.broker.holdings import Holdings
from filewarden.transports.http import event_store
from filewarden.transports.http.event_store import EventStore, SessionEvents, event_id, read_event_id

PLENTY = 64 * 1024 * 1024


@pytest.fixture
def holdings() -> Holdings:
    return Holdings()


@pytest.fixture
def open_session(holdings: Holdings) -> Callable[[], SessionEvents]:
    store = EventStore(holdings, all_bytes=100)
    return lambda: SessionEvents(store)


def test_a_stream_is_found_as_long_as_nothing_after_the_event_is_missing(
    open_session: Callable[[], SessionEvents],
) -> None:
    events = open_session()
    track, other = events.open(), events.open()
    for framed in (b"a", b"b", b"c"):
        events.append(track, framed, 0.0)
        events.append(other, b"x", 0.0)
    assert events.find(0, 1, 0.0) is track
    assert track.after(1) == [b"b", b"c"]
    assert events.find(0, 3, 0.0) is track
    assert track.after(3) == []
    assert events.find(0, 4, 0.0) is None
    assert events.find(2, 0, 0.0) is None
    events.evict_oldest()
    assert events.find(0, 0, 0.0) is None
    assert events.find(0, 1, 0.0) is track
    assert events.find(1, 0, 0.0) is other


def test_each_bound_drops_the_oldest(open_session: Callable[[], SessionEvents], holdings: Holdings) -> None:
    events = open_session()
    track = events.open()
    for number in range(event_store.MAX_EVENTS + 5):
        events.append(track, b"", float(number) / 1000)
    assert track.first == 6
    events.append(track, b"0123456789", 10.0)
    events.expire(10.0 + event_store.MAX_AGE_S)
    assert track.after(0) == [b"0123456789"]
    assert holdings.bytes == 10
    events.expire(10.1 + event_store.MAX_AGE_S)
    assert track.after(0) == []
    assert holdings.bytes == 0
    assert track.first == track.last + 1


def test_a_session_keeps_no_more_bytes_than_its_bound() -> None:
    store = EventStore(Holdings(), PLENTY)
    events = SessionEvents(store)
    track = events.open()
    for _ in range(5):
        events.append(track, b"x" * (event_store.MAX_BYTES // 4), 0.0)
    assert track.first == 2
    events.append(track, b"x" * (event_store.MAX_BYTES + 1), 0.0)
    assert track.after(0) == []
    assert events.find(0, 5, 0.0) is None
    assert events.find(0, 6, 0.0) is track
    assert events.bytes == 0


def test_where_all_hold_too_much_the_one_that_holds_the_most_gives_way(
    open_session: Callable[[], SessionEvents], holdings: Holdings
) -> None:
    greedy, modest = open_session(), open_session()
    large, small = greedy.open(), modest.open()
    modest.append(small, b"x" * 20, 0.0)
    for _ in range(4):
        greedy.append(large, b"x" * 30, 1.0)
    assert small.after(0) == [b"x" * 20]
    assert large.first == 3
    assert holdings.bytes == 80
    third = open_session()
    third.append(third.open(), b"x" * 40, 2.0)
    assert (holdings.bytes, large.first) == (90, 4)


def test_a_stream_that_is_over_is_forgotten_with_its_last_event(open_session: Callable[[], SessionEvents]) -> None:
    events = open_session()
    track = events.open()
    events.append(track, b"a", 0.0)
    events.finish(track)
    assert events.find(0, 1, event_store.MAX_AGE_S) is track
    assert events.find(0, 1, event_store.MAX_AGE_S + 1) is None


def test_a_session_that_ends_keeps_nothing(holdings: Holdings) -> None:
    store = EventStore(holdings, PLENTY)
    events = SessionEvents(store)
    events.append(events.open(), b"abc", 0.0)
    store.forget(events)
    assert holdings.bytes == 0
    assert events.find(0, 0, 0.0) is None


def test_event_ids_are_read_as_they_are_written(open_session: Callable[[], SessionEvents]) -> None:
    events = open_session()
    events.open()
    assert read_event_id(event_id(events.open(), 7)) == (1, 7)


@pytest.mark.parametrize(
    "value", [b"", b"1", b"-", b"1-", b"-1", b"1-2-3", b"a-1", b"1-b", b" 1-2", b"1-\xb2", b"1" * 99]
)
def test_other_ids_are_none_of_ours(value: bytes) -> None:
    assert read_event_id(value) is None
