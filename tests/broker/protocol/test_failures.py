"""Where each failure goes: its code and data in each era, and the status that goes with it over modern HTTP."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.actions import NoteUnread
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import Asked, Failed
from filewarden.broker.protocol.session import Session
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import InputRequest, form

Json = dict[str, Any]
OpenClient = Callable[..., Any]
Validator = Callable[[str, str, object], None]

NEWEST = "2026-07-28"
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", NEWEST]
every_revision = pytest.mark.parametrize("version", VERSIONS)
TASKS = "io.modelcontextprotocol/tasks"
URI = "file:///R/none"
REFERENCE = {"type": "ref/resource", "uri": "file:///R/{+path}"}
PATH = {"name": "path", "value": ""}


def refused(client: Any, method: str, params: Json) -> tuple[Json, int]:
    exchange = client.session.receive(client.frame(method, params, request_id=0))
    assert all(isinstance(each, NoteUnread) for each in exchange.actions)
    answer: Json = msgspec.json.decode(exchange.answer)
    assert answer["id"] == 0
    assert set(answer) == {"jsonrpc", "id", "error"}
    return answer["error"], exchange.status


INVALID_PARAMS: dict[str, tuple[str, Json]] = {
    "a call without name": ("tools/call", {"arguments": {}}),
    "a call whose arguments are a list": ("tools/call", {"name": "read_file", "arguments": []}),
    "a call whose arguments are null": ("tools/call", {"name": "read_file", "arguments": None}),
    "an unknown tool": ("tools/call", {"name": "none", "arguments": {"a": 1}}),
    "a cursor of a list with one page": ("tools/list", {"cursor": "x"}),
    "an empty cursor": ("prompts/list", {"cursor": ""}),
    "a cursor that is no text": ("resources/list", {"cursor": 1}),
    "a cursor of the templates": ("resources/templates/list", {"cursor": "x"}),
    "an unknown prompt": ("prompts/get", {"name": "none"}),
    "a prompt without its argument": ("prompts/get", {"name": "explain"}),
    "a prompt whose argument is no text": ("prompts/get", {"name": "explain", "arguments": {"topic": 1}}),
    "a resource without address": ("resources/read", {}),
    "an address that is no text": ("resources/read", {"uri": 1}),
    "an address without end": ("resources/read", {"uri": "file:///" + "a" * 20_000}),
    "a completion of nothing": ("completion/complete", {}),
    "a completion of another kind": ("completion/complete", {"ref": {"type": "ref/x", "uri": ""}, "argument": PATH}),
    "a completion of an unknown template": (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "file:///etc/{+path}"}, "argument": PATH},
    ),
    "a completion of an unknown argument": (
        "completion/complete",
        {"ref": REFERENCE, "argument": {"name": "ath", "value": ""}},
    ),
    "a completion of an unknown prompt": (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "none"}, "argument": PATH},
    ),
    "a completion whose value is no text": (
        "completion/complete",
        {"ref": REFERENCE, "argument": {"name": "path", "value": None}},
    ),
}


@every_revision
@pytest.mark.parametrize("case", INVALID_PARAMS)
def test_wrong_params_are_an_error_of_the_request(
    case: str, version: str, client_of: OpenClient, validate: Validator
) -> None:
    client = client_of(version)
    error, status = refused(client, *INVALID_PARAMS[case])
    assert (error["code"], status) == (-32602, 200)
    assert len(error["message"]) < 300
    validate(version, "JSONRPCMessage", {"jsonrpc": "2.0", "id": 0, "error": error})
    assert not client.session.in_flight


@pytest.mark.parametrize("version", VERSIONS[:-1])
@pytest.mark.parametrize("level", ["loud", "WARNING", "", 3, None])
def test_an_unknown_log_level_is_an_error(level: object, version: str, client_of: OpenClient) -> None:
    assert refused(client_of(version), "logging/setLevel", {"level": level})[0]["code"] == -32602


@pytest.mark.parametrize("version", VERSIONS[:-1])
@pytest.mark.parametrize(
    "method", ["server/discover", "subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel", "tasks/list",
               "tasks/result", "no/such"]
)  # fmt: skip
def test_methods_of_the_other_era_do_not_exist(method: str, version: str, client_of: OpenClient) -> None:
    params = {"taskId": "x", "notifications": {}}
    assert refused(client_of(version), method, params)[0]["code"] == -32601


# What a worker could not do.


@every_revision
@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.ACCESS_DENIED, Code.INVALID_ARGUMENT, Code.NOT_A_DIRECTORY])
def test_a_resource_that_cannot_be_seen_is_not_found(code: Code, version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    failure = Failed(code, "A sentence that tells why.", {"did_you_mean": "other"})
    error = client.finish(client.begin("resources/read", {"uri": URI}), failure)["error"]
    expected = -32602 if version == NEWEST else -32002
    assert error == {"code": expected, "message": "Resource not found", "data": {"uri": URI}}


@every_revision
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code.TOO_LARGE, -32602),
        (Code.UNSUPPORTED, -32602),
        (Code.TIMEOUT, -32603),
        (Code.OVERLOADED, -32603),
        (Code.WORKER_CRASHED, -32603),
    ],
)
def test_another_failure_of_a_read_says_what_it_is(
    code: Code, expected: int, version: str, client_of: OpenClient
) -> None:
    client = client_of(version)
    error = client.finish(client.begin("resources/read", {"uri": URI}), Failed(code, "Why.", {"limit": 1}))["error"]
    assert error == {"code": expected, "message": "Why.", "data": {"code": code, "limit": 1}}


@every_revision
@pytest.mark.parametrize("method", ["resources/list", "prompts/get", "completion/complete"])
def test_a_failure_outside_of_tools_is_an_error(method: str, version: str, client_of: OpenClient) -> None:
    params = {"name": "explain", "arguments": {"topic": "x"}, "ref": REFERENCE, "argument": PATH}
    params = {} if method == "resources/list" else params
    client = client_of(version)
    for code, expected in ((Code.INVALID_ARGUMENT, -32602), (Code.TIMEOUT, -32603)):
        answer = client.finish(client.begin(method, params), Failed(code, "Why."))
        assert (answer["error"]["code"], answer["error"]["message"]) == (expected, "Why.")


@every_revision
@pytest.mark.parametrize("code", list(Code))
def test_a_failure_of_a_tool_is_its_result(code: Code, version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    result = client.finish(client.call(), Failed(code, "Why.", {"code": "forged", "limit": 1}))["result"]
    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": "Error: Why."}]
    if version >= "2025-06-18":
        assert result["structuredContent"] == {"error": {"code": code, "message": "Why.", "limit": 1}}


@every_revision
def test_a_bug_of_ours_is_an_internal_error_with_nothing_in_it(version: str, client_of: OpenClient) -> None:
    client = client_of(version)
    action = client.call()
    exchange = client.session.resolve(action, ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error"))
    assert exchange.status == 200
    assert msgspec.json.decode(exchange.answer)["error"] == {"code": -32603, "message": "Internal error"}


@every_revision
def test_a_bug_in_serving_a_request_costs_that_request(
    version: str, client_of: OpenClient, full: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = []
    client = client_of(version)
    client.session = Session(full, Eras.MODERN if version == NEWEST else Eras.LEGACY, faults.append)
    if version != NEWEST:
        client.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test"}})
    monkeypatch.setattr(full, "tools", None)
    error, status = refused(client, "tools/call", {"name": "read_file"})
    assert (error, status) == ({"code": -32603, "message": "Internal error"}, 200)
    assert [type(each) for each in faults] == [AttributeError]
    assert not client.session.in_flight


# What the client lacks.


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "job"}),
        ("tasks/get", {"taskId": "x"}),
        ("tasks/cancel", {"taskId": "x"}),
        ("tasks/update", {"taskId": "x", "inputResponses": {}}),
        ("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}),
    ],
)
def test_tasks_need_a_client_that_declares_them(method: str, params: Json, client_of: OpenClient) -> None:
    error, status = refused(client_of(NEWEST), method, params)
    assert (error["code"], status) == (-32021, 400)
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    able = client_of(NEWEST, extensions={TASKS: {}})
    assert able.begin(method, params) is not None


@pytest.mark.parametrize(
    ("request_", "needed"),
    [
        (form("Sure?", {}), {"elicitation": {"form": {}}}),
        (InputRequest("sampling/createMessage"), {"sampling": {}}),
        (InputRequest("roots/list"), {"roots": {}}),
    ],
)
def test_a_question_that_the_client_cannot_take(request_: InputRequest, needed: Json, client_of: OpenClient) -> None:
    modern = client_of(NEWEST, elicitation={"url": {}})
    exchange = modern.session.complete(modern.call(), Asked({"key": request_}))
    error = msgspec.json.decode(exchange.answer)["error"]
    assert (error["code"], exchange.status, error["data"]) == (-32021, 400, {"requiredCapabilities": needed})
    for version in VERSIONS[:-1]:
        legacy = client_of(version)
        result = legacy.finish(legacy.call(), Asked({"key": request_}))["result"]
        assert result["isError"] is True


@pytest.mark.parametrize("version", VERSIONS[:-1])
@pytest.mark.parametrize("member", ["inputResponses", "requestState", "task"])
def test_members_of_a_later_revision_mean_nothing_to_an_earlier_one(
    member: str, version: str, client_of: OpenClient
) -> None:
    action = client_of(version).call(
        params={member: {"name": {"action": "accept"}} if member != "requestState" else "x"}
    )
    assert (action.answers, action.sealed_state) == (None, None)


# Frames that nobody can read.


@pytest.mark.parametrize(
    ("frame", "code", "request_id"),
    [
        (b"{", -32700, None),
        (b"\xff", -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}', -32700, None),
        (b"[" * 5000, -32700, None),
        (b"7", -32600, None),
        (b"null", -32600, None),
        (b"{}", -32600, None),
        (b'{"jsonrpc":"1.0","id":"a","method":"ping"}', -32600, "a"),
        (b'{"jsonrpc":"2.0","id":0,"method":7}', -32600, 0),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, None),
    ],
)
@every_revision
def test_a_frame_that_is_no_message_is_refused(
    frame: bytes, code: int, request_id: object, version: str, client_of: OpenClient
) -> None:
    client = client_of(version)
    exchange = client.session.receive(frame)
    answer = msgspec.json.decode(exchange.answer)
    assert (answer["error"]["code"], exchange.status) == (code, 400)
    if request_id is not None:
        assert answer["id"] == request_id
    else:
        assert answer.get("id", "absent") == (None if version < "2025-11-25" else "absent")


@pytest.mark.parametrize("body", [{"result": {}}, {"error": {"code": 1, "message": "x"}}])
def test_a_response_to_nothing_is_dropped(body: Json, client_of: OpenClient) -> None:
    for version in VERSIONS[:-1]:
        frame = msgspec.json.encode({"jsonrpc": "2.0", "id": "filewarden-1", **body})
        exchange = client_of(version).session.receive(frame)
        assert (exchange.answer, exchange.actions) == (None, [])
