"""The listener with an application of the test's own, on a loop in this process."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
import struct
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.transports.http import bounded, listener as listener_module
from filewarden.transports.http.listener import HttpListener
from filewarden.transports.http.peer import SCOPE_KEY, peer_of
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.sockets import bind, port_of
from filewarden.transports.loop import new_loop
from tests.drivers.busy import BUSY_S

Body = Callable[[int, HttpListener], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


async def flood(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(100):
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    await send({"type": "http.response.body"})


async def never(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.fixture(params=[asyncio.new_event_loop, new_loop], ids=["asyncio", "default"])
def listen(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a function beside a listener, which is stopped afterwards; what was refused or dropped must be counted."""

    def listen(app: ASGIApp, body: Body, limits: ConnectionLimits, counted: tuple[str, ...] = ()) -> None:
        async def main() -> None:
            sockets = bind("http.port", "127.0.0.1", 0)
            turned_away: list[str] = []
            listener = HttpListener(sockets, app, limits, turned_away.append)
            await listener.start()
            try:
                await asyncio.wait_for(body(port_of(sockets), listener), 30)
            finally:
                await listener.stop(0.2)
            assert tuple(turned_away) == counted

        loop: asyncio.AbstractEventLoop = request.param()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()

    return listen


@pytest.mark.parametrize(
    "beginning",
    [b"", b"\r\n", b"G", b"\r\nG", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"],
)
def test_a_request_that_does_not_arrive_loses_its_connection(listen: Callable[..., None], beginning: bytes) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(beginning)
        started_at = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert time.monotonic() - started_at < 5 + BUSY_S
        writer.close()

    listen(never, body, ConnectionLimits(connections=5, request_s=0.1), ("slow_sender",))


def test_a_connection_that_rests_between_requests_is_kept(listen: Callable[..., None]) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(REQUEST)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"hi"
            await asyncio.sleep(0.1)
        writer.close()

    listen(hello, body, ConnectionLimits(connections=5, request_s=0.05))


def test_a_connection_whose_body_came_after_the_answer_is_closed_when_it_rests(
    listen: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of anybody without a credential, whose body nobody waits for."""
    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", 0.2)

    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        await reader.readuntil(b"hi")
        writer.write(b"body")
        assert await reader.read() == b""
        writer.close()

    listen(hello, body, ConnectionLimits(connections=5))


@pytest.mark.parametrize("linger_s", [None, 0], ids=["closed", "reset"])
def test_a_connection_that_has_ended_needs_no_collector(listen: Callable[..., None], linger_s: int | None) -> None:
    seen: list[weakref.ref[object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(scope[SCOPE_KEY]))
        await hello(scope, receive, send)

    async def body(port: int, listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"hi")
        if linger_s is not None:
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger_s))
        writer.transport.abort()
        async with asyncio.timeout(20):
            while not (listener.is_empty and seen[0]() is None):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    gc.collect()
    gc.disable()
    try:
        listen(app, body, ConnectionLimits(connections=5))
    finally:
        gc.enable()


def test_a_client_that_does_not_read_loses_its_connection(listen: Callable[..., None]) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(REQUEST)
        await asyncio.sleep(0.6)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := await reader.read(1_000_000):
                received += len(chunk)
        assert received < 100_000_000
        writer.close()

    listen(flood, body, ConnectionLimits(connections=5, stalled_s=0.1), ("slow_reader",))


def test_a_client_that_was_refused_is_not_asked_for_its_body(listen: Callable[..., None]) -> None:
    async def body(port: int, listener: HttpListener) -> None:
        mistakes: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: mistakes.append(context))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        expecting = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(expecting + b"3\r\nabc\r\n" + b"no chunk\r\n\r\n")
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert said.count(b"HTTP/1.1") == 1
        writer.close()
        while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        assert mistakes == []

    listen(never, body, ConnectionLimits(connections=5))


def test_a_client_that_never_reads_the_last_answers_is_not_waited_for(
    listen: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So little of them waits that nothing is held back for it, and the connection is to be closed for it rests."""
    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", 0.3)
    waiting: list[int] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"32768")]})
        await send({"type": "http.response.body", "body": bytes(32768)})
        await asyncio.sleep(0)
        waiting.append(scope[SCOPE_KEY].transport.get_write_buffer_size())

    async def body(port: int, listener: HttpListener) -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        for sent in range(1, 2000):
            writer.write(REQUEST)
            while len(waiting) < sent:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            if waiting[-1]:
                break
        assert 0 < waiting[-1] <= 65536
        while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        writer.close()

    listen(app, body, ConnectionLimits(connections=5, stalled_s=0.3), ("slow_reader",))


async def trusting(scope: Scope, receive: Receive, send: Send) -> None:
    peer_of(scope).trust("somebody")
    await hello(scope, receive, send)


async def greeted(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection over which a request was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await reader.readuntil(b"hi")
    return reader, writer


@pytest.mark.parametrize("said", [b"", b"GET / HT", REQUEST], ids=["nothing", "something", "all"])
def test_whoever_has_shown_nothing_makes_way_for_others(listen: Callable[..., None], said: bytes) -> None:
    is_trusted = [True, *(False for _ in range(4)), True]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (trusting if is_trusted.pop(0) else hello)(scope, receive, send)

    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await greeted(port)
        strangers = []
        for _ in range(4):
            strangers.append(await asyncio.open_connection("127.0.0.1", port))
            strangers[-1][1].write(said)
            if said == REQUEST:
                await strangers[-1][0].readuntil(b"hi")
        for stranger, _ in strangers[:2]:  # three connections may be open
            assert (await stranger.read()).startswith(b"HTTP/1.1 503 ")
        is_trusted[:] = [True]
        writer.write(REQUEST)
        await reader.readuntil(b"hi")
        for each in (writer, *(writer for _, writer in strangers)):
            each.close()

    listen(app, body, ConnectionLimits(connections=3), ("connections",) * 2)


@pytest.mark.parametrize("is_at_rest", [True, False], ids=["at rest", "busy"])
def test_what_a_principal_has_beyond_its_share_makes_way_for_others(
    listen: Callable[..., None], *, is_at_rest: bool
) -> None:
    callers = ["much", "much", "much", "little", "other"]
    waiting = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        peer_of(scope).trust(callers.pop(0))
        if scope["path"] == "/busy":
            waiting.set()
            await never(scope, receive, send)
        else:
            await hello(scope, receive, send)

    async def body(port: int, _listener: HttpListener) -> None:
        kept = [await greeted(port) for _ in range(2)]
        if is_at_rest:
            surplus = await greeted(port)
        else:
            surplus = await asyncio.open_connection("127.0.0.1", port)
            surplus[1].write(REQUEST.replace(b"/ ", b"/busy "))
            await waiting.wait()
        others = [await greeted(port) for _ in range(2)]  # four connections may be open, two of one principal
        with contextlib.suppress(ConnectionError):
            assert await surplus[0].read() == b"", "what it has asked may have been done"
        callers[:] = ["much", "much", "little", "other"]
        for reader, writer in (*kept, *others):
            writer.write(REQUEST)
            await reader.readuntil(b"hi")
        for _, writer in (*kept, surplus, *others):
            writer.close()

    listen(app, body, ConnectionLimits(connections=4, most_of_one=2), ("connections",))


def test_what_makes_way_is_not_waited_for_though_it_leaves_an_answer_unread(listen: Callable[..., None]) -> None:
    """It would hold its place on for a minute, and twice as many as there may be are not even heard."""
    callers, unread = ["much", "much", "little", "other"], asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        peer_of(scope).trust(callers.pop(0))
        await hello(scope, receive, send)
        if scope["path"] == "/unread":
            connection = scope[SCOPE_KEY]
            while not connection.transport.get_write_buffer_size():
                connection.transport.write(bytes(32768))
                await asyncio.sleep(0)
            assert connection.is_at_rest
            unread.set()

    async def body(port: int, listener: HttpListener) -> None:
        others = [await greeted(port)]
        _, surplus = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        surplus.write(REQUEST.replace(b"/ ", b"/unread "))
        await unread.wait()
        others += [await greeted(port) for _ in range(2)]  # three connections may be open, one of one principal
        for _, writer in others:
            writer.close()
        async with asyncio.timeout(15):
            while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        surplus.close()

    listen(app, body, ConnectionLimits(connections=3, most_of_one=1), ("connections",))


def test_what_makes_way_is_not_done(listen: Callable[..., None]) -> None:
    heard: list[str] = []

    async def app(scope: Scope, receive: Receive, _send: Send) -> None:
        connection: Any = peer_of(scope)
        connection.make_way()
        heard.append((await receive())["type"])

    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        assert heard == ["http.disconnect"]
        writer.close()

    listen(app, body, ConnectionLimits(connections=1), ("connections",))


def test_whoever_makes_way_and_reads_nothing_is_not_waited_for(
    listen: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "LINGER_S", 0.1)
    has_made_way = asyncio.Event()

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        connection: Any = peer_of(scope)
        with contextlib.suppress(BlockingIOError):  # until not even the system takes more
            while True:
                os.write(connection.transport.get_extra_info("socket").fileno(), bytes(65_536))
        connection.make_way()
        has_made_way.set()

    async def body(port: int, listener: HttpListener) -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(REQUEST)
        async with asyncio.timeout(20):
            await has_made_way.wait()
            while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        writer.close()

    listen(app, body, ConnectionLimits(connections=1), ("connections",))


def test_whoever_was_refused_makes_way_with_that_answer(listen: Callable[..., None]) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        refused, refused_writer = await asyncio.open_connection("127.0.0.1", port)
        refused_writer.write(b"no request\r\n\r\n")
        said = await refused.readuntil(b"\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"hi")
        said += await refused.read()
        assert (said[:13], said.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 400 ", 1)
        refused_writer.close()
        writer.close()

    listen(hello, body, ConnectionLimits(connections=1), ("connections",))


def test_far_too_many_connections_are_closed_unheard(listen: Callable[..., None]) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        open_ones = [await greeted(port) for _ in range(2)]
        open_ones += [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, _writer = open_ones[-1]
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        for _reader, writer in open_ones:
            writer.close()

    listen(trusting, body, ConnectionLimits(connections=2), ("connections",) * 3)


def test_without_descriptors_clients_are_told_so_and_nothing_spins(listen: Callable[..., None]) -> None:
    async def body(port: int, _listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = socket.socket()
        with no_descriptors_left():
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            answer = b""
            while chunk := await asyncio.get_running_loop().sock_recv(client, 65_536):
                answer += chunk
            used_s = time.process_time()
            await asyncio.sleep(0.2)
            assert time.process_time() - used_s < 0.1
            writer.write(REQUEST)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        client.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in answer
        _reader, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(REQUEST)
        assert b"200 OK" in await _reader.readuntil(b"\r\n\r\n")
        for each in (writer, other):
            each.close()

    listen(hello, body, ConnectionLimits(connections=5), ("no_descriptors",))


@contextlib.contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Fill every number below a limit that is close."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 8, limits[1]))
    taken = [lowest]
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in taken:
            os.close(each)


def test_stopping_ends_what_does_not_end_itself(listen: Callable[..., None]) -> None:
    entered = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await never(scope, receive, send)

    async def body(port: int, listener: HttpListener) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await asyncio.wait_for(entered.wait(), 20)
        started_at = time.monotonic()
        await listener.stop(0.1)
        assert time.monotonic() - started_at < 2 + BUSY_S
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    listen(endless, body, ConnectionLimits(connections=5))
