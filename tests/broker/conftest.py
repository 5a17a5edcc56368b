import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from filewarden.broker import task_runs, tasks, vouchers
from filewarden.broker.announcements import Announcements
from filewarden.broker.call import DEAF, Call, Deliver, Hearing
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation, Services
from filewarden.broker.link import Links
from filewarden.broker.links import links_in
from filewarden.broker.offering import OfferedTools
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.session import Session
from filewarden.broker.seal import Seal
from filewarden.broker.task_runs import TaskRuns
from filewarden.broker.vouchers import Vouchers
from filewarden.broker.worker import Worker
from filewarden.config.sections.pool import ZeroMq
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.context import Context
from filewarden.workers.inquiry import Inputs
from filewarden.workers.tool import Lane, Tool

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
        self.socket.settimeout(5)
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


class Submitted(msgspec.Struct, kw_only=True, eq=False):
    """One call as the dispatcher got it."""

    caller: Caller
    tool: Tool
    arguments: msgspec.Struct
    deliver: Deliver
    hearing: Hearing
    inputs: Inputs | None
    is_settled: bool = False
    is_cancelled: bool = False

    def end(self, outcome: Outcome) -> None:
        self.is_settled = True
        self.deliver(outcome)


class Talk:
    """One client's conversation, and all that it was sent."""

    def __init__(self, conversation: Conversation, envelope: dict[str, Any] | None) -> None:
        self.conversation = conversation
        self.frames: list[Any] = []
        self._envelope = envelope
        self._next_id = 0

    def send(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))

    def answer(self, frame: bytes | None, status: int) -> None:
        if frame is not None:
            self.frames.append({**msgspec.json.decode(frame), "status": status})

    def ask(self, method: str, params: dict[str, Any] | None = None, **meta: Any) -> int:
        self._next_id += 1
        given = {**(params or {}), "_meta": {**(self._envelope or {}), **meta}}
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": given}
        self.conversation.receive(msgspec.json.encode(message), self)
        return self._next_id

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.conversation.receive(msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params}), self)

    def answer_to(self, request_id: int) -> Any:
        """The one answer to a request, None while there is none."""
        found = [each for each in self.frames if each.get("id") == request_id and "method" not in each]
        assert len(found) <= 1, "answered twice"
        return found[0] if found else None

    def get(self, method: str, params: dict[str, Any] | None = None) -> Any:
        return self.answer_to(self.ask(method, params))


class Watch:
    """What a conversation watches; None stands for the lists."""

    def __init__(
        self, path: str | None, on_change: Callable[[], None], on_result: Callable[[Failed | None], None]
    ) -> None:
        self.path = path
        self.change = on_change
        self.settle = on_result
        self.is_over = False


class WallClock:
    """Stands for the module `time`."""

    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)

    def __init__(self, now: Callable[[], float]) -> None:
        self.time = now


class Desk:
    """All that conversations share, with time and workers in the test's hands."""

    def __init__(self, catalogue: Catalogue, *, tasks: int = 3) -> None:
        stand_in: Any = self
        self.seconds = 1000.0
        self.calls: list[Submitted] = []
        self.refused: list[tuple[str, str]] = []
        """Calls that never came to the dispatcher, by name and code."""
        self.notices: list[Any] = []
        """What legacy clients were told beside their requests."""
        self._timers: list[tuple[float, Callable[[], None]]] = []
        announcements = Announcements()
        can_watch = catalogue.operation("resources/subscribe") is not None
        self.offer = Offer(
            OfferedTools(catalogue, max_answer_chars=100_000),
            abilities=Abilities(
                logging=True, tasks=True, resources=True, watching=can_watch, changing_resources=can_watch
            ),
        )
        self.watches: list[Watch] = []
        self._services = Services(
            reactor=stand_in,
            dispatcher=stand_in,
            catalogue=catalogue,
            vouchers=Vouchers(Seal(bytes(32))),
            tasks=TaskRuns(limit=tasks, ttl_s=60.0, on_change=announcements.task_changed),
            announcements=announcements,
            watches=stand_in,
            abilities=self.offer.abilities,
            ask_s=120.0,
            task_after_s=5.0,
        )

    # The reactor.

    def now(self) -> float:
        return self.seconds

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._timers.append((when, action))

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        due = [timer for timer in self._timers if timer[0] <= self.seconds]
        self._timers = [timer for timer in self._timers if timer not in due]
        for _, action in due:
            action()

    # The dispatcher.

    def submit(
        self,
        caller: Caller,
        tool: Tool,
        arguments: msgspec.Struct,
        deliver: Deliver,
        hearing: Hearing = DEAF,
        inputs: Inputs | None = None,
        _origin: Any = None,
    ) -> Submitted:
        call = Submitted(caller=caller, tool=tool, arguments=arguments, deliver=deliver, hearing=hearing, inputs=inputs)
        self.calls.append(call)
        return call

    def note_refused(self, caller: Caller, tool: Tool, start: Any, refusal: Failed) -> None:
        self.refused.append((tool.name, refusal.code))

    def cancel(self, call: Submitted) -> None:
        call.is_cancelled = call.is_settled = True

    # The watches.

    def subscribe(self, _principal: str, path: str, **callbacks: Any) -> Watch:
        self.watches.append(Watch(path, **callbacks))
        return self.watches[-1]

    def subscribe_lists(self, _principal: str, **callbacks: Any) -> Watch:
        self.watches.append(Watch(None, **callbacks))
        return self.watches[-1]

    def unsubscribe(self, watch: Watch) -> None:
        watch.is_over = True

    # Clients.

    def modern(self, principal: str = "ann", **capabilities: Any) -> Talk:
        envelope = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        return Talk(self._conversation(principal), envelope)

    def legacy(self, version: str = "2025-11-25", principal: str = "ann", **capabilities: Any) -> Talk:
        talk = Talk(self._conversation(principal), None)
        client = {"name": "test", "version": "1"}
        talk.get("initialize", {"protocolVersion": version, "capabilities": capabilities, "clientInfo": client})
        return talk

    def _conversation(self, principal: str) -> Conversation:
        return Conversation(
            session=Session(self.offer),
            services=self._services,
            caller=Caller(principal, Principal(principal)),
            notify=lambda frame: self.notices.append(msgspec.json.decode(frame)),
        )


@pytest.fixture
def make_desk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    """A desk whose wall clock only the test moves."""

    def make(catalogue: Catalogue, **settings: Any) -> Desk:
        desk = Desk(catalogue, **settings)
        for module in (vouchers, task_runs, tasks):
            monkeypatch.setattr(module, "time", WallClock(desk.now))
        return desk

    return make
