"""Whatever comes over connections, and however it ends: each of them is closed in time, and nothing fails in the loop.

What fails in a callback of the loop ends the server, so there must be nothing that a client could bring about. More
effort: `pytest -m slow tests/fuzz`.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable

import pytest
from starlette.types import Receive, Scope, Send

from filewarden.transports.http import listener as listener_module
from filewarden.transports.http.answer import Answer, send_answer
from filewarden.transports.http.fields import SCOPE_KEY, read_fields
from filewarden.transports.http.listener import HttpListener
from filewarden.transports.http.peer import peer_of
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.sockets import bind, port_of
from filewarden.transports.loop import new_loop

CLIENTS = 30
PATIENCE_S = 0.2
MOST_S = 10.0
ANSWER = Answer(200, b"answer")
NONSENSE = (b"\r\n", b"\n", b"\r", b"\0", b"no request\r\n\r\n", b"\xff" * 9, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, when the body is there, later, or with a stream."""
    scope[SCOPE_KEY] = read_fields(scope["headers"])
    if scope["path"] != "/now":
        peer_of(scope).remember(scope, lambda _body: ANSWER)
        while (message := await receive()).get("more_body", False):
            pass
        if message["type"] == "http.disconnect":
            return
    if scope["path"] == "/later":
        await asyncio.sleep(0.01)
    if scope["path"] != "/stream":
        await send_answer(send, ANSWER)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for size in (10, 100_000, 10):
        await asyncio.sleep(0.002)
        await send({"type": "http.response.body", "body": bytes(size), "more_body": True})
    await send({"type": "http.response.body"})


def said(chance: random.Random) -> bytes:
    """A request, mostly; now and then with something behind it, or something else."""
    if chance.random() < 0.15:
        return chance.choice(NONSENSE)
    path = chance.choice([b"/now", b"/read", b"/read", b"/later", b"/stream"])
    body = b"b" * chance.choice([0, 3, 3, 3000, 90_000])
    head = b"Host: x\r\n" + chance.choice([b"", b"", b"", b"Expect: 100-continue\r\n", b"Connection: close\r\n"])
    request = chance.choice(
        [
            b"GET %s HTTP/1.1\r\n%s\r\n" % (path, head),
            b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path, head, len(body), body),
            b"POST %s HTTP/1.1\r\n%sContent-Length: 3\r\n\r\nabc" % (path, head),
            b"POST %s HTTP/1.1\r\n%s%s\r\n" % (path, head, CHUNKS),
            b"POST %s HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc" % path,
            b"HEAD %s HTTP/1.1\r\n%sConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" % (path, head),
            b"CONNECT x:1 HTTP/1.1\r\n%s\r\n" % head,
        ]
    )
    return request + (chance.choice(NONSENSE) if chance.random() < 0.15 else b"")


async def talk(port: int, chance: random.Random) -> asyncio.StreamWriter:
    """Say a few things, some of them in pieces; then nothing, or leave, whether or not anything was read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    reading = asyncio.ensure_future(reader.read()) if chance.random() < 0.8 else None
    with contextlib.suppress(OSError, RuntimeError):  # it was ended by the server
        for _ in range(chance.randint(1, 6)):
            data = said(chance)
            if chance.random() < 0.3:
                place = chance.choice([chance.randrange(len(data)), data.find(b"\r\n\r\n") + 4])
                writer.write(data[:place])
                await asyncio.sleep(0.01 * chance.random())
                data = data[place:] if chance.random() < 0.8 else b""
            writer.write(data)
            await asyncio.sleep(0.01 * chance.random())
        if chance.random() < 0.4:
            own = writer.get_extra_info("socket")
            if own is not None:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
    if reading is not None:
        await asyncio.wait([reading], timeout=MOST_S)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return writer


async def visit(chance: random.Random, rounds: int) -> list[object]:
    """All that failed in a callback while many clients came and went, several times."""
    mistakes: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: mistakes.append(context) if "handle" in context else None
    )
    sockets = bind("http.port", "127.0.0.1", 0)
    limits = ConnectionLimits(connections=CLIENTS, request_s=PATIENCE_S, stalled_s=PATIENCE_S)
    listener = HttpListener(sockets, app, limits)
    await listener.start()
    for _ in range(rounds):
        writers = await asyncio.gather(*(talk(port_of(sockets), chance) for _ in range(CLIENTS)))
        async with asyncio.timeout(MOST_S):
            while not listener.is_empty:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        for writer in writers:
            writer.transport.abort()
    await listener.stop(PATIENCE_S)
    return mistakes


@pytest.mark.filterwarnings("ignore:unclosed resource:ResourceWarning")
@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, new_loop], ids=["asyncio", "default"])
@pytest.mark.parametrize("rounds", [pytest.param(2, id="few"), pytest.param(30, id="many", marks=pytest.mark.slow)])
def test_every_connection_ends_and_nothing_fails(
    make_loop: Callable[[], asyncio.AbstractEventLoop], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "KEEP_ALIVE_S", PATIENCE_S)
    loop = make_loop()
    try:
        assert loop.run_until_complete(visit(random.Random(rounds), rounds)) == []
    finally:
        loop.close()
