"""What HAProxy, as we configure it, makes of a replica that answers 503; three of a few lines stand for real ones."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.messages import rpc
from tests.replicas.conftest import NAMES, Entrance, balanced, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


class Replica(ThreadingHTTPServer):
    """Opens sessions that no other one knows; while it is `busy`, everything but its readiness is answered with 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.busy = False
        self.seen: Counter[int] = Counter()

    def handle_error(self, *_: Any) -> None:
        """Checks of readiness hang up as soon as they know."""


class Desk(BaseHTTPRequestHandler):
    """One connection to a replica."""

    server: Replica
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        session = self.headers["Mcp-Session-Id"]
        own = str(self.server.server_port)
        status = 503 if self.server.busy else 200 if session in (None, own) else 404
        self.server.seen[status] += 1
        self._answer(status, own)

    def _answer(self, status: int, session: str = "") -> None:
        self.send_response(status)
        if session and status == 200:
            self.send_header("Mcp-Session-Id", session)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[dict[str, Replica]]:
    with contextlib.ExitStack() as stack:
        made = {name: stack.enter_context(Replica()) for name in NAMES}
        for each in made.values():
            threading.Thread(target=each.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(each.shutdown)
        yield made


@pytest.fixture(scope="module")
def door(stand_ins: dict[str, Replica], haproxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    made, log = Entrance(free_port(), "secret"), Path(tmp_path_factory.mktemp("haproxy")) / "log"
    with balanced(haproxy, made, {name: each.server_port for name, each in stand_ins.items()}, log):
        yield made


def ask(door: Entrance, **headers: str) -> tuple[int, str | None]:
    with contextlib.closing(door.connect()) as connection:
        connection.request("POST", "/mcp", json.dumps(rpc("tools/list")), door.headers(**headers))
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["Mcp-Session-Id"]


def test_a_session_is_asked_of_nobody_else_while_its_replica_is_busy(
    door: Entrance, stand_ins: dict[str, Replica]
) -> None:
    status, session = ask(door)
    assert status == 200
    assert session is not None
    (own,) = (each for each in stand_ins.values() if str(each.server_port) == session)
    own.busy = True
    assert ask(door, Mcp_Session_Id=session)[0] == 503, "another one would say that there is no such session"
    own.busy = False
    assert ask(door, Mcp_Session_Id=session) == (200, session)
    assert not any(each.seen[404] for each in stand_ins.values())


@pytest.mark.parametrize("headers", [{}, {"MCP_Protocol_Version": "2026-07-28"}], ids=["session", "change"])
def test_what_a_busy_replica_has_not_begun_is_taken_to_another_one(
    headers: dict[str, str], door: Entrance, stand_ins: dict[str, Replica]
) -> None:
    for name in NAMES[:2]:
        stand_ins[name].busy = True
    try:
        assert [ask(door, **headers)[0] for _ in range(6)] == [200] * 6
    finally:
        for each in stand_ins.values():
            each.busy = False
