import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from filewarden.broker.holdings import Holdings
from filewarden.transports.http.event_store import EventStore, SessionEvents
from filewarden.transports.http.resumable import Streams, UnknownEventError
from filewarden.transports.http.streams import EventStream


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="time")
def movable_time() -> Clock:
    return Clock()


@pytest.fixture
def streams(time: Clock) -> Streams:
    return Streams(SessionEvents(EventStore(Holdings(), 1_000_000)), time)


def connection() -> EventStream:
    return EventStream(b"", lambda: None)


def sent(stream: EventStream) -> bytes:
    """Everything that a connection sends until it ends, which it does now at the latest."""
    parts: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        parts.append(message.get("body", b""))

    stream.end()
    asyncio.run(stream.run(receive, send))
    return b"".join(parts)


def shown(stream: int, number: int, data: str) -> bytes:
    return f"id: {stream}-{number}\nevent: message\ndata: {data}\n\n".encode()


def test_what_was_sent_before_the_connection_comes_first(streams: Streams) -> None:
    stream = streams.open()
    stream.send(b"1")
    carrier = connection()
    stream.connect(carrier, after=0, is_primed=False)
    stream.send(b"2")
    stream.finish()
    assert sent(carrier) == shown(1, 1, "1") + shown(1, 2, "2")


def test_a_primed_connection_starts_with_the_place_to_come_back_to(streams: Streams) -> None:
    stream, carrier, again = streams.open(), connection(), connection()
    stream.connect(carrier, after=0, is_primed=True)
    stream.send(b"1")
    assert sent(carrier) == b"id: 1-0\nretry: 500\ndata:\n\n" + shown(1, 1, "1")
    stream.disconnect(carrier)
    stream.send(b"2")
    stream.finish()
    found, after = streams.find(b"1-1")
    found.connect(again, after=after, is_primed=True)
    assert sent(again) == b"id: 1-1\nretry: 500\ndata:\n\n" + shown(1, 2, "2")


def test_a_stream_is_taken_up_and_goes_on(streams: Streams) -> None:
    stream, other, again = streams.open(), streams.open(), connection()
    for data in (b"1", b"2", b"3"):
        stream.send(data)
        other.send(b"other")
    found, after = streams.find(b"1-2")
    assert (found, after) == (stream, 2)
    found.connect(again, after=after, is_primed=False)
    stream.send(b"4")
    stream.finish()
    assert sent(again) == shown(1, 3, "3") + shown(1, 4, "4")


def test_a_stream_that_is_over_can_be_read_again_and_then_ends(streams: Streams) -> None:
    stream, again = streams.open(), connection()
    stream.send(b"1")
    stream.finish()
    streams.open()
    found, after = streams.find(b"1-0")
    found.connect(again, after=after, is_primed=False)
    assert not found.is_connected
    assert sent(again) == shown(1, 1, "1")


def test_a_connection_that_was_lost_without_notice_is_replaced(streams: Streams) -> None:
    stream, lost, again = streams.open(), connection(), connection()
    stream.connect(lost, after=0, is_primed=False)
    stream.connect(again, after=0, is_primed=False)
    stream.disconnect(lost)
    stream.send(b"1")
    assert stream.is_connected
    assert sent(lost) == b""
    assert sent(again) == shown(1, 1, "1")


def test_nobody_listening_the_general_stream_keeps_what_comes_and_sends_it_once(streams: Streams) -> None:
    first, second = connection(), connection()
    streams.general.send(b"1")
    streams.general.connect(first, after=None, is_primed=False)
    streams.general.disconnect(first)
    streams.general.send(b"2")
    streams.general.connect(second, after=None, is_primed=False)
    assert sent(first) == shown(0, 1, "1")
    assert sent(second) == shown(0, 2, "2")


@pytest.mark.parametrize("place", [b"", b"x", b"9-0", b"1-2", b"1-1, 1-1", b"1--1"])
def test_an_unknown_place_is_refused(streams: Streams, place: bytes) -> None:
    streams.open().send(b"1")
    with pytest.raises(UnknownEventError):
        streams.find(place)


def test_a_place_that_is_too_old_is_refused(streams: Streams, time: Clock) -> None:
    stream = streams.open()
    stream.send(b"1")
    time.now = 400.0
    with pytest.raises(UnknownEventError):
        streams.find(b"1-0")
    assert streams.find(b"1-1") == (stream, 1)
    stream.finish()
    with pytest.raises(UnknownEventError):
        streams.find(b"1-1")


def test_letting_go_ends_every_connection_but_no_stream(streams: Streams) -> None:
    stream, carrier, general = streams.open(), connection(), connection()
    stream.connect(carrier, after=0, is_primed=False)
    streams.general.connect(general, after=None, is_primed=False)
    assert streams.is_read
    streams.end_connections()
    stream.send(b"late")
    assert sent(carrier) == b""
    stream.disconnect(carrier)
    streams.general.disconnect(general)
    assert not streams.is_read
    assert streams.find(b"1-0") == (stream, 0)
