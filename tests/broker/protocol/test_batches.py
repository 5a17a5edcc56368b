"""Arrays of messages: only under 2025-03-26, answered by at most one array."""

from collections.abc import Callable

import msgspec
import pytest

from filewarden.broker.protocol.actions import CancelCall, Exchange, StartCall
from filewarden.broker.protocol.errors import ErrorCode
from filewarden.broker.protocol.jsonrpc import MAX_BATCH, Batch, decode
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.outcome import Succeeded
from filewarden.broker.protocol.session import Session

Json = dict[str, object]
Opener = Callable[[str], Session]
Asker = Callable[[Session, bytes], Json]
Validator = Callable[[str, str, object], None]


class Facts(msgspec.Struct):
    size: int = 1


DONE = Succeeded(Facts())
NOTE: Json = {"jsonrpc": "2.0", "method": "notifications/initialized"}
RESULT: Json = {"jsonrpc": "2.0", "id": 1, "result": {}}


def ping(request_id: object) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def call(request_id: object) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": {"name": "get_file_info"}}


def cancel(request_id: object) -> Json:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}


def answers(reply: Reply | None) -> list[Json]:
    assert reply is not None
    return msgspec.json.decode(bytes(reply), type=list[dict[str, object]])


@pytest.fixture
def session(opened: Opener) -> Session:
    return opened("2025-03-26")


@pytest.mark.parametrize("array", [[], [ping(1)], [NOTE], [call(1)]])
@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
def test_another_revision_refuses_arrays(version: str, array: list[Json], opened: Opener, ask: Asker) -> None:
    session = opened(version)
    exchange = session.receive(msgspec.json.encode(array))
    assert exchange.status == 400
    assert exchange.actions == []
    answer = ask(session, msgspec.json.encode(array))
    assert msgspec.convert(answer["error"], dict[str, object])["code"] == ErrorCode.INVALID_REQUEST
    assert answer.get("id", "absent") == ("absent" if version == "2025-11-25" else None)


def test_an_array_before_initialize_is_refused(fresh: Session, ask: Asker) -> None:
    initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    answer = ask(fresh, msgspec.json.encode([initialize]))
    assert msgspec.convert(answer["error"], dict[str, object])["code"] == ErrorCode.INVALID_REQUEST
    assert fresh.revision is None


@pytest.mark.parametrize("size", [0, MAX_BATCH + 1])
def test_an_empty_or_overlong_array_is_one_error(size: int, session: Session, ask: Asker) -> None:
    exchange = session.receive(msgspec.json.encode([call(each) for each in range(size)]))
    assert exchange.status == 400
    assert exchange.actions == []
    assert exchange.answer is not None
    answer = msgspec.json.decode(bytes(exchange.answer), type=dict[str, object])
    assert answer["id"] is None
    assert msgspec.convert(answer["error"], dict[str, object])["code"] == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("array", [[NOTE], [NOTE, NOTE], [RESULT], [RESULT, NOTE]])
def test_an_array_without_requests_is_not_answered(array: list[Json], session: Session) -> None:
    exchange = session.receive(msgspec.json.encode(array))
    assert (exchange.answer, exchange.running, exchange.status) == (None, 0, 200)


def test_one_array_answers_every_request_and_every_invalid_member(session: Session, validate: Validator) -> None:
    array = [ping("a"), NOTE, 1, ping("b"), {"id": "c"}, [], {"jsonrpc": "2.0", "id": "d", "method": "no/such"}]
    found = answers(session.receive(msgspec.json.encode(array)).answer)
    ids = [(each["id"], msgspec.convert(each.get("error", {}), dict[str, object]).get("code")) for each in found]
    invalid = ErrorCode.INVALID_REQUEST
    assert ids == [("a", None), (None, invalid), ("b", None), ("c", invalid), (None, invalid), ("d", -32601)]
    validate("2025-03-26", "JSONRPCBatchResponse", [each for each in found if each["id"] is not None])


def test_initialize_in_an_array_is_an_error(session: Session) -> None:
    array = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}, ping(2)]
    first, second = answers(session.receive(msgspec.json.encode(array)).answer)
    assert msgspec.convert(first["error"], dict[str, object])["code"] == ErrorCode.INVALID_REQUEST
    assert second == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_the_array_is_sent_when_the_last_call_has_ended(session: Session) -> None:
    exchange = session.receive(msgspec.json.encode([call(1), ping(2), call(3)]))
    first, last = exchange.actions
    assert isinstance(first, StartCall)
    assert isinstance(last, StartCall)
    assert exchange.answer is None
    assert session.complete(last, DONE) is None
    assert exchange.answer is None
    assert session.complete(first, DONE) is exchange
    assert [each["id"] for each in answers(exchange.answer)] == [2, 3, 1]


def test_an_array_may_be_split_where_less_of_the_stack_is_left_than_where_it_was_decoded(session: Session) -> None:
    def accept_below(frames: int, batch: Batch) -> Exchange:
        return session.accept(batch) if frames == 0 else accept_below(frames - 1, batch)

    for levels in range(800, 1000):
        message = decode(b'[{"x":' + b"[" * levels + b"]" * levels + b"}]")
        if isinstance(message, Batch):
            answer = msgspec.json.decode(bytes(accept_below(40, message).answer or b""))
            code = (answer[0] if isinstance(answer, list) else answer)["error"]["code"]
            assert code in (-32600, -32700)


def test_a_repeated_id_in_an_array_is_an_error_for_the_second(session: Session) -> None:
    exchange = session.receive(msgspec.json.encode([call(1), call(1)]))
    (started,) = exchange.actions
    assert isinstance(started, StartCall)
    assert session.complete(started, DONE) is exchange
    refused, served = answers(exchange.answer)
    assert "error" in refused
    assert "result" in served


def test_a_cancelled_call_is_missing_from_the_array(session: Session) -> None:
    exchange = session.receive(msgspec.json.encode([call(1), call(2)]))
    first, second = exchange.actions
    assert isinstance(first, StartCall)
    (stop,) = session.receive(msgspec.json.encode(cancel(2))).actions
    assert isinstance(stop, CancelCall)
    assert (stop.call, stop.ended) == (second, None)
    assert session.complete(first, DONE) is exchange
    assert [each["id"] for each in answers(exchange.answer)] == [1]


def test_cancelling_the_last_running_call_releases_the_other_answers(session: Session) -> None:
    exchange = session.receive(msgspec.json.encode([ping(1), call(2)]))
    (stop,) = session.receive(msgspec.json.encode(cancel(2))).actions
    assert isinstance(stop, CancelCall)
    assert stop.ended is exchange
    assert [each["id"] for each in answers(exchange.answer)] == [1]


@pytest.mark.parametrize("rest", [[], [1]])
def test_a_call_cancelled_within_its_own_array_is_stopped_once(rest: list[int], session: Session) -> None:
    exchange = session.receive(msgspec.json.encode([call(2), cancel(2), *map(ping, rest)]))
    begin, stop = exchange.actions
    assert isinstance(stop, CancelCall)
    assert (stop.call, stop.ended) == (begin, None)
    assert exchange.running == 0
    assert (exchange.answer is None) is (not rest)
