"""When the answers of the one client on stdio leave; ticks, time and workers are in the test's hands."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from filewarden.broker.guests import Guests
from filewarden.broker.holdings import Holdings
from filewarden.broker.protocol.outcome import Asked, Succeeded
from filewarden.config.settings import Settings
from filewarden.transports import outlet, stdio
from filewarden.transports.stdio import Stdio
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.inquiry import form
from filewarden.workers.tool import Tool
from tests.drivers.desk import Desk

CLIENT = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "test", "version": "1"},
}
PING: tuple[str, dict[str, Any]] = ("ping", {})
LOOK: tuple[str, dict[str, Any]] = ("tools/call", {"name": "look", "arguments": {}})


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


DONE = Succeeded(Nothing())
ASKED = Asked({"sure": form("Sure?", {"confirm": {"type": "boolean"}})})


class Ticks:
    """A reactor whose tick ends when the test says so."""

    def __init__(self) -> None:
        self.ready: dict[int, Callable[[], None]] = {}
        self._concluding: list[Callable[[], None]] = []
        self._now = count(0.0, 0.05)

    def now(self) -> float:
        """Time passes whenever somebody looks."""
        return next(self._now)

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        self.ready[fd] = ready

    def watch_writable(self, fd: int, ready: Callable[[], None]) -> None:
        self.ready[fd] = ready

    def forget(self, fd: int) -> None:
        self.ready.pop(fd, None)

    def conclude(self, action: Callable[[], None]) -> None:
        self._concluding.append(action)

    def end(self) -> None:
        due, self._concluding = self._concluding, []
        for action in due:
            action()


class Line:
    """A client's ends of the two streams; its session is open."""

    def __init__(self, server: Stdio, streams: tuple[socket.socket, socket.socket], hear: Callable[[], None]) -> None:
        self.server = server
        self._to_server, self._from_server = streams
        self._hear = hear
        self._ids = count()
        self.say(("initialize", CLIENT))
        assert self.heard() == [0]

    def say(self, *requests: tuple[str, dict[str, Any]]) -> None:
        """Let requests arrive together, numbered on from 1; the tick goes on."""
        for method, params in requests:
            request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
            self._to_server.sendall(msgspec.json.encode(request) + b"\n")
        self._hear()

    def read_line(self) -> bytes:
        """Wait for all of one that is on its way."""
        line = b""
        while not line.endswith(b"\n"):
            line += self._from_server.recv(1 << 16)
        return line

    def heard(self) -> list[Any]:
        """The ids of the answers and questions that have left since; None stands for a notification."""
        try:
            data = self._from_server.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        return [msgspec.json.decode(line).get("id") for line in data.splitlines()]


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def desk() -> Desk:
    run: Any = None
    look = Tool(name="look", title="", description="", arguments=Nothing, result=Nothing, run=run)
    return Desk(Catalogue([look]))


@pytest.fixture
def line(ticks: Ticks, desk: Desk) -> Iterator[Line]:
    to_server, server_in = socket.socketpair()
    from_server, server_out = socket.socketpair()
    with to_server, server_in, from_server, server_out:
        reactor: Any = ticks
        broker: Any = SimpleNamespace(
            holdings=Holdings(),
            settings=Settings(),
            guests=Guests(),
            turn_away=lambda reason: None,
            open_conversation=lambda caller, notify: desk.converse(caller.client, notify),
        )
        server = Stdio(
            reactor=reactor,
            broker=broker,
            streams=(server_in.fileno(), server_out.fileno()),
            max_line_bytes=1000,
            start_s=1.0,
            stop=lambda: None,
        )
        server.start()
        yield Line(server, (to_server, from_server), ticks.ready[server_in.fileno()])


def test_the_last_answer_that_is_owed_leaves_before_the_end_of_the_tick(line: Line, desk: Desk) -> None:
    line.say(PING)
    assert line.heard() == [1]
    line.say(LOOK)
    desk.calls[0].end(DONE)
    assert line.heard() == [2], "before anybody notes how the call ended"


def test_an_answer_waits_for_those_of_what_came_with_it(line: Line, ticks: Ticks) -> None:
    line.say(PING, PING, PING)
    assert line.heard() == []
    ticks.end()
    assert line.heard() == [1, 2, 3]


def test_an_answer_waits_for_those_of_calls_under_way(line: Line, desk: Desk, ticks: Ticks) -> None:
    line.say(LOOK, LOOK)
    line.say(PING)
    assert line.heard() == []
    ticks.end()
    assert line.heard() == [3], "but not beyond the tick"
    for call in reversed(desk.calls):
        call.end(DONE)
    assert line.heard() == []
    ticks.end()
    assert line.heard() == [2, 1]


def test_a_question_is_asked_also_of_a_client_that_has_much_to_read(
    line: Line, desk: Desk, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "MANY_BYTES", 1)
    line.say(LOOK, LOOK)
    desk.calls[0].end(DONE)
    line.server.tell(b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    desk.calls[1].end(ASKED)
    ticks.end()
    assert line.heard() == [1, "filewarden-1"], "it did without the notification"


def test_what_is_left_at_the_end_arrives_as_long_as_the_client_reads(line: Line) -> None:
    much = b"x" * 3_000_000
    line.server.send(much)
    with ThreadPoolExecutor(1) as client:
        received = client.submit(line.read_line)
        line.server.flush()
        assert received.result(10) == much + b"\n"


def test_a_client_that_does_not_read_at_the_end_is_not_waited_for(
    line: Line, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "UNREAD_S", 0.01)
    line.server.send(b"x" * 3_000_000)
    line.server.flush()
    assert ticks.now() < stdio.LAST_FLUSH_S
