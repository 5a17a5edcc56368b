"""Bodies that come slowly or never: they cost their senders, and nobody else."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.integration

MEGABYTE = 1024 * 1024


@pytest.fixture
def uploads() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as open_sockets:
        yield open_sockets


def begin_upload(server: Any, size: int, open_sockets: contextlib.ExitStack) -> socket.socket:
    """Send all of a body but its end."""
    connection = open_sockets.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
    fields = server.headers(b"", {"content-type": "application/json", "content-length": str(size)})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{head}\r\n".encode())
    with contextlib.suppress(OSError):
        connection.sendall(b" " * (size - 10))
    return connection


def test_many_uploads_harm_no_call_and_stay_within_their_budget(
    start_http: Callable[..., Any], request_body: Callable[..., Any], uploads: contextlib.ExitStack
) -> None:
    server = start_http(faulty=True)
    session = server.open_session()
    answers: list[Any] = []
    call = request_body("tools/call", {"name": "sleep", "arguments": {"seconds": 2.0}})
    sleeper = threading.Thread(target=lambda: answers.append(server.post(call, **{"mcp-session-id": session})))
    sleeper.start()
    before = psutil.Process(server.pid).memory_info().rss
    connections = [begin_upload(server, 16 * MEGABYTE, uploads) for _ in range(12)]
    refused = 0
    for connection in connections:
        connection.settimeout(0.2)
        with contextlib.suppress(OSError):
            refused += b" 503 " in connection.recv(200)
    sleeper.join(20)
    assert refused >= 6
    assert answers[0].status == 200
    assert answers[0].json["result"]["structuredContent"]["done"] is True
    assert server.status()["pool"]["restarts_total"] == 0
    assert psutil.Process(server.pid).memory_info().rss - before < 300 * MEGABYTE


def test_a_large_body_is_taken_when_there_is_room(
    start_http: Callable[..., Any], request_body: Callable[..., Any]
) -> None:
    server = start_http()
    session = server.open_session()
    reply = server.post(request_body("ping", {"padding": "x" * (15 * MEGABYTE)}), **{"mcp-session-id": session})
    assert reply.status == 200
    assert reply.json["result"] == {}
