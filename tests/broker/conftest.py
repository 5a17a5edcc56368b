import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker import task_runs, tasks, vouchers
from filewarden.broker.call import Call
from filewarden.broker.link import Links
from filewarden.broker.links import links_in
from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.worker import Worker
from filewarden.config.sections.pool import ZeroMq
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.context import Context
from filewarden.workers.tool import Lane, Tool
from tests.drivers.desk import Desk, WallClock

MakeCall = Callable[..., Call]
MAX_FRAME = 100_000
"""What the links under test take in one frame, in bytes."""


class Nothing(msgspec.Struct, frozen=True):
    pass


def _run(_context: Context, _arguments: Nothing) -> Nothing:
    return Nothing()


@pytest.fixture
def tool() -> Tool:
    return Tool(name="noop", title="", description="", arguments=Nothing, result=Nothing, run=_run)


@pytest.fixture
def outcomes() -> list[tuple[int, Outcome]]:
    return []


@pytest.fixture
def make_call(tool: Tool, outcomes: list[tuple[int, Outcome]]) -> MakeCall:
    ids = count(1)

    def make(client: str = "a", lane: Lane = Lane.QUICK, *, principal: str = "local", writes: bool = False) -> Call:
        number = next(ids)
        return Call(
            id=number,
            client=client,
            principal=principal,
            tool=msgspec.structs.replace(tool, writes=writes),
            arguments=Nothing(),
            lane=lane,
            submitted_at=0.0,
            soft_at=10.0,
            hard_at=10.25,
            deliver=lambda outcome: outcomes.append((number, outcome)),
        )

    return make


@pytest.fixture(params=["built-in", "pyzmq"])
def zeromq(request: pytest.FixtureRequest) -> ZeroMq:
    """Who speaks its protocol: what holds for links holds for both."""
    found: ZeroMq = request.param
    return found


@pytest.fixture
def links(zeromq: ZeroMq) -> Iterator[Links]:
    """A folder of endpoints that take frames of 100,000 bytes."""
    folder = Path("/tmp") / f"fw-test-{os.urandom(6).hex()}"  # short: a socket's path has 107 bytes
    folder.mkdir(mode=0o700)
    links = links_in(str(folder), MAX_FRAME, zeromq)
    yield links
    links.close()
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


@pytest.fixture
def worker(links: Links) -> Iterator[Worker]:
    """A worker whose process is this one, so that the pid filter lets the test in."""
    worker = Worker(1, links.endpoint(), 0.0)
    gate = worker.open_gate()
    read_end, write_end = os.pipe()  # stands for a pidfd: readable only when closed
    worker.spawned(os.getpid(), read_end, links)
    assert os.read(gate, 1) == b"\0"
    os.close(gate)
    yield worker
    worker.leave()
    for fd in (read_end, write_end):
        with contextlib.suppress(OSError):
            os.close(fd)


class RawPeer:
    """What speaks ZMTP 3.0 by hand to a worker's endpoint (RFC 23)."""

    GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
    READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x04PAIR"

    def __init__(self, endpoint: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(endpoint)

    def shake_hands(self, worker: Worker) -> None:
        """The broker's side of it takes place meanwhile, in this thread where it has no other."""
        self.socket.sendall(self.GREETING + b"\x04" + struct.pack("B", len(self.READY)) + self.READY)
        assert worker.next_frame() is None
        self._read(64)
        self._read(2 + self._read(2)[1] - 2)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, "the broker hung up"
            data += part
        return data

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def raw_peer() -> Callable[[str], RawPeer]:
    return RawPeer


@pytest.fixture
def make_desk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    """A desk whose wall clock only the test moves."""

    def make(catalogue: Catalogue, **settings: Any) -> Desk:
        desk = Desk(catalogue, **settings)
        for module in (vouchers, task_runs, tasks):
            monkeypatch.setattr(module, "time", WallClock(desk.now))
        return desk

    return make
