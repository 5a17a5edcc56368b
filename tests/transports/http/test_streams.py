import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from filewarden.transports.http import streams
from filewarden.transports.http.streams import EventStream, event
from tests.drivers.busy import BUSY_S

Message = MutableMapping[str, Any]
Body = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The ASGI server's side of a stream."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.has_body = asyncio.Event()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.has_body.set()

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def run(body: Body) -> None:
    async def main() -> None:
        await asyncio.wait_for(body(Peer()), 20)

    asyncio.run(main())


def test_events_are_sent_in_order_and_the_end_closes_the_body() -> None:
    async def body(peer: Peer) -> None:
        stream = EventStream(b": ping\n\n", lambda: None)
        stream.push(event(b"a", b"1"))
        stream.push(event(b"b", b"2"))
        stream.end()
        stream.push(event(b"c", b"3"))
        await stream.run(peer.receive, peer.send)
        assert peer.text == b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n"
        assert not peer.sent[-1].get("more_body", False)

    run(body)


def test_a_client_that_leaves_ends_the_stream_and_what_waits_is_dropped() -> None:
    async def body(peer: Peer) -> None:
        stream = EventStream(b"", lambda: None)
        task = asyncio.ensure_future(stream.run(peer.receive, peer.send))
        await asyncio.sleep(0)
        peer.gone.set()
        await task

    run(body)


def test_too_many_events_lose_the_stream_once() -> None:
    async def body(peer: Peer) -> None:
        overflows: list[None] = []
        stream = EventStream(b"", lambda: overflows.append(None))
        for _ in range(streams.MAX_EVENTS + 10):
            stream.push(b"x")
        assert len(overflows) == 1
        await stream.run(peer.receive, peer.send)
        assert peer.text == b""

    run(body)


def test_too_many_bytes_lose_the_stream_but_one_event_may_be_of_any_size() -> None:
    overflows: list[None] = []
    stream = EventStream(b"", lambda: overflows.append(None))
    stream.push(b"x" * (streams.MAX_BYTES + 1))
    assert overflows == []
    stream.push(b"x")
    assert overflows == [None]


def test_an_idle_stream_is_kept_alive() -> None:
    async def body(peer: Peer) -> None:
        stream = EventStream(b": ping\n\n", lambda: None, keep_alive_s=0.02)
        task = asyncio.ensure_future(stream.run(peer.receive, peer.send))
        await peer.has_body.wait()
        assert peer.text == b": ping\n\n"
        stream.end()
        await task

    run(body)


def test_streams_that_were_opened_together_are_not_all_kept_alive_at_once() -> None:
    async def body(_: Peer) -> None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()

        async def first() -> float:
            peer, stream = Peer(), EventStream(b":\n\n", lambda: None, keep_alive_s=0.4)
            task = asyncio.ensure_future(stream.run(peer.receive, peer.send))
            await peer.has_body.wait()
            came_s = loop.time() - began_at
            stream.end()
            await task
            return came_s

        came = await asyncio.gather(*(first() for _ in range(40)))
        assert min(came) >= 0.2
        assert max(came) - min(came) > 0.04  # of 0.2 that there are

    run(body)


def test_streams_are_kept_alive_every_15_seconds() -> None:
    assert streams.KEEP_ALIVE_S == 15.0


def test_a_silent_stream_ends_but_keep_alives_are_no_news() -> None:
    async def body(peer: Peer) -> None:
        stream = EventStream(b":\n\n", lambda: None, keep_alive_s=0.02, silent_s=0.2)
        started_at = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(0.1, stream.push, event(b"a", b"1", b"1-1"))
        await stream.run(peer.receive, peer.send)
        assert 0.28 < asyncio.get_running_loop().time() - started_at < 2 + BUSY_S
        assert peer.text.replace(b":\n\n", b"") == b"id: 1-1\nevent: a\ndata: 1\n\n"

    run(body)
