"""Requests that are answered without a task, for their head was let in before."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.broker.protocol.jsonrpc import Request
from filewarden.transports.http import listener as listener_module
from filewarden.transports.http.answer import CLOSE, Answer
from filewarden.transports.http.bounded import BoundedConnection
from filewarden.transports.http.connection import Connection
from filewarden.transports.http.exchange import Exchange
from filewarden.transports.http.fields import SCOPE_KEY as FIELDS_KEY, read_fields
from filewarden.transports.http.gathering import GatheringTransport
from filewarden.transports.http.listener import HttpListener
from filewarden.transports.http.modern import PlainStream
from filewarden.transports.http.peer import peer_of
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.reply import Reply, deliver
from filewarden.transports.http.sockets import bind, port_of
from filewarden.transports.http.streams import COMMENT, EventStream
from filewarden.transports.http.uvicorn_parts import HttpToolsProtocol
from filewarden.transports.loop import new_loop

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ReplyTo = Callable[[bytes], Answer | Reply]
USUAL = ConnectionLimits(connections=5)


class Later(Exchange[PlainStream]):
    """A reply that the test decides about; one that ends with its client."""

    ends_with_client = True

    def __init__(self) -> None:
        super().__init__(Request("2.0", 1, "x"), lambda: PlainStream(EventStream(COMMENT, self.close)))
        self.closed = asyncio.Event()

    async def carry(self, receive: Receive, send: Send) -> None:
        assert self.stream is not None
        await self.stream.connection.run(receive, send)

    def close(self) -> None:
        self.closed.set()


class Desk:
    """Gives every request that is not `plain` a reply of its own, which the test waits for."""

    def __init__(self) -> None:
        self._replies: asyncio.Queue[Later] = asyncio.Queue()

    def reply_to(self, body: bytes) -> Answer | Reply:
        if body != b"later":
            return Answer(200, body)
        self._replies.put_nowait(reply := Later())
        return reply

    async def next(self) -> Later:
        return await self._replies.get()


class App:
    """Lets every head in, and counts the requests that it was asked itself."""

    def __init__(self, reply_to: ReplyTo) -> None:
        self._reply_to = reply_to
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        scope[FIELDS_KEY] = read_fields(scope["headers"])
        peer_of(scope).remember(scope, self._reply_to)
        body, has_more = b"", True
        while has_more:
            message = await receive()
            body += message.get("body", b"")
            has_more = message.get("more_body", False)
        await deliver(self._reply_to(body), receive, send)


def echo(body: bytes) -> Answer:
    return Answer(200, body)


def post(body: bytes, head: bytes = b"POST / HTTP/1.1\r\nHost: x\r\n") -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The next document."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
    return await reader.readexactly(int(length))


@pytest.fixture(params=[asyncio.new_event_loop, new_loop], ids=["asyncio", "default"])
def talk(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Holds a conversation with an application over one connection."""

    def talk(
        app: ASGIApp,
        converse: Callable[..., Awaitable[None]],
        limits: ConnectionLimits = USUAL,
    ) -> None:
        async def main() -> None:
            sockets = bind("http.port", "127.0.0.1", 0)
            listener = HttpListener(sockets, app, limits)
            await listener.start()
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(sockets))
            try:
                async with asyncio.timeout(30):
                    await converse(reader, writer, listener)
            finally:
                writer.close()
                await listener.stop(0.2)

        loop: asyncio.AbstractEventLoop = request.param()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()

    return talk


def test_a_head_that_was_let_in_is_answered_without_the_application(talk: Callable[..., None]) -> None:
    app = App(echo)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        for body in (b"a", b"bb", b"c" * 1000):
            writer.write(post(body))
            assert await answer(reader) == body
        assert app.asked == 1
        writer.write(post(b"d", b"POST / HTTP/1.1\r\nHost: y\r\n"))
        assert await answer(reader) == b"d"
        assert app.asked == 2

    talk(app, converse)


def test_another_application_is_asked_at_once(talk: Callable[..., None]) -> None:
    before, after = App(echo), App(echo)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        for app in (before, after):
            listener.change(app)
            for body in (b"a", b"b"):
                writer.write(post(body))
                assert await answer(reader) == body

    talk(before, converse)
    assert (before.asked, after.asked) == (1, 1)


def test_requests_at_once_are_answered_in_their_order(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"first"))
        assert await answer(reader) == b"first"
        writer.write(post(b"later"))
        reply = await desk.next()
        writer.write(post(b"2") + post(b"3"))
        writer.write(post(b"4"))
        await writer.drain()
        await asyncio.sleep(0)
        reply.answer(b"1", 200)
        assert [await answer(reader) for _ in range(4)] == [b"1", b"2", b"3", b"4"]

    talk(App(desk.reply_to), converse)


OFFER = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize("begun", [b"later", b"at once"])
def test_many_requests_at_once_are_answered_in_their_order_though_few_are_parsed_ahead(
    talk: Callable[..., None], begun: bytes
) -> None:
    desk = Desk()
    bodies = [(b"%d\r\nu" % number) * (1 + number % 40) for number in range(400)]

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"plain"))
        assert await answer(reader) == b"plain"
        writer.write(post(begun) + b"".join(post(body, OFFER) for body in bodies))
        if begun == b"later":
            reply = await desk.next()
            writer.write(post(b"behind"))
            await writer.drain()
            reply.answer(begun, 200)
        else:
            writer.write(post(b"behind"))
        for body in (begun, *bodies, b"behind", b"last"):
            if body == b"last":
                writer.write(post(body))
            assert await answer(reader) == body

    talk(App(desk.reply_to), converse)


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


def in_chunks(body: bytes, head: bytes = HEAD, extension: bytes = b";a=b") -> bytes:
    """A request whose body comes in two of them, with all that may stand around these."""
    half = len(body) // 2
    chunks = b"".join(b"%x%s\r\n%s\r\n" % (len(each), extension, each) for each in (body[:half], body[half:]))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nUp: z\r\n\r\n"


@pytest.mark.parametrize("seed", range(8))
def test_requests_are_the_same_in_whatever_pieces_they_come(talk: Callable[..., None], seed: int) -> None:
    chance = random.Random(seed)
    bodies = [b"%d\r\nu" % number * chance.choice((1, 9, 9999)) for number in range(chance.choice((3, 30, 90)))]
    makers = (post, in_chunks, lambda body: post(body, OFFER), lambda body: in_chunks(body, OFFER))
    data = b"".join(chance.choice(makers)(body) for body in bodies)
    cuts = sorted(chance.choices(range(len(data)), k=chance.choice((0, 5, 60))))

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        async def send() -> None:
            for start, end in pairwise((0, *cuts, len(data))):
                writer.write(data[start:end])
                await writer.drain()
                await asyncio.sleep(0)

        sending = asyncio.ensure_future(send())
        for body in bodies:
            assert await answer(reader) == body
        await sending

    talk(App(echo), converse)


@pytest.mark.parametrize("head", [HEAD, OFFER], ids=["plain", "offer"])
def test_a_body_is_the_same_in_whatever_chunks_it_comes(talk: Callable[..., None], head: bytes) -> None:
    body = b"Upgrade: h2c, " * 2
    request = in_chunks(body, head, b";a=" + b"b" * 80)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        for place in range(len(request) - len(body) - 150, len(request)):  # the last line before a chunk, and that
            writer.write(request[:place])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(request[place:])
            assert await answer(reader) == body

    talk(App(echo), converse)


@pytest.mark.parametrize("head", [OFFER.replace(b"1.1", b"1.0"), OFFER.replace(b"Upgrade\r", b"close, Upgrade\r", 1)])
def test_the_body_of_an_offer_is_read_also_where_it_ends_its_connection(talk: Callable[..., None], head: bytes) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"body", head) + b"not to be read")
        assert await answer(reader) == b"body"
        assert await reader.read() == b""

    talk(App(echo), converse)


@pytest.mark.parametrize("asked", [b"later", b"plain"], ids=["known", "new"])
@pytest.mark.parametrize("followers", [0, 2])
@pytest.mark.parametrize(
    "garbage",
    [b"\0\r\n\r\n", b"GET / HTTP/1.1\r\nbad line\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200],
    ids=["nonsense", "line", "fields"],
)
def test_garbage_behind_requests_takes_nobodys_answer(
    talk: Callable[..., None], asked: bytes, followers: int, garbage: bytes
) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        if asked == b"later":
            writer.write(post(b"plain"))
            assert await answer(reader) == b"plain"
        writer.write(post(b"later"))
        reply = await desk.next()
        writer.write(post(b"x") * followers + garbage)
        await writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)
        reply.answer(b"1", 200)
        assert [await answer(reader) for _ in range(1 + followers)] == [b"1"] + [b"x"] * followers
        assert (await reader.read())[:13] in (
            b"",
            b"HTTP/1.1 400 ",
            b"HTTP/1.1 431 ",
        )  # read before the answer or after

    talk(App(desk.reply_to), converse)


def test_each_answer_says_once_when_it_was_made(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        for said in (post(b"plain"), post(b"plain"), post(b"later"), b"nonsense\r\n\r\n"):
            writer.write(said)
            if b"later" in said:
                (reply := await desk.next()).send(b"note")
                reply.answer(b"end", 200)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.lower().count(b"\r\ndate: ") == 1
            if b"content-length" in head:
                await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0]))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")

    talk(App(desk.reply_to), converse)


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"later", b"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n"))
        reply = await desk.next()
        reply.send(b"note")
        reply.answer(b"end", 200)
        head, _, streamed = (await reader.read()).partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert b"transfer-encoding" not in head
        assert streamed == b"event: message\ndata: note\n\nevent: message\ndata: end\n\n"

    talk(App(desk.reply_to), converse)


def test_a_reply_may_become_a_stream(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"plain"))
        assert await answer(reader) == b"plain"
        writer.write(post(b"later"))
        reply = await desk.next()
        reply.send(b"note")
        reply.answer(b"end", 200)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head
        streamed = await reader.readuntil(b"0\r\n\r\n")
        assert b"data: note\n" in streamed
        assert b"data: end\n" in streamed
        await reply.closed.wait()
        writer.write(post(b"plain"))
        assert await answer(reader) == b"plain"

    talk(App(desk.reply_to), converse)


def test_a_client_that_leaves_ends_what_ends_with_it(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"plain"))
        await answer(reader)
        writer.write(post(b"later"))
        reply = await desk.next()
        writer.close()
        await reply.closed.wait()
        reply.answer(b"too late", 200)

    talk(App(desk.reply_to), converse)


@pytest.mark.parametrize("is_known", [False, True], ids=["by the application", "at once"])
def test_a_client_that_has_sent_a_request_more_and_leaves_ends_its_stream(
    talk: Callable[..., None], is_known: bool
) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        if is_known:
            writer.write(post(b"plain"))
            await answer(reader)
        writer.write(post(b"later"))
        reply = await desk.next()
        reply.send(b"note")
        await reader.readuntil(b"data: note")
        writer.write(post(b"2") + post(b"3"))
        writer.transport.abort()
        while not listener.is_empty:
            reply.send(b"note")  # it is not read from meanwhile: only what is written tells that nobody is there
            await asyncio.sleep(0.01)
        await reply.closed.wait()

    talk(App(desk.reply_to), converse)


def test_what_is_no_request_is_not_answered_within_a_stream(talk: Callable[..., None]) -> None:
    desk = Desk()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"later"))
        reply = await desk.next()
        reply.send(b"note")
        await reader.readuntil(b"data: note")
        writer.write(b"no request\r\n\r\n")
        assert b"HTTP/1.1" not in await reader.read()
        await reply.closed.wait()

    talk(App(desk.reply_to), converse)


@pytest.mark.parametrize("begun", [b"POST http://x", b"POST http://x:99999/", b"CONNECT x:1"])
def test_a_target_that_is_none_is_refused_after_other_requests_too(talk: Callable[..., None], begun: bytes) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        writer.write(post(b"plain"))
        assert await answer(reader) == b"plain"
        writer.write(post(b"plain", begun + b" HTTP/1.1\r\nHost: x\r\n"))
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    talk(App(echo), converse)


@pytest.mark.parametrize("headers", [(CLOSE,), ()], ids=["the answer", "the server"])
def test_an_answer_may_be_the_last_one(talk: Callable[..., None], headers: tuple[tuple[bytes, bytes], ...]) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        writer.write(post(b"plain"))
        await answer(reader)
        if not headers:
            listener.leave()
        writer.write(post(b"last"))
        assert b"connection: close\r\n" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"last"

    talk(App(lambda body: Answer(200, body, headers if body == b"last" else ())), converse)


def test_a_mistake_of_ours_ends_the_connection_and_not_the_server(talk: Callable[..., None]) -> None:
    def reply_to(body: bytes) -> Answer | Reply:
        if body == b"bad":
            raise ValueError(body)
        return Answer(200, body)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        writer.write(post(b"good"))
        await answer(reader)
        writer.write(post(b"bad"))
        assert await reader.read() == b""
        assert listener.is_empty

    talk(App(reply_to), converse)


@pytest.mark.parametrize(
    ("owner", "action"),
    [(GatheringTransport, "_flush"), (Connection, "timeout_keep_alive_handler"), (Connection, "_lose_patience")],
)
def test_a_mistake_of_ours_in_what_is_done_later_ends_the_connection_too(
    talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch, owner: type, action: str
) -> None:
    failed: list[object] = []

    def fail(*_: object) -> None:
        if not failed:
            failed.append(action)
            raise ValueError(action)

    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(owner, action, fail)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)  # so that the head goes alone
        await send({"type": "http.response.body", "body": b""})

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        mistakes: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: mistakes.append(context))
        writer.write(b"POST / HTTP/1.1\r\n" if action == "_lose_patience" else post(b""))
        await reader.read()
        assert listener.is_empty
        assert (failed, mistakes) == ([action], [])

    talk(slow, converse, ConnectionLimits(connections=5, request_s=0.1))


def fails_once(monkeypatch: pytest.MonkeyPatch, owner: type, action: str) -> list[str]:
    """Let a method fail when it is called next; what has failed."""
    failed: list[str] = []
    usual = getattr(owner, action)

    def fail(*arguments: object) -> object:
        if failed:
            return usual(*arguments)
        failed.append(action)
        raise ValueError(action)

    monkeypatch.setattr(owner, action, fail)
    return failed


@pytest.mark.parametrize(
    ("owner", "action"),
    [
        (BoundedConnection, "connection_made"),
        (BoundedConnection, "data_received"),
        (BoundedConnection, "pause_writing"),
        (BoundedConnection, "resume_writing"),
        (Connection, "_leave_visit"),
        (HttpToolsProtocol, "connection_lost"),
        (BoundedConnection, "_end_cycle"),
        (BoundedConnection, "_end_stall"),
        (HttpListener, "_on_lost"),
    ],
)
def test_a_mistake_of_ours_in_what_the_loop_tells_ends_the_connection_alone(
    talk: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: type,
    action: str,
) -> None:
    failed = fails_once(monkeypatch, owner, action)
    left: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

        def fail() -> None:
            left.append("one")
            raise ValueError(left)

        peer_of(scope).when_lost(fail)
        peer_of(scope).when_lost(lambda: left.append("other"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if action in ("pause_writing", "resume_writing"):
            await send({"type": "http.response.body", "body": bytes(30_000_000), "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: HttpListener) -> None:
        mistakes: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: mistakes.append(context))
        writer.write(post(b""))
        with contextlib.suppress(ConnectionError):
            while (part := await reader.read(1_000_000)) and b"end" not in part:
                pass
        writer.transport.abort()
        async with asyncio.timeout(20):
            while not (failed and listener.is_empty):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
        assert (failed, mistakes) == ([action], [])
        assert left.count("one") == left.count("other")
        assert left or action in ("connection_made", "data_received")
        assert "a connection could not go on" in caplog.text

    talk(app, converse, ConnectionLimits(connections=5))


def test_a_connection_that_rests_too_long_is_closed(talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", 0.3)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        started_at = asyncio.get_running_loop().time()
        for _ in range(8):
            writer.write(post(b"x"))
            assert await answer(reader) == b"x"
            await asyncio.sleep(0.06)
        assert await reader.read() == b""
        assert asyncio.get_running_loop().time() - started_at >= 0.7

    talk(App(echo), converse)


def test_line_ends_between_requests_are_no_sign_of_life(
    talk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", 0.2)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _listener: HttpListener) -> None:
        for line_ends in (b"", b"\r\n", b"\n\r\n"):
            writer.write(line_ends + post(b"x"))
            assert await answer(reader) == b"x"
        writer.write(b"\r\n\r\n")
        assert await reader.read() == b""

    talk(App(echo), converse)
