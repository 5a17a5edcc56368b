"""The suite's own judgement: what it must not overlook."""

import asyncio
import contextlib

import pytest

from tests.chaos.flatness import drifts
from tests.chaos.tally import Facts, Failure, Message, Result, RpcError, Tally
from tests.chaos.watch import Holding
from tests.chaos.wire import LostError, Wires


def ok(path: str) -> Message:
    return Message(id=1, result=Result(structured_content=Facts(path=path)))


def failed(code: str) -> Message:
    return Message(id=1, result=Result(structured_content=Facts(error=Failure(code=code)), is_error=True))


@pytest.mark.parametrize(
    ("message", "took_s", "is_broken"),
    [
        (ok("a.txt"), 0.1, False),
        (ok("b.txt"), 0.1, True),
        (ok("a.txt"), 2.3, True),
        (failed("worker_crashed"), 0.1, False),
        (failed("timeout"), 2.24, False),
        (failed("access_denied"), 0.1, True),
        (Message(id=1, result=Result(is_error=True)), 0.1, True),
        (Message(id=1, error=RpcError(-32603)), 0.1, True),
    ],
)
def test_a_crossed_late_or_untyped_answer_breaks_a_promise(message: Message, took_s: float, is_broken: bool) -> None:
    tally = Tally(deadline_s=2.0)
    tally.answered("client", "a.txt", message, took_s)
    assert bool(tally.broken) == is_broken == bool(tally.broken_total)


def test_what_grows_is_told_from_what_warms_up_and_what_wobbles() -> None:
    flat = [Holding(100 + (number % 3), 1000, 50, 9) for number in range(40)]
    warming = [Holding(20, 20, 5, 1)] * 10 + flat[10:]
    growing = [Holding(100 + number, 1000, 50, 9) for number in range(40)]
    assert all(drift.is_flat for samples in (flat, warming) for drift in drifts(samples))
    assert [drift.is_flat for drift in drifts(growing)] == [False, True, True, True]
    with pytest.raises(ValueError, match="samples"):
        drifts(flat[:7])


class Answering:
    """A server that answers the first request of each connection, and leaves at the second one."""

    def __init__(self, fields: str) -> None:
        self._hearings: list[asyncio.Task[object] | None] = []
        self._answer = f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{fields}\r\n".encode()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hearings.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        writer.transport.abort()

    @property
    def connections(self) -> int:
        return len(self._hearings)

    async def ask_twice(self) -> None:
        async with await asyncio.start_server(self.hear, "127.0.0.1", 0) as listener:
            wires = Wires(listener.sockets[0].getsockname()[1], "")
            try:
                for _ in range(2):
                    async with wires.one() as wire:
                        await wire.request("GET", "/", b"", {})
            finally:
                wires.close()
                await asyncio.gather(*filter(None, self._hearings))


def test_a_connection_that_ends_with_a_request_under_way_is_lost() -> None:
    server = Answering("")
    with pytest.raises(LostError, match=r"last used 0\.\d+ s before"):
        asyncio.run(server.ask_twice())
    assert server.connections == 1


@pytest.mark.parametrize(("fields", "kept_s"), [("connection: close\r\n", 30.0), ("", 0.0)], ids=["told", "rested"])
def test_a_connection_that_the_server_ends_is_not_used_again(
    fields: str, kept_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.chaos.wire.KEPT_S", kept_s)
    server = Answering(fields)
    asyncio.run(server.ask_twice())
    assert server.connections == 2
