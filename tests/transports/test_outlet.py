"""What waits for a client that does not read, on a real pipe."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator

import msgspec
import pytest

from filewarden.broker.holdings import Holdings
from filewarden.broker.protocol.long_text import LongResponse, LongText, MadeText
from filewarden.broker.reactor import EpollReactor
from filewarden.transports.outlet import MANY_BYTES, PIPE_BYTES, Outlet

PIECE_BYTES = 250_001


def in_pieces(text: bytes) -> Iterator[bytes]:
    return (text[begin : begin + PIECE_BYTES] for begin in range(0, len(text), PIECE_BYTES))


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    pair = os.pipe()
    yield pair
    for fd in pair:
        os.close(fd)


def test_what_nothing_depends_on_is_not_kept_for_one_that_does_not_read(ends: tuple[int, int]) -> None:
    reactor, holdings, relieved = EpollReactor(), Holdings(), []
    outlet = Outlet(ends[1], reactor, holdings, lambda: None, lambda: relieved.append(True))
    line = b"x" * 1_000_000
    told = 0
    while outlet.offer(line):
        told += 1
    assert told <= MANY_BYTES // len(line) + 1
    held = holdings.bytes
    assert not outlet.offer(b"small")
    outlet.write(b"an answer")  # is kept all the same
    assert holdings.bytes == held + len(b"an answer\n")
    received = b""
    while not outlet.is_empty:
        outlet.flush()
        received += os.read(ends[0], 1 << 20)
    assert received == (line + b"\n") * told + b"an answer\n"
    assert relieved
    assert outlet.offer(b"small")
    os.close(outlet.fd)
    reactor.close()


@pytest.mark.parametrize("may_open", [True, False])
def test_a_large_answer_goes_out_at_once_also_by_a_pipe_of_another_account(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch, may_open: bool
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError

    reactor = EpollReactor()
    with monkeypatch.context() as patched:
        if not may_open:
            patched.setattr(os, "open", refuse)
        outlet = Outlet(ends[1], reactor, Holdings(), lambda: None, lambda: None)
    assert fcntl.fcntl(ends[0], fcntl.F_GETPIPE_SZ) == PIPE_BYTES
    outlet.write(b"x" * 900_000)
    outlet.flush()
    assert outlet.is_empty
    if may_open:
        os.close(outlet.fd)
    reactor.close()


def test_the_last_line_leaves_before_the_end_of_the_tick(ends: tuple[int, int]) -> None:
    holdings = Holdings()
    outlet = Outlet(ends[1], EpollReactor(), holdings, lambda: None, lambda: None)
    outlet.write(b"an answer", is_last=True)
    assert os.read(ends[0], 100) == b"an answer\n"
    assert (outlet.is_empty, holdings.bytes) == (True, 0)
    os.close(outlet.fd)


@pytest.mark.parametrize("is_full", [True, False])
def test_the_last_line_keeps_its_place(ends: tuple[int, int], is_full: bool) -> None:
    """Behind what waits already, and whole also where the pipe takes a part of it."""
    broken: list[bool] = []
    holdings = Holdings()
    outlet = Outlet(ends[1], EpollReactor(), holdings, lambda: broken.append(True), lambda: None)
    lines = [b"y" * (PIPE_BYTES - 100), b"z" * 1000] if is_full else [b"first"]
    for line in lines[:-1]:
        outlet.write(line, is_last=True)
    outlet.write(lines[-1], is_last=is_full)
    outlet.write(b"last", is_last=True)
    received = b""
    while not received.endswith(b"last\n"):
        if not outlet.is_empty:
            outlet.flush()
        received += os.read(ends[0], 1 << 20)
    assert received == b"".join(line + b"\n" for line in (*lines, b"last"))
    assert (outlet.is_empty, holdings.bytes, broken) == (True, 0, [])
    os.close(outlet.fd)


def test_that_nobody_reads_is_told_at_the_end_of_the_tick_alone() -> None:
    """Whoever answers is in the middle of something, and must not be closed there."""
    read_end, write_end = os.pipe()
    broken: list[bool] = []
    outlet = Outlet(write_end, EpollReactor(), Holdings(), lambda: broken.append(True), lambda: None)
    os.close(read_end)
    os.close(write_end)
    outlet.write(b"to nobody", is_last=True)
    assert not broken
    outlet.flush()
    assert broken
    os.close(outlet.fd)


def of_made_json(text: str) -> MadeText:
    made = memoryview(msgspec.json.encode(text))[1:-1]
    return MadeText(made[begin : begin + PIECE_BYTES] for begin in range(0, len(made), PIECE_BYTES))


@pytest.mark.parametrize("long_text", [lambda text: LongText(in_pieces(text.encode())), of_made_json])
@pytest.mark.parametrize("room", [4096, PIPE_BYTES])
def test_long_answers_are_made_as_they_are_taken_and_stay_in_their_places(
    ends: tuple[int, int], room: int, long_text: Callable[[str], LongText | MadeText]
) -> None:
    reactor, holdings = EpollReactor(), Holdings()
    outlet = Outlet(ends[1], reactor, holdings, lambda: None, lambda: None)
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, room)
    os.set_blocking(ends[0], False)
    texts = [("line \u00fc\n" * 100_000), "short", '"' * 600_000]
    outlet.write(b'"before"')
    for text in texts:
        outlet.write(LongResponse(b'"', long_text(text), b'"'))
        outlet.write(b'"between"')
    received = b""
    while not outlet.is_empty:
        outlet.flush()
        with contextlib.suppress(BlockingIOError):
            received += os.read(ends[0], 1 << 20)
    with contextlib.suppress(BlockingIOError):
        while part := os.read(ends[0], 1 << 20):
            received += part
    lines = [msgspec.json.decode(line) for line in received.splitlines()]
    assert lines == ["before", texts[0], "between", texts[1], "between", texts[2], "between"]
    assert holdings.bytes == 0
    os.close(outlet.fd)
    reactor.close()


def test_a_long_answer_leaves_it_to_the_end_of_the_tick_to_tell_that_there_is_room_again(ends: tuple[int, int]) -> None:
    """Where it went out before that, nobody would be told, and no request would ever be read again."""
    relieved: list[bool] = []
    outlet = Outlet(ends[1], EpollReactor(), Holdings(), lambda: None, lambda: relieved.append(True))
    for _ in range(2):  # once for the pipe
        while outlet.offer(b"x" * 500_000):
            pass
        outlet.flush()
    while outlet.offer(b"x" * 500_000):
        pass
    relieved.clear()
    os.read(ends[0], PIPE_BYTES)
    outlet.write(LongResponse(b'{"text":"', LongText([b"y" * 1000]), b'"}'))
    while not outlet.is_empty:
        outlet.flush()
        os.read(ends[0], PIPE_BYTES)
    assert relieved
    os.close(outlet.fd)


def test_a_reader_that_leaves_is_told_of_when_all_is_done(ends: tuple[int, int]) -> None:
    reactor, left = EpollReactor(), []
    outlet = Outlet(ends[1], reactor, Holdings(), lambda: left.append(True), lambda: None)
    gone = os.dup(ends[0])
    os.dup2(ends[1], ends[0])  # nobody reads any more
    os.close(gone)
    outlet.write(LongResponse(b'"', LongText(in_pieces(b"x" * 100_000)), b'"'))
    assert not left  # whoever has written may be in the midst of something
    reactor.settle(reactor.stop)
    reactor.run()
    assert left
    os.close(outlet.fd)
    reactor.close()
