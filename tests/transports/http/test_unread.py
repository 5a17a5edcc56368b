"""What is held for clients that do not read, all together."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from starlette.types import Receive, Scope, Send

from filewarden.broker.holdings import Holdings
from filewarden.transports.http.listener import HttpListener
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.sockets import bind, port_of
from filewarden.transports.http.streams import EventStream
from filewarden.transports.http.unread import Unread
from filewarden.transports.loop import new_loop

LARGE = 16 * 1024 * 1024


class Reader:
    def __init__(self) -> None:
        self.is_dropped = False

    def drop(self) -> None:
        self.is_dropped = True


def test_what_is_held_is_told_and_given_back() -> None:
    holdings = Holdings()
    unread, readers = Unread(holdings, 100), (Reader(), Reader())
    for size in (10, 40, 5):
        unread.note(readers[0], size)
        unread.note(readers[1], 60)
        assert holdings.bytes == size + 60
    for reader in readers:
        unread.note(reader, 0)
    assert holdings.bytes == 0
    assert not any(each.is_dropped for each in readers)


def test_whoever_left_the_most_gives_way() -> None:
    holdings = Holdings()
    unread, readers = Unread(holdings, 100), [Reader() for _ in range(3)]
    for reader, size in zip(readers, (20, 70, 60), strict=True):
        unread.note(reader, size)
    assert [each.is_dropped for each in readers] == [False, True, False]
    assert holdings.bytes == 80
    unread.note(readers[0], 101)
    assert [each.is_dropped for each in readers] == [True, True, False]
    assert holdings.bytes == 60


def test_streams_share_one_bound() -> None:
    dropped: list[int] = []
    holdings = Holdings()
    unread = Unread(holdings, 100)
    streams = [EventStream(b"", partial(dropped.append, number), unread=unread) for number in range(3)]
    for size in (10, 20, 30):
        for number, stream in enumerate(streams):
            stream.push(bytes(size + number))
    assert dropped == [0, 2]
    assert holdings.bytes == 63


@pytest.mark.parametrize("all_bytes", [2 * LARGE, 1024], ids=["little", "too much"])
@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, new_loop], ids=["asyncio", "default"])
def test_an_answer_that_is_not_read_is_held_for_its_client(
    make_loop: Callable[[], asyncio.AbstractEventLoop], all_bytes: int
) -> None:
    holdings = Holdings()
    turned_away: list[str] = []
    is_sent = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % LARGE)]})
        await send({"type": "http.response.body", "body": bytes(LARGE)})
        is_sent.set()

    async def main() -> None:
        sockets = bind("http.port", "127.0.0.1", 0)
        limits, unread = ConnectionLimits(connections=1), Unread(holdings, all_bytes)
        listener = HttpListener(sockets, app, limits, turned_away.append, unread)
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(sockets))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(20):
            await is_sent.wait()
            if all_bytes > LARGE:
                assert LARGE / 4 < holdings.bytes <= LARGE + 1024
                await reader.readexactly(LARGE)
            else:
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(LARGE)
                assert turned_away == ["slow_reader"]
            writer.close()
            while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            assert holdings.bytes == 0
        await listener.stop(0.2)

    loop = make_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
