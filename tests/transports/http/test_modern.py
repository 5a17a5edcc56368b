"""Streamable HTTP of 2026-07-28, as a client sees it."""

import base64
import http.client
import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.drivers.busy import BUSY_S

pytestmark = pytest.mark.integration

Body = Callable[..., Any]
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
REMOVED = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/list",
    "tasks/result",
]
READ = {"name": "read_file", "arguments": {"path": "README.md"}}


def messages(stream: Any) -> list[Any]:
    """Everything that an event stream still carries; none of its events has an id."""
    found = []
    while (event := stream.event()).name:
        assert event.id == event.retry == ""
        if event.name != ":":
            found.append(json.loads(event.data))
    return found


def test_discovery_and_a_call_leave_nothing_behind(talking: Any) -> None:
    found = talking.modern("server/discover", request_id=0, mcp_session_id="made up", last_event_id="1-1")
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert "mcp-session-id" not in found.headers
    assert found.json["id"] == 0
    assert found.json["result"]["supportedVersions"] == ["2026-07-28"]
    called = talking.modern("tools/call", READ, request_id="")
    assert (called.status, called.json["id"]) == (200, "")
    assert called.json["result"]["resultType"] == "complete"
    assert called.json["result"]["content"][0]["text"] == "# My Project\n"


@pytest.mark.parametrize(
    ("status", "code", "method", "params", "headers"),
    [
        (400, -32602, "tools/list", {"_meta": None}, {}),
        (400, -32602, "tools/list", {"_meta": {VERSION: None}}, {}),
        (400, -32602, "tools/list", {"_meta": {CAPABILITIES: None}}, {}),
        (400, -32602, "tools/list", {"_meta": {VERSION: 5}}, {}),
        (400, -32602, "tools/list", {"_meta": {CAPABILITIES: []}}, {}),
        (400, -32602, "no/such", {"_meta": {CAPABILITIES: None}}, {"mcp_method": "differs"}),
        (400, -32020, "tools/list", {}, {"mcp_protocol_version": "2025-11-25"}),
        (400, -32020, "tools/list", {}, {"mcp_protocol_version": ""}),
        (400, -32020, "tools/list", {}, {"mcp_protocol_version": "v1"}),
        (400, -32020, "tools/list", {}, {"mcp_method": ""}),
        (400, -32020, "tools/list", {}, {"mcp_method": "Tools/List"}),
        (400, -32020, "no/such", {}, {"mcp_method": "tools/list"}),
        (400, -32020, "tools/call", READ, {"mcp_name": ""}),
        (400, -32020, "tools/call", READ, {"mcp_name": "get_file_info"}),
        (400, -32020, "tools/call", READ, {"mcp_name": "=?base64?cmVhZF9maWxl?=x"}),
        (400, -32020, "tools/call", READ, {"mcp_name": "=?base64?cmVhZF9maWx?="}),
        (400, -32020, "tools/list", {"_meta": {VERSION: "v1"}}, {"mcp_protocol_version": "2026-07-28"}),
        (400, -32022, "tools/list", {"_meta": {VERSION: "v1"}}, {}),
        (400, -32022, "no/such", {"_meta": {VERSION: "2025-11-25"}}, {}),
        (400, -32021, "tools/call", {"name": "lengthy"}, {}),
        (404, -32601, "no/such", {}, {}),
        *[(404, -32601, method, {}, {}) for method in REMOVED],
        (200, -32602, "tools/call", {"name": "no_such_tool"}, {}),
        (200, -32602, "tools/call", {"name": "read_file", "arguments": []}, {}),
        (200, -32602, "tools/call", {}, {}),
        (200, -32602, "tools/list", {"cursor": "made up"}, {}),
        (200, -32602, "tools/call", {"name": "=?base64?x?="}, {"mcp_name": "=?base64?PT9iYXNlNjQ/eD89?="}),
        (200, -32602, "tools/call", {**READ, "requestState": "made up", "inputResponses": {}}, {}),
    ],
)
def test_each_failure_has_its_code_and_status_and_the_id_of_its_request(
    talking: Any, status: int, code: int, method: str, params: Any, headers: dict[str, str]
) -> None:
    meta = params.get("_meta", {})
    body: Any = {"jsonrpc": "2.0", "id": "mine", "method": method, "params": dict(params)}
    whole = {VERSION: "2026-07-28", CAPABILITIES: {}, **(meta or {})}
    body["params"]["_meta"] = {name: value for name, value in whole.items() if value is not None}
    if meta is None:
        body["params"] = {}
    usual = {"mcp_protocol_version": str(whole[VERSION] or "2026-07-28"), "mcp_method": method}
    if "name" in params:
        usual["mcp_name"] = params["name"]
    reply = talking.post(body, **{**usual, **headers})
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert reply.json["id"] == "mine"
    if code == -32022:
        assert reply.json["error"]["data"]["supported"] == ["2026-07-28"]
    if code == -32021:
        assert isinstance(reply.json["error"]["data"]["requiredCapabilities"], dict)


def test_resources_are_named_by_their_uri_in_the_header(http: Any) -> None:
    accent = "\N{LATIN SMALL LETTER E WITH ACUTE}"
    absent = f"file:///no/such/{accent}"
    encoded = base64.b64encode(absent.encode()).decode()
    reply = http.modern("resources/read", {"uri": absent}, mcp_name=f"=?base64?{encoded}?=")
    assert (reply.status, reply.json["error"]["code"]) == (200, -32602)
    assert reply.json["error"]["data"]["uri"] == absent
    listed = http.modern("resources/list").json["result"]
    uri = next(each["uri"] for each in listed["resources"] if each["uri"].endswith("README.md"))
    found = http.modern("resources/read", {"uri": uri}, request_id=2)
    assert found.json["result"]["contents"][0]["text"] == "# My Project\n"
    refused = http.modern("resources/read", {"uri": uri}, mcp_name="file:///no/such")
    assert (refused.status, refused.json["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize(
    "arguments",
    [{"path": "missing"}, {"path": "../.."}, {"no": "such"}, {"path": 5}, {"path": "README.md", "head": -1}],
)
def test_what_the_model_can_mend_is_a_result(talking: Any, arguments: Any) -> None:
    reply = talking.modern("tools/call", {"name": "read_file", "arguments": arguments})
    assert reply.status == 200
    assert reply.json["result"]["isError"] is True


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (-32700, b"{"),
        (-32700, b"\xff"),
        (-32700, b""),
        (-32600, b"[]"),
        (-32600, [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}]),
        (-32600, {"jsonrpc": "2.0", "id": 1, "result": {}}),
        (-32600, {"jsonrpc": "1.0", "id": 1, "method": "tools/list"}),
        (-32600, b"5"),
    ],
)
def test_what_is_no_request_or_notification(talking: Any, code: int, body: Any) -> None:
    reply = talking.post(body, mcp_protocol_version="2026-07-28", mcp_method="tools/list")
    assert (reply.status, reply.json["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (202, {}),
        (202, {"mcp_protocol_version": "2026-07-28"}),
        (202, {"mcp_protocol_version": "2026-07-28", "mcp_method": "notifications/cancelled"}),
        (400, {"mcp_protocol_version": "v1"}),
        (400, {"mcp_method": "tools/list"}),
    ],
)
def test_a_notification_is_accepted_unless_its_headers_lie(
    talking: Any, request_body: Body, status: int, headers: dict[str, str]
) -> None:
    meta = {VERSION: "2026-07-28", CAPABILITIES: {}}
    note = request_body("notifications/cancelled", {"requestId": 1, "_meta": meta}, request_id=None)
    reply = talking.post(note, **headers)
    assert reply.status == status
    assert bool(reply.body) is (status == 400)


@pytest.mark.parametrize("version", ["2024-01-01", "2026-07-28, 2026-07-28"])
def test_nothing_of_a_version_that_is_not_served_is_accepted(talking: Any, request_body: Body, version: str) -> None:
    session = talking.open_session()
    named = {"mcp_session_id": session, "mcp_protocol_version": version}
    note = request_body("notifications/initialized", request_id=None)
    assert talking.post(note, **named).status == 400
    for method in ("GET", "DELETE"):
        assert talking.request(method, "/mcp", accept="text/event-stream", **named).status == 400
    meta = {VERSION: "2024-01-01", CAPABILITIES: {}}
    enveloped = request_body("notifications/cancelled", {"requestId": 1, "_meta": meta}, request_id=None)
    assert talking.post(enveloped).json["error"]["code"] == -32022
    assert talking.post(note, mcp_session_id=session).status == 202


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_only_post(talking: Any, method: str) -> None:
    reply = talking.request(method, "/mcp", mcp_protocol_version="2026-07-28", mcp_session_id=talking.open_session())
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html", "application/json;q=0, */*"])
def test_a_client_takes_documents_and_events(talking: Any, accept: str) -> None:
    assert talking.modern("tools/list", accept=accept).status == 406


@pytest.mark.parametrize("accept", ["*/*", "application/*, text/*", ""])
def test_wildcards_count(talking: Any, accept: str) -> None:
    assert talking.modern("tools/list", accept=accept).status == 200


def test_header_names_have_any_case_and_values_may_be_padded_or_in_base64(talking: Any, modern_body: Body) -> None:
    body = json.dumps(modern_body("tools/call", READ)).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: localhost:{talking.port}\r\nAuthorization: Bearer {talking.token}\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nConnection: close\r\nMCP-PROTOCOL-VERSION:2026-07-28\r\n"
        f"mcp-METHOD: \t tools/call \t\r\nMcP-nAmE:  =?base64?cmVhZF9maWxl?= \r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reply = talking.send_bytes(head.encode() + body)
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"# My Project" in reply


def test_a_header_that_comes_twice_is_refused(talking: Any, modern_body: Body) -> None:
    body = json.dumps(modern_body("tools/list", request_id="twice")).encode()
    for extra in ("Mcp-Method: tools/list", "MCP-Protocol-Version: 2026-07-28"):
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: localhost:{talking.port}\r\nAuthorization: Bearer {talking.token}\r\n"
            "Content-Type: application/json\r\nConnection: close\r\nMCP-Protocol-Version: 2026-07-28\r\n"
            f"Mcp-Method: tools/list\r\n{extra}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reply = talking.send_bytes(head.encode() + body)
        assert reply.startswith(b"HTTP/1.1 400 ")
        assert b"-32020" in reply
        assert b'"twice"' in reply


@pytest.mark.parametrize(
    ("arguments", "header", "status"),
    [
        ({"region": "Hello"}, "Hello", 200),
        ({"region": "Hello"}, "=?base64?SGVsbG8=?=", 200),
        ({}, "", 200),
        ({"region": None}, "", 200),
        ({"region": "Hello"}, "=?base64?SGVsbG8?=", 400),
        ({"region": "Hello"}, "", 400),
        ({}, "Hello", 400),
        ({"region": "Hello"}, "hello", 400),
    ],
)
def test_an_argument_that_is_also_a_header(talking: Any, arguments: Any, header: str, status: int) -> None:
    params = {"name": "route", "arguments": arguments}
    reply = talking.modern("tools/call", params, request_id="r", mcp_param_region=header)
    assert reply.status == status
    assert reply.json["id"] == "r"
    if status == 400:
        assert reply.json["error"]["code"] == -32020
    elif arguments.get("region"):
        assert reply.json["result"]["structuredContent"]["done"] is True


def test_a_version_that_is_not_served_is_told_before_an_argument_in_a_wrong_header(talking: Any) -> None:
    params = {"name": "route", "arguments": {"region": "eu"}, "_meta": {VERSION: "v1"}}
    assert talking.modern("tools/call", params).json["error"]["code"] == -32022


def test_a_call_that_reports_is_answered_by_events_without_ids(talking: Any) -> None:
    params = {"name": "report", "arguments": {}, "_meta": {"progressToken": ""}}
    *reports, answer = messages(talking.open_modern("tools/call", params, request_id=0))
    assert reports
    assert all(each["params"]["progressToken"] == "" for each in reports)
    assert (answer["id"], answer["result"]["resultType"]) == (0, "complete")


def test_without_a_token_nothing_is_reported(talking: Any) -> None:
    reply = talking.modern("tools/call", {"name": "report", "arguments": {"count": 2}})
    assert reply.headers["content-type"] == "application/json"


def test_an_answer_that_takes_long_is_a_stream(talking: Any) -> None:
    reply = talking.modern("tools/call", {"name": "sleep", "arguments": {"seconds": 1.8}})
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
    (answer,) = reply.messages
    assert answer["result"]["structuredContent"]["done"] is True


def seconds_until_free(server: Any, leave: Callable[[], None]) -> float:
    """How long the one busy worker goes on after its client has left."""
    before = server.wait_for_status(lambda status: status["pool"]["busy"] == 1)["calls"]["cancelled"]
    leave()
    left_at = time.monotonic()
    server.wait_for_status(lambda status: status["calls"]["cancelled"] == before + 1 and status["pool"]["busy"] == 0)
    return time.monotonic() - left_at


@pytest.mark.parametrize("tool", ["spin", "report"])
def test_a_client_that_leaves_its_stream_cancels_its_call(talking: Any, tool: str) -> None:
    params = {"name": tool, "arguments": {"seconds": 30}, "_meta": {"progressToken": 1}}
    assert seconds_until_free(talking, talking.open_modern("tools/call", params).close) < 1.0 + BUSY_S


def test_a_client_that_leaves_before_any_answer_frees_the_worker_within_250_ms(talking: Any, modern_body: Body) -> None:
    body = modern_body("tools/call", {"name": "spin", "arguments": {"seconds": 30}})
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "spin"}

    def once() -> float:
        connection = http.client.HTTPConnection("127.0.0.1", talking.port, timeout=20)
        connection.request("POST", "/mcp", json.dumps(body), talking.headers(body, headers))
        return seconds_until_free(talking, connection.close)

    assert any(once() < 0.25 for _ in range(10))  # one of ten: others use this machine too


def test_a_question_comes_back_as_a_result_and_the_answer_with_a_new_request(talking: Any) -> None:
    meta: Any = {CAPABILITIES: {"elicitation": {}}}
    first = talking.modern("tools/call", {"name": "ask", "_meta": meta})
    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    result = first.json["result"]
    assert result["resultType"] == "input_required"
    assert result["inputRequests"]["sure"]["method"] == "elicitation/create"
    answers = {"sure": {"action": "accept", "content": {"sure": True}}}
    again = {"name": "ask", "_meta": meta, "inputResponses": answers}
    if "requestState" in result:
        again["requestState"] = result["requestState"]
    second = talking.modern("tools/call", again, request_id=2)
    assert second.json["result"]["structuredContent"]["done"] is True


def test_a_connection_that_spoke_modern_is_a_client_while_it_is_open(
    start_http: Callable[..., Any], modern_body: Body
) -> None:
    server = start_http(faulty=True)
    session = server.open_session()
    stream = server.open_modern("tools/call", {"name": "sleep", "arguments": {"seconds": 9}})
    assert server.status()["clients"]["http"] == 2
    stream.close()
    server.wait_for_status(lambda status: status["clients"]["http"] == 1)
    server.request("DELETE", "/mcp", mcp_session_id=session)
    assert server.status()["clients"]["http"] == 0


def test_a_subscription_is_acknowledged_first_and_ended_by_the_server_that_stops(
    start_http: Callable[..., Any],
) -> None:
    server = start_http(faulty=True)
    wanted = {"notifications": {"toolsListChanged": True}}
    assert server.modern("subscriptions/listen", wanted, accept="application/json").status == 406
    left = server.open_modern("subscriptions/listen", wanted, request_id="left")
    left.event()
    left.close()
    stream = server.open_modern("subscriptions/listen", wanted, request_id=0)
    acknowledged = stream.message()
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    server.modern("tools/call", {"name": "rearrange"})
    changed = stream.message()
    assert changed["method"] == "notifications/tools/list_changed"
    for message in (acknowledged, changed):
        assert message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 0
    server.process.send_signal(signal.SIGTERM)
    (final,) = messages(stream)
    assert (final["id"], final["result"]["resultType"]) == (0, "complete")
    assert server.process.wait(20) == 0


def test_draining_lets_a_running_call_finish(start_http: Callable[..., Any]) -> None:
    server = start_http(faulty=True)
    stream = server.open_modern("tools/call", {"name": "sleep", "arguments": {"seconds": 1.5}})
    server.process.send_signal(signal.SIGTERM)
    (answer,) = messages(stream)
    assert answer["result"]["structuredContent"]["done"] is True
    assert server.process.wait(20) == 0


def test_clients_of_both_eras_at_once_with_equal_ids(talking: Any, call_body: Body) -> None:
    sessions = [talking.open_session(revision) for revision in ("2025-03-26", "2025-11-25")]

    def legacy(number: int) -> Any:
        session = sessions[number % 2]
        return talking.post(call_body("read_file", number, path="README.md"), mcp_session_id=session)

    def modern(number: int) -> Any:
        return talking.modern("tools/call", READ, request_id=number)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: (modern if number % 3 else legacy)(number), range(24)))
    for number, reply in enumerate(replies):
        assert (reply.status, reply.json["id"]) == (200, number)
        assert reply.json["result"]["content"][0]["text"] == "# My Project\n"
        assert ("resultType" in reply.json["result"]) is bool(number % 3)
