"""HTTP+SSE in both dialects."""

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Body = Callable[..., Any]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25"])
def test_the_standard_dialect(http: Any, request_body: Body, revision: str) -> None:
    stream = http.open_stream("text/event-stream")
    assert stream.response.headers["content-type"] == "text/event-stream"
    assert stream.response.headers["cache-control"] == "no-cache, no-transform"
    name, endpoint = stream.next()
    assert name == "endpoint"
    assert re.fullmatch(r"/message\?session_id=[A-Za-z0-9_-]{43}", endpoint)
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    reply = http.request("POST", endpoint, request_body("initialize", params))
    assert (reply.status, reply.body) == (202, b"")
    assert stream.message()["result"]["protocolVersion"] == revision
    assert http.request("POST", endpoint, request_body("notifications/initialized", request_id=None)).status == 202
    call = request_body("tools/call", {"name": "read_file", "arguments": {"path": "README.md"}}, request_id="x")
    assert http.request("POST", endpoint, call).status == 202
    answer = stream.message()
    assert answer["id"] == "x"
    assert answer["result"]["content"][0]["text"] == "# My Project\n"


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_the_dialect_of_the_original_design(http: Any, request_body: Body, accept: str) -> None:
    stream = http.open_stream(accept)
    name, data = stream.next()
    assert name == "connected"
    facts = json.loads(data)
    assert set(facts) == {"client_id", "server", "version"}
    assert facts["server"] == "filewarden"
    path = f"/message?client_id={facts['client_id']}"
    assert http.request("POST", path, request_body("initialize")).status == 202
    assert stream.message()["result"]["protocolVersion"] == "2024-11-05"


def test_everything_goes_over_the_one_stream(talking: Any, request_body: Body, call_body: Body) -> None:
    stream = talking.open_stream()
    endpoint = stream.next()[1]

    def tell(message: Any) -> None:
        assert talking.request("POST", endpoint, message).status == 202

    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "t", "version": "1"},
    }
    tell(request_body("initialize", params))
    stream.message()
    tell(call_body("report", 2, token="t", count=2))
    assert stream.message()["params"]["progressToken"] == "t"
    while (message := stream.message()).get("id") != 2:
        assert message["method"] == "notifications/progress"
    tell(call_body("ask", 3))
    question = stream.message()
    assert question["method"] == "elicitation/create"
    tell({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"sure": True}}})
    assert stream.message()["result"]["structuredContent"]["done"] is True


def test_modern_requests_are_refused_on_this_transport(talking: Any, request_body: Body, modern_body: Body) -> None:
    stream = talking.open_stream()
    endpoint = stream.next()[1]
    for request_id in (1, 3):
        talking.request("POST", endpoint, modern_body("server/discover", request_id=request_id))
        refused = stream.message()
        assert (refused["id"], refused["error"]["code"]) == (request_id, -32600)
        talking.request("POST", endpoint, request_body("initialize", request_id=2))
        stream.message()


def test_a_message_needs_the_id_of_an_open_stream(http: Any, request_body: Body) -> None:
    body = request_body("ping")
    assert http.request("POST", "/message", body).status == 400
    assert http.request("POST", "/message?client_id=", body).status == 400
    assert http.request("POST", "/message?client_id=unknown", body).status == 404
    assert http.request("POST", "/message?session_id=unknown", body).status == 404


def test_what_is_wrong_with_a_message_is_said_on_the_stream(http: Any) -> None:
    stream = http.open_stream()
    endpoint = stream.next()[1]
    assert http.request("POST", endpoint, b"{").status == 202
    assert stream.message()["error"]["code"] == -32700
    assert http.request("POST", endpoint, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).status == 202
    assert stream.message()["error"]["code"] == -32600


def test_a_stream_that_closes_ends_its_conversation(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(faulty=True)
    stream = server.open_stream()
    endpoint = stream.next()[1]
    server.request("POST", endpoint, request_body("initialize"))
    server.request("POST", endpoint, request_body("tools/call", {"name": "sleep", "arguments": {}}, request_id=2))
    server.wait_for_status(lambda status: status["pool"]["busy"] == 1 and status["clients"]["sse"] == 1)
    stream.close()
    server.wait_for_status(lambda status: status["calls"]["cancelled"] == 1 and status["clients"]["sse"] == 0)
    assert server.request("POST", endpoint, request_body("ping")).status == 404


def test_too_many_streams_are_refused(start_http: Callable[..., Any]) -> None:
    server = start_http(FILEWARDEN_HTTP_MAX_SESSIONS="1")
    server.open_stream()
    refused = server.get("/sse")
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0


@contextlib.contextmanager
def deaf_stream(server: Any) -> Iterator[str]:
    """A stream that nobody reads once it is open: where its messages are posted to."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = f"GET /sse HTTP/1.1\r\nHost: localhost:{server.port}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        deaf.sendall(head.encode())
        received = b""
        while b'","server"' not in received:
            received += deaf.recv(4096)
        client_id = received.partition(b'"client_id":"')[2].partition(b'"')[0].decode()
        yield f"/message?client_id={client_id}"


@pytest.fixture
def large_file(tree: Any) -> str:
    (tree / "large.txt").write_text("x" * 1_000_000)
    (tree / "large.txt").chmod(0o644)
    return "large.txt"


def test_a_client_that_never_reads_is_dropped(
    start_http: Callable[..., Any], large_file: str, request_body: Body
) -> None:
    server = start_http()
    with deaf_stream(server) as path:
        server.request("POST", path, request_body("initialize"))
        statuses = []
        for number in range(40):
            call = request_body(
                "tools/call", {"name": "read_file", "arguments": {"path": large_file}}, request_id=number
            )
            statuses.append(server.request("POST", path, call).status)
            if statuses[-1] == 404:
                break
        status = server.wait_for_status(lambda status: status["clients"]["sse"] == 0)
    server.wait_for_error("did not read its events was dropped")
    assert status["refusals"]["slow_reader"] == 1
    assert statuses[0] == 202


@pytest.mark.parametrize(("bound", "is_dropped"), [("16777216", True), ("134217728", False)])
def test_what_all_clients_leave_unread_is_bounded_by_a_setting(
    bound: str, is_dropped: bool, start_http: Callable[..., Any], large_file: str, request_body: Body
) -> None:
    server = start_http(FILEWARDEN_HTTP_MAX_UNREAD_BYTES=bound)
    with contextlib.ExitStack() as streams:
        for path in [streams.enter_context(deaf_stream(server)) for _ in range(14)]:
            server.request("POST", path, request_body("initialize"))
            for number in range(7):  # less than one stream may have by itself
                call = request_body(
                    "tools/call", {"name": "read_file", "arguments": {"path": large_file}}, request_id=number
                )
                server.request("POST", path, call)
        status = server.wait_for_status(lambda status: status["queue"]["depth"] == status["pool"]["busy"] == 0)
        assert bool(status["refusals"]["slow_reader"]) is is_dropped
        assert (status["clients"]["sse"] < 14) is is_dropped
