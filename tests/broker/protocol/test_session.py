"""The conversation: opening, methods, errors, calls and their ends."""

from collections.abc import Callable

import msgspec
import pytest

from filewarden.broker.protocol.actions import CancelCall, Exchange, StartCall
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.jsonrpc import decode
from filewarden.broker.protocol.outcome import Failed, Succeeded
from filewarden.broker.protocol.session import Session
from filewarden.workers.errors import Code

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]

Json = dict[str, object]
Opener = Callable[[str], Session]
Maker = Callable[..., bytes]
Asker = Callable[[Session, bytes], Json]
Starter = Callable[[Session, bytes], tuple[StartCall, Exchange]]
Validator = Callable[[str, str, object], None]

every_revision = pytest.mark.parametrize("version", LEGACY)

MODERN = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
CALL = {"name": "get_file_info", "arguments": {"path": "a"}}


class Facts(msgspec.Struct):
    size: int = 1


DONE = Succeeded(Facts())


def code_of(answer: Json) -> int:
    assert set(answer) <= {"jsonrpc", "id", "error"}
    return msgspec.convert(answer["error"], dict[str, object])["code"]  # type: ignore[return-value]  # asserted by use


def initialize(version: object = "2025-11-25", **changes: object) -> Json:
    params: Json = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    return {key: value for key, value in {**params, **changes}.items() if value is not msgspec.UNSET}


def cancelled(request_id: object) -> bytes:
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id, "reason": "x"}}
    )


def is_silent(exchange: Exchange) -> bool:
    return (exchange.answer, exchange.actions, exchange.running, exchange.status) == (None, [], 0, 200)


# Opening


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *((each, each) for each in LEGACY),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("", "2025-11-25"),
    ],
)
def test_initialize_negotiates(
    asked: str, given: str, fresh: Session, make: Maker, ask: Asker, validate: Validator
) -> None:
    answer = ask(fresh, make("initialize", initialize(asked), request_id=0))
    assert answer["id"] == 0
    assert msgspec.convert(answer["result"], dict[str, object])["protocolVersion"] == given
    assert fresh.revision is not None
    assert fresh.revision.name == given
    validate(given, "InitializeResult", answer["result"])
    validate(given, "JSONRPCMessage", answer)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"initialize"}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{ \t\r\n}}',
    ],
)
def test_initialize_without_params_is_the_oldest_revision(frame: bytes, fresh: Session, ask: Asker) -> None:
    assert msgspec.convert(ask(fresh, frame)["result"], dict[str, object])["protocolVersion"] == "2024-11-05"


@pytest.mark.parametrize(
    "params",
    [
        initialize(msgspec.UNSET),
        initialize(None),
        initialize(20251125),
        initialize(["2025-11-25"]),
        initialize(capabilities=msgspec.UNSET),
        initialize(capabilities=[]),
        initialize(clientInfo=msgspec.UNSET),
        initialize(clientInfo="me"),
        initialize(clientInfo={"name": 3}),
        {"_meta": {}},
        [],
        "2025-11-25",
    ],
)
def test_a_wrong_initialize_opens_nothing_and_may_be_repeated(
    params: object, fresh: Session, make: Maker, ask: Asker
) -> None:
    assert code_of(ask(fresh, make("initialize", params))) == ErrorCode.INVALID_PARAMS
    assert fresh.revision is None
    assert "result" in ask(fresh, make("initialize", initialize()))


def test_a_second_initialize_changes_nothing(opened: Opener, make: Maker, ask: Asker) -> None:
    session = opened("2025-06-18")
    assert code_of(ask(session, make("initialize", initialize("2025-03-26")))) == ErrorCode.INVALID_REQUEST
    assert session.revision is not None
    assert session.revision.name == "2025-06-18"


@pytest.mark.parametrize("method", ["tools/list", "tools/call", "resources/list", "server/discover", "no/such", ""])
def test_before_initialize_only_ping_is_answered(method: str, fresh: Session, make: Maker, ask: Asker) -> None:
    assert ask(fresh, make("ping", request_id="p")) == {"jsonrpc": "2.0", "id": "p", "result": {}}
    answer = ask(fresh, make(method, {"name": "read_file"}, request_id=""))
    assert (code_of(answer), answer["id"]) == (ErrorCode.INVALID_REQUEST, "")
    assert "result" in ask(fresh, make("initialize", initialize()))


def test_requests_are_served_before_the_initialized_notification(opened: Opener, make: Maker, ask: Asker) -> None:
    assert "result" in ask(opened("2025-11-25"), make("tools/list"))


# The modern era


@pytest.mark.parametrize("method", ["server/discover", "tools/list", "tools/call", "ping", "no/such"])
@pytest.mark.parametrize("asked", ["2026-07-28", "2025-11-25", 3, None])
def test_a_modern_request_on_a_legacy_connection_is_refused(
    method: str, asked: object, opened: Opener, make: Maker, ask: Asker
) -> None:
    params = {**CALL, "_meta": {"io.modelcontextprotocol/protocolVersion": asked}}
    assert code_of(ask(opened("2025-11-25"), make(method, params))) == ErrorCode.INVALID_REQUEST


# Methods


@every_revision
def test_ping_is_answered_with_an_empty_object(version: str, opened: Opener, make: Maker, ask: Asker) -> None:
    assert ask(opened(version), make("ping")) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert ask(opened(version), make("ping", {"_meta": {"progressToken": 1}})) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {},
    }


@every_revision
@pytest.mark.parametrize("params", [None, {}, {"_meta": {}}, {"other": 1}, {"cursor": None}])
def test_tools_are_listed(
    version: str, params: object, opened: Opener, make: Maker, ask: Asker, validate: Validator
) -> None:
    session = opened(version)
    answer = ask(session, make("tools/list", params))
    validate(version, "ListToolsResult", answer["result"])
    validate(version, "JSONRPCMessage", answer)
    assert ask(session, make("tools/list", params)) == answer


@every_revision
@pytest.mark.parametrize(
    "method",
    [
        "server/discover",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "subscriptions/listen",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tasks/cancel",
        "notifications/initialized",
        "Ping",
        "tools/call ",
        "no/such",
        "",
    ],
)
def test_a_method_that_is_not_declared_does_not_exist(
    version: str, method: str, opened: Opener, make: Maker, ask: Asker, validate: Validator
) -> None:
    answer = ask(opened(version), make(method, {}))
    assert code_of(answer) == ErrorCode.METHOD_NOT_FOUND
    validate(version, "JSONRPCMessage", answer)


INVALID_PARAMS = {
    "ping with an array": ("ping", []),
    "ping with a number": ("ping", 1),
    "ping with wrong meta": ("ping", {"_meta": 1}),
    "list with an array": ("tools/list", []),
    "list with an unknown cursor": ("tools/list", {"cursor": "abc"}),
    "list with an empty cursor": ("tools/list", {"cursor": ""}),
    "list with a number as cursor": ("tools/list", {"cursor": 1}),
    "call without params": ("tools/call", None),
    "call without name": ("tools/call", {"arguments": {}}),
    "call with a number as name": ("tools/call", {"name": 1}),
    "call with an array": ("tools/call", ["get_file_info"]),
    "call of an unknown tool": ("tools/call", {"name": "no_such_tool"}),
    "call of an unknown tool with wrong arguments": ("tools/call", {"name": "no_such_tool", "arguments": []}),
    "call in other case": ("tools/call", {"name": "Get_file_info"}),
    "call with an array of arguments": ("tools/call", {"name": "get_file_info", "arguments": ["a"]}),
    "call with null arguments": ("tools/call", {"name": "get_file_info", "arguments": None}),
    "call with text arguments": ("tools/call", {"name": "get_file_info", "arguments": "{}"}),
    "call with a wrong progress token": ("tools/call", {**CALL, "_meta": {"progressToken": 1.5}}),
}


@every_revision
@pytest.mark.parametrize("case", INVALID_PARAMS)
def test_wrong_params_are_an_error(
    version: str, case: str, opened: Opener, make: Maker, ask: Asker, validate: Validator
) -> None:
    session = opened(version)
    method, params = INVALID_PARAMS[case]
    answer = ask(session, make(method, params, request_id=0))
    assert (code_of(answer), answer["id"]) == (ErrorCode.INVALID_PARAMS, 0)
    validate(version, "JSONRPCMessage", answer)
    assert not session.in_flight


def test_an_error_repeats_little_of_what_the_client_sent(opened: Opener, make: Maker, ask: Asker) -> None:
    for answer in (
        ask(opened("2025-11-25"), make("x\n" * 5000)),
        ask(opened("2025-11-25"), make("tools/call", {"name": "x\x00" * 5000})),
    ):
        message = str(msgspec.convert(answer["error"], dict[str, object])["message"])
        assert len(message) < 200
        assert message.isprintable()


# Frames that are no message


@pytest.mark.parametrize("frame", [b"", b"{", b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"\xff"}', b"[" * 100_000])
@every_revision
def test_a_parse_error_has_a_null_id_only_where_the_revision_requires_one(
    version: str, frame: bytes, opened: Opener, ask: Asker, make: Maker
) -> None:
    session = opened(version)
    exchange = session.receive(frame)
    assert exchange.status == 400
    answer = ask(session, frame)
    assert code_of(answer) == ErrorCode.PARSE_ERROR
    assert answer.get("id", "absent") == ("absent" if version == "2025-11-25" else None)
    assert "result" in ask(session, make("ping"))


def test_an_unreadable_frame_before_initialize_is_answered_without_id(fresh: Session, ask: Asker) -> None:
    assert "id" not in ask(fresh, b"{")
    assert "id" not in ask(fresh, b"7")
    assert ask(fresh, b'{"id":"x"}')["id"] == "x"


@every_revision
def test_a_driver_can_refuse_a_frame_it_did_not_read(version: str, opened: Opener) -> None:
    exchange = opened(version).refuse(ProtocolError(ErrorCode.PARSE_ERROR, "Parse error: over 16 MiB"))
    assert exchange.status == 400
    assert exchange.answer is not None
    assert code_of(msgspec.json.decode(bytes(exchange.answer))) == ErrorCode.PARSE_ERROR


@pytest.mark.parametrize(
    "frame",
    [
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","method":"notifications/initialized","params":[]}',
        b'{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}',
        b'{"jsonrpc":"2.0","method":"no/such"}',
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"get_file_info"}}',
        b'{"jsonrpc":"2.0","method":"initialize","params":{}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[1]}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":7}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}',
    ],
)
def test_notifications_and_responses_are_never_answered(frame: bytes, fresh: Session, opened: Opener) -> None:
    assert is_silent(fresh.receive(frame))
    assert fresh.revision is None
    for version in LEGACY:
        assert is_silent(opened(version).receive(frame))


# Calls


@every_revision
def test_a_call_starts_and_its_outcome_is_the_answer(
    version: str, opened: Opener, make: Maker, start: Starter, validate: Validator
) -> None:
    session = opened(version)
    call, exchange = start(session, make("tools/call", {**CALL, "_meta": {"progressToken": ""}}, request_id=0))
    assert (call.request_id, call.operation, call.progress_token) == (0, "get_file_info", "")
    assert msgspec.to_builtins(call.arguments) == {"path": "a"}
    assert set(session.in_flight) == {0}
    assert session.complete(call, DONE) is exchange
    assert exchange.answer is not None
    answer = msgspec.json.decode(bytes(exchange.answer))
    assert answer["id"] == 0
    validate(version, "JSONRPCMessage", answer)
    validate(version, "CallToolResult", answer["result"])
    assert not session.in_flight


def test_absent_arguments_are_an_empty_object_and_unknown_params_are_ignored(
    opened: Opener, make: Maker, start: Starter
) -> None:
    call, _ = start(opened("2025-11-25"), make("tools/call", {"name": "read_file", "task": {"ttl": 1}}))
    assert msgspec.to_builtins(call.arguments) == {"path": "."}
    assert call.progress_token is None


@every_revision
def test_arguments_that_fail_their_check_are_a_tool_result_at_once(
    version: str, opened: Opener, make: Maker, ask: Asker, validate: Validator
) -> None:
    session = opened(version)
    answer = ask(session, make("tools/call", {"name": "read_file", "arguments": {"path": 1}}))
    validate(version, "CallToolResult", answer["result"])
    result = msgspec.convert(answer["result"], dict[str, object])
    assert result["isError"] is True
    if version >= "2025-06-18":
        error = msgspec.convert(result["structuredContent"], dict[str, dict[str, str]])["error"]
        assert (error["code"], error["argument"]) == ("invalid_argument", "path")
    assert not session.in_flight


def test_calls_end_in_any_order(opened: Opener, make: Maker, start: Starter) -> None:
    session = opened("2025-11-25")
    started = [start(session, make("tools/call", CALL, request_id=each)) for each in (1, "1", 2)]
    for call, exchange in reversed(started):
        assert session.complete(call, DONE) is exchange
        assert exchange.answer is not None
        assert msgspec.json.decode(bytes(exchange.answer))["id"] == call.request_id


@pytest.mark.parametrize("method", ["tools/call", "ping", "tools/list"])
def test_an_id_in_flight_is_refused_and_the_first_call_left_alone(
    method: str, opened: Opener, make: Maker, start: Starter, ask: Asker
) -> None:
    session = opened("2025-11-25")
    call, exchange = start(session, make("tools/call", CALL))
    answer = ask(session, make(method, CALL))
    assert (code_of(answer), answer["id"]) == (ErrorCode.INVALID_REQUEST, 1)
    assert session.complete(call, DONE) is exchange
    assert exchange.answer is not None


def test_a_call_that_broke_in_our_hands_is_an_internal_error(opened: Opener, make: Maker, start: Starter) -> None:
    session = opened("2025-11-25")
    call, exchange = start(session, make("tools/call", CALL))
    assert session.resolve(call, ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error")) is exchange
    assert exchange.answer == b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error"}}'
    assert session.resolve(call, ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error")) is None


def test_completing_a_call_twice_changes_nothing(opened: Opener, make: Maker, start: Starter) -> None:
    session = opened("2025-11-25")
    call, exchange = start(session, make("tools/call", CALL))
    session.complete(call, DONE)
    first = exchange.answer
    assert session.complete(call, Failed(Code.TIMEOUT, "Too slow.")) is None
    assert exchange.answer == first


# Cancellation


@every_revision
@pytest.mark.parametrize("request_id", [0, 7, "", "7"])
def test_a_cancelled_call_is_stopped_and_never_answered(
    version: str, request_id: object, opened: Opener, make: Maker, start: Starter
) -> None:
    session = opened(version)
    call, exchange = start(session, make("tools/call", CALL, request_id=request_id))
    notice = session.receive(cancelled(request_id))
    (action,) = notice.actions
    assert isinstance(action, CancelCall)
    assert action.call is call
    assert action.ended is exchange
    assert notice.answer is None
    assert exchange.answer is None
    assert session.complete(call, DONE) is None
    assert exchange.answer is None
    assert not session.in_flight


@pytest.mark.parametrize("other", ["1", 2, 1.0, True, None, {}])
def test_cancelling_another_id_or_type_changes_nothing(
    other: object, opened: Opener, make: Maker, start: Starter
) -> None:
    session = opened("2025-11-25")
    call, exchange = start(session, make("tools/call", CALL, request_id=1))
    assert is_silent(session.receive(cancelled(other)))
    assert session.complete(call, DONE) is exchange


def test_cancelling_a_finished_call_changes_nothing(opened: Opener, make: Maker, start: Starter) -> None:
    session = opened("2025-11-25")
    call, _ = start(session, make("tools/call", CALL))
    session.complete(call, DONE)
    assert is_silent(session.receive(cancelled(1)))


def test_a_late_outcome_is_not_taken_for_that_of_a_later_call_with_the_same_id(
    opened: Opener, make: Maker, start: Starter
) -> None:
    session = opened("2025-11-25")
    first, _ = start(session, make("tools/call", CALL))
    session.receive(cancelled(1))
    second, exchange = start(session, make("tools/call", CALL))
    assert session.complete(first, DONE) is None
    assert exchange.answer is None
    assert session.complete(second, DONE) is exchange


def test_after_closing_nothing_is_answered(opened: Opener, make: Maker, start: Starter) -> None:
    session = opened("2025-11-25")
    calls = [start(session, make("tools/call", CALL, request_id=each))[0] for each in (1, 2)]
    session.close()
    assert not session.in_flight
    assert [session.complete(call, DONE) for call in calls] == [None, None]


def test_a_driver_that_decoded_a_frame_hands_on_the_message(fresh: Session, make: Maker) -> None:
    exchange = fresh.accept(decode(make("initialize", initialize())))
    assert exchange.answer is not None
    assert fresh.revision is not None
