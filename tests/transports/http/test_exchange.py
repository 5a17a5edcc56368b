import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from filewarden.broker.protocol.jsonrpc import Notification, Request
from filewarden.broker.protocol.long_text import LongResponse, LongText, Reply
from filewarden.transports.http import exchange as exchange_module
from filewarden.transports.http.exchange import Exchange

REQUEST = Request("2.0", 0, "tools/call")


class Recorded:
    """A stream that remembers."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.is_finished = False

    def send(self, message: bytes) -> None:
        self.messages.append(message)

    def finish(self) -> None:
        self.is_finished = True


def run(body: Callable[[Exchange[Recorded]], Awaitable[None]]) -> Exchange[Recorded]:
    exchange = Exchange(REQUEST, Recorded)

    async def main() -> None:
        await asyncio.wait_for(body(exchange), 20)

    asyncio.run(main())
    return exchange


@pytest.mark.parametrize("reply", [b"{}", LongResponse(b"{", LongText([b" "]), b"}")])
def test_an_answer_within_the_grace_is_plain(reply: Reply) -> None:
    async def body(exchange: Exchange[Recorded]) -> None:
        asyncio.get_running_loop().call_soon(exchange.answer, reply, 404)
        await exchange.decision()

    exchange = run(body)
    assert exchange.stream is None
    assert exchange.plain is not None
    assert (exchange.plain.status, exchange.plain.body) == (404, bytes(reply))


def test_a_message_before_the_answer_makes_it_a_stream() -> None:
    async def body(exchange: Exchange[Recorded]) -> None:
        asyncio.get_running_loop().call_soon(exchange.send, b"progress")
        await exchange.decision()
        exchange.answer(b"{}", 200)

    exchange = run(body)
    assert exchange.plain is None
    assert exchange.stream is not None
    assert exchange.stream.messages == [b"progress", b"{}"]
    assert exchange.stream.is_finished


def test_silence_makes_it_a_stream_too() -> None:
    async def body(exchange: Exchange[Recorded]) -> None:
        started_at = asyncio.get_running_loop().time()
        await exchange.decision()
        assert asyncio.get_running_loop().time() - started_at >= exchange_module.GRACE_S * 0.9

    exchange = run(body)
    assert exchange.stream is not None
    assert exchange.stream.messages == []


def test_it_can_be_a_stream_from_the_start() -> None:
    async def body(exchange: Exchange[Recorded]) -> None:
        exchange.begin_stream()
        exchange.answer(b"{}", 200)
        await exchange.decision()

    exchange = run(body)
    assert exchange.plain is None
    assert exchange.stream is not None
    assert exchange.stream.messages == [b"{}"]


def test_an_abandoned_exchange_is_neither() -> None:
    async def body(exchange: Exchange[Recorded]) -> None:
        asyncio.get_running_loop().call_soon(exchange.abandon)
        await exchange.decision()

    exchange = run(body)
    assert exchange.plain is None
    assert exchange.stream is None


def test_a_cancelled_request_ends_with_an_error_of_its_id_either_way() -> None:
    plain, streamed = Exchange(REQUEST, Recorded), Exchange(REQUEST, Recorded)
    plain.answer(None, 200)
    streamed.send(b"progress")
    streamed.answer(None, 200)
    assert plain.plain is not None
    assert streamed.stream is not None
    for body in (plain.plain.body, streamed.stream.messages[-1]):
        document = json.loads(body)
        assert (document["id"], document["error"]["code"]) == (0, -32800)
    assert streamed.stream.is_finished


def test_a_notification_is_accepted_without_a_body() -> None:
    exchange = Exchange(Notification("notifications/initialized"), Recorded)
    exchange.begin_stream()
    exchange.answer(None, 200)
    assert exchange.plain is not None
    assert (exchange.plain.status, exchange.plain.body) == (202, b"")
