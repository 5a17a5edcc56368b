"""Streamable HTTP in the legacy revisions, as a client sees it."""

import http.client
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.drivers.messages import CLIENT

pytestmark = pytest.mark.integration

Body = Callable[..., Any]
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
ENVELOPE = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


@pytest.fixture(scope="module")
def session(http: Any) -> str:
    """A session of 2025-06-18, for tests that leave it as it is."""
    opened: str = http.open_session()
    return opened


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_session_in_each_revision(http: Any, request_body: Body, revision: str) -> None:
    session = http.open_session(revision)
    assert re.fullmatch(r"[\x21-\x7e]{43,}", session)
    named = {"mcp_session_id": session, "mcp_protocol_version": revision}
    accepted = http.post(request_body("notifications/initialized", request_id=None), **named)
    assert (accepted.status, accepted.body) == (202, b"")
    listed = http.post(request_body("tools/list", request_id="a"), **named)
    assert listed.status == 200
    assert listed.headers["content-type"] == "application/json"
    assert listed.json["id"] == "a"
    assert "read_file" in {tool["name"] for tool in listed.json["result"]["tools"]}
    call = request_body("tools/call", {"name": "read_file", "arguments": {"path": "README.md"}}, request_id=0)
    called = http.post(call, mcp_session_id=session)
    assert called.json["id"] == 0
    assert called.json["result"]["content"][0]["text"] == "# My Project\n"
    ended = http.request("DELETE", "/mcp", **named)
    assert (ended.status, ended.body) == (204, b"")
    assert http.post(request_body("ping"), **named).status == 404
    assert http.request("DELETE", "/mcp", **named).status == 404


def test_session_ids_differ(http: Any) -> None:
    assert len({http.open_session() for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("status", "code", "body"),
    [
        (400, -32600, {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}),
        (400, -32600, {"jsonrpc": "2.0", "id": 7, "method": "ping"}),
        (400, -32600, {"jsonrpc": "2.0", "method": "notifications/initialized"}),
        (400, -32600, [{"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": {}}]),
        (400, -32600, {"jsonrpc": "1.0", "id": 7, "method": "initialize"}),
        (400, -32602, {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": ENVELOPE}),
        (400, -32700, b"{"),
        (400, -32700, b"\xff"),
        (400, -32700, b""),
        (400, -32700, b"[" * 100_000),
    ],
)
def test_what_is_refused_without_a_session(http: Any, status: int, code: int, body: Any) -> None:
    reply = http.post(body)
    assert reply.status == status
    assert reply.json["error"]["code"] == code
    assert reply.json.get("id", 7) == 7
    assert "mcp-session-id" not in reply.headers


def test_an_initialize_that_fails_opens_nothing(http: Any, request_body: Body) -> None:
    reply = http.post(request_body("initialize", {"protocolVersion": 5}))
    assert reply.status == 200
    assert reply.json["error"]["code"] == -32602
    assert "mcp-session-id" not in reply.headers


def test_unknown_sessions_are_not_found(http: Any, request_body: Body) -> None:
    assert http.post(request_body("ping"), mcp_session_id="unknown").status == 404
    assert http.request("DELETE", "/mcp", mcp_session_id="unknown").status == 404
    assert http.request("DELETE", "/mcp").status == 400


@pytest.mark.parametrize("header", ["", *REVISIONS])
def test_a_session_speaks_its_version_whichever_legacy_one_the_header_names(
    http: Any, request_body: Body, header: str
) -> None:
    session = http.open_session("2024-11-05")
    listed = http.post(request_body("tools/list"), mcp_session_id=session, mcp_protocol_version=header)
    assert listed.status == 200
    assert all("annotations" not in tool for tool in listed.json["result"]["tools"])  # as of 2025-03-26
    assert http.request("DELETE", "/mcp", mcp_session_id=session, mcp_protocol_version=header).status == 204


@pytest.mark.parametrize("header", ["2025-06-19", "9999-99-99", "v1", "2025-06-18, 2025-06-18", "2026-07-28"])
def test_a_version_that_is_none_of_theirs_is_refused_in_a_session(http: Any, request_body: Body, header: str) -> None:
    session = http.open_session("2025-06-18")
    reply = http.post(request_body("ping"), mcp_session_id=session, mcp_protocol_version=header)
    assert reply.status == 400
    assert "result" not in reply.json
    assert http.post(request_body("ping"), mcp_session_id=session).json["result"] == {}


def test_answers_of_a_session_are_streams_where_that_is_set(start_http: Any, request_body: Body) -> None:
    server = start_http(FILEWARDEN_HTTP_ALWAYS_STREAM="true")
    session = server.open_session("2025-11-25")
    reply = server.post(request_body("tools/list"), mcp_session_id=session)
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert b'"tools":[' in reply.body
    assert server.post(request_body("notifications/initialized", None, None), mcp_session_id=session).status == 202


@pytest.mark.parametrize(
    ("code", "method", "params"),
    [
        (-32601, "no/such/method", {}),
        (-32601, "server/discover", {}),
        (-32601, "subscriptions/listen", {"notifications": {}}),
        (-32601, "tasks/get", {"taskId": "x"}),
        (-32600, "initialize", CLIENT),
        (-32602, "tools/call", {"name": "no_such_tool"}),
        (-32602, "tools/call", {"arguments": {}}),
        (-32602, "tools/call", {"name": "read_file", "arguments": "text"}),
        (-32602, "tools/list", {"cursor": "made up"}),
        (-32602, "tools/list", []),
        (-32602, "logging/setLevel", {"level": "loud"}),
        (-32002, "resources/read", {"uri": "file:///no/such"}),
    ],
)
def test_each_failure_of_a_request_is_an_answer(http: Any, session: str, code: int, method: str, params: Any) -> None:
    body = {"jsonrpc": "2.0", "id": "mine", "method": method, "params": params}
    reply = http.post(body, mcp_session_id=session)
    assert (reply.status, reply.json["error"]["code"], reply.json["id"]) == (200, code, "mine")
    if code == -32002:
        assert reply.json["error"]["data"] == {"uri": "file:///no/such"}


@pytest.mark.parametrize("arguments", [{"path": "missing"}, {"path": "../.."}, {"no": "such"}, {"path": 5}])
def test_what_the_model_can_mend_is_a_result(http: Any, session: str, call_body: Body, arguments: Any) -> None:
    reply = http.post(call_body("read_file", **arguments), mcp_session_id=session)
    assert reply.status == 200
    assert reply.json["result"]["isError"] is True


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (-32700, b"{"),
        (-32700, b"\xff"),
        (-32600, b"5"),
        (-32600, {"jsonrpc": "1.0", "id": 1, "method": "ping"}),
        (-32600, {"jsonrpc": "2.0", "id": None, "method": "ping"}),
        (-32600, [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]),
    ],
)
def test_what_is_no_message_of_a_session_is_refused(http: Any, session: str, code: int, body: Any) -> None:
    reply = http.post(body, mcp_session_id=session)
    assert (reply.status, reply.json["error"]["code"]) == (400, code)


def test_an_answer_that_nobody_asked_for_is_accepted(http: Any, session: str) -> None:
    assert http.post({"jsonrpc": "2.0", "id": 5, "result": {}}, mcp_session_id=session).status == 202


def test_batches_go_where_the_revision_has_them(http: Any, request_body: Body) -> None:
    batch = [
        request_body("ping"),
        request_body("notifications/initialized", request_id=None),
        request_body("ping", request_id=2),
    ]
    session = http.open_session("2025-03-26")
    answered = http.post(batch, mcp_session_id=session)
    assert answered.status == 200
    assert [each["id"] for each in json.loads(answered.body)] == [1, 2]
    silent = http.post([request_body("notifications/initialized", request_id=None)], mcp_session_id=session)
    assert (silent.status, silent.body) == (202, b"")
    refused = http.post(batch, mcp_session_id=http.open_session("2025-06-18"))
    assert (refused.status, refused.json["error"]["code"]) == (400, -32600)


def test_equal_ids_in_two_sessions_are_told_apart(http: Any, request_body: Body) -> None:
    sessions = [http.open_session() for _ in range(8)]
    paths = ["README.md", "missing.md"]

    def call(number: int) -> bool:
        arguments = {"path": paths[number % 2]}
        body = request_body("tools/call", {"name": "read_file", "arguments": arguments}, request_id=1)
        return "isError" in http.post(body, mcp_session_id=sessions[number]).json["result"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [False, True] * 4


def test_too_many_sessions_are_refused_until_one_ends(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(FILEWARDEN_HTTP_MAX_SESSIONS="2")
    first, _second = server.open_session(), server.open_session()
    assert server.status()["clients"]["http"] == 2
    refused = server.post(request_body("initialize"))
    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    server.request("DELETE", "/mcp", mcp_session_id=first)
    assert server.status()["clients"]["http"] == 1
    server.open_session()


def test_an_idle_session_ends(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(FILEWARDEN_HTTP_SESSION_IDLE_S="1")
    session = server.open_session()
    server.wait_for_status(lambda status: status["clients"]["http"] == 0)
    assert server.post(request_body("ping"), mcp_session_id=session).status == 404


@pytest.fixture
def slow(start_http: Callable[..., Any]) -> Any:
    """A server with tools that take their time."""
    return start_http(faulty=True)


def sleeping(request_body: Body, seconds: float, request_id: int = 5) -> Any:
    return request_body("tools/call", {"name": "sleep", "arguments": {"seconds": seconds}}, request_id=request_id)


def busy(server: Any) -> Any:
    return server.wait_for_status(lambda status: status["pool"]["busy"] == 1)


@pytest.mark.parametrize("how", ["notification", "delete"])
def test_a_cancelled_request_ends_its_exchange_with_an_error(slow: Any, request_body: Body, how: str) -> None:
    session = slow.open_session()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.post, sleeping(request_body, 9), mcp_session_id=session)
        busy(slow)
        if how == "delete":
            assert slow.request("DELETE", "/mcp", mcp_session_id=session).status == 204
        else:
            note = request_body("notifications/cancelled", {"requestId": 5}, request_id=None)
            assert slow.post(note, mcp_session_id=session).status == 202
        reply = waiting.result(20)
    assert (reply.status, reply.json["id"], reply.json["error"]["code"]) == (200, 5, -32800)
    slow.wait_for_status(lambda status: status["pool"]["busy"] == 0 and status["calls"]["cancelled"] == 1)


def test_a_client_that_disconnects_cancels_nothing(slow: Any, request_body: Body) -> None:
    session = slow.open_session()
    body = sleeping(request_body, 1.5)
    connection = http.client.HTTPConnection("127.0.0.1", slow.port)
    connection.request("POST", "/mcp", json.dumps(body), slow.headers(body, {"mcp_session_id": session}))
    busy(slow)
    connection.close()
    status = slow.wait_for_status(lambda status: status["calls"]["total"] == 1)
    assert (status["calls"]["cancelled"], status["calls"]["errors"]) == (0, 0)


def test_a_session_with_a_call_is_not_idle(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(faulty=True, FILEWARDEN_HTTP_SESSION_IDLE_S="1")
    session = server.open_session()
    assert "result" in server.post(sleeping(request_body, 2.2), mcp_session_id=session).json


def test_one_slow_call_holds_nobody_else_up(slow: Any, request_body: Body) -> None:
    first, second = slow.open_session(), slow.open_session()
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.post, sleeping(request_body, 3.0), mcp_session_id=first)
        waiting.add_done_callback(lambda _: ended.set())
        busy(slow)
        for number in range(10):
            call = request_body("tools/call", {"name": "get_file_info", "arguments": {"path": "."}}, request_id=number)
            assert slow.post(call, mcp_session_id=second).status == 200
        assert not ended.is_set()
        assert waiting.result(20).status == 200
