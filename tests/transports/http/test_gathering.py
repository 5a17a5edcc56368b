import asyncio
from typing import Any

import pytest

from filewarden.transports.http.gathering import GatheringTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Recorder(asyncio.Transport):
    """Keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[Any] = []
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return "close" in self.done or "abort" in self.done


def gathered(inner: Recorder) -> GatheringTransport:
    transport = GatheringTransport(inner, asyncio.get_running_loop())
    transport.on_unsent = lambda: inner.done.append("unsent")
    return transport


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_head_goes_out_with_its_body() -> None:
    async def main() -> list[Any]:
        inner = Recorder()
        transport = gathered(inner)
        transport.write(HEAD)
        transport.write(b"ok")
        transport.write(b"more")
        await turn()
        return inner.done

    assert asyncio.run(main()) == [HEAD + b"ok", b"more"]


def test_a_head_alone_waits_for_one_turn() -> None:
    async def main() -> tuple[list[Any], list[Any]]:
        inner = Recorder()
        transport = gathered(inner)
        transport.write(HEAD)
        before = list(inner.done)
        await turn()
        return before, inner.done

    assert asyncio.run(main()) == ([], [HEAD])


@pytest.mark.parametrize(("ending", "last"), [("close", "close"), ("write_eof", "eof")])
def test_nothing_is_held_back_at_the_end(ending: str, last: str) -> None:
    async def main() -> list[Any]:
        inner = Recorder()
        transport = gathered(inner)
        transport.write(HEAD)
        getattr(transport, ending)()
        await turn()
        return inner.done

    assert asyncio.run(main()) == [HEAD, last]


def test_an_abort_sends_nothing_more() -> None:
    async def main() -> list[Any]:
        inner = Recorder()
        transport = gathered(inner)
        transport.write(HEAD)
        transport.abort()
        await turn()
        return inner.done

    assert asyncio.run(main()) == ["abort"]


def test_two_answers_in_one_turn_are_two_writes() -> None:
    async def main() -> list[Any]:
        inner = Recorder()
        transport = gathered(inner)
        for _ in range(2):
            transport.write(HEAD)
            transport.write(b"ok")
        return inner.done

    assert asyncio.run(main()) == [HEAD + b"ok"] * 2


@pytest.mark.parametrize("unsent", [0, 1])
def test_what_is_not_sent_when_it_is_closed_is_told(unsent: int) -> None:
    async def main() -> list[Any]:
        inner = Recorder()
        inner.unsent = unsent
        gathered(inner).close()
        return inner.done

    assert asyncio.run(main()) == ["close", *["unsent"] * unsent]


@pytest.mark.parametrize("ending", ["close", "abort", "write_eof"])
def test_nothing_is_sent_after_the_end_whoever_made_it(ending: str) -> None:
    """A client may leave, or be refused, in the turn in which an answer begins."""

    async def main() -> list[Any]:
        inner = Recorder()
        transport = gathered(inner)
        if ending == "write_eof":
            transport.write_eof()
        transport.write(HEAD)
        if ending != "write_eof":
            getattr(inner, ending)()
        await turn()
        return inner.done

    assert HEAD not in asyncio.run(main())
