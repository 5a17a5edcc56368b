"""Asking the client on the way: requests of ours in the legacy era, rounds that the client makes in the modern one."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.actions import AwaitAnswers, CancelCall, Exchange, Send, StartCall
from filewarden.broker.protocol.interview import MOST_QUESTIONS
from filewarden.broker.protocol.outcome import Asked, Succeeded
from filewarden.workers.inquiry import InputRequest, form
from filewarden.workers.wire import Progress

Json = dict[str, Any]
OpenClient = Callable[..., Any]

NEWEST = "2026-07-28"
ASKING = ["2025-06-18", "2025-11-25"]
SURE = form("Sure?", {"confirm": {"type": "boolean"}}, ("confirm",))
ROOTS = InputRequest("roots/list")
ONE = Asked({"sure": SURE}, b"state")
TWO = Asked({"sure": SURE, "roots": ROOTS}, b"state")
NOT_ANSWERED = {"action": "cancel"}


def nested(levels: int) -> Json:
    document: Json = {}
    for _ in range(levels):
        document = {"a": [document]}
    return document


class Facts(msgspec.Struct):
    size: int = 1


DONE = Succeeded(Facts())


@pytest.fixture(params=ASKING)
def client(request: pytest.FixtureRequest, client_of: OpenClient) -> Any:
    return client_of(request.param, elicitation={}, roots={})


def asked(client: Any, action: Any, outcome: Asked = ONE) -> tuple[Exchange, list[Json], AwaitAnswers]:
    """The exchange that waits, the requests that were sent, and the wait."""
    exchange = client.session.complete(action, outcome)
    assert exchange.answer is None
    *sends, wait = exchange.actions
    exchange.actions.clear()
    assert isinstance(wait, AwaitAnswers)
    return exchange, [msgspec.json.decode(each.frame) for each in sends], wait


def respond(client: Any, request: Json, **body: object) -> Exchange:
    frame = {"jsonrpc": "2.0", "id": request["id"], **body}
    exchange: Exchange = client.session.receive(msgspec.json.encode(frame))
    assert exchange.answer is None
    return exchange


def again(exchange: Exchange) -> StartCall:
    """The call that is started once more."""
    call = exchange.actions.pop()
    assert isinstance(call, StartCall)
    return call


def finished(client: Any, call: StartCall) -> Json:
    answer: Json = client.finish(call, DONE)
    return answer


# The legacy era


def test_a_client_is_asked_and_the_call_runs_again_with_its_answer(client: Any) -> None:
    first = client.call(request_id=0)
    _, (question,), _ = asked(client, first)
    assert (question["method"], question["params"]) == ("elicitation/create", SURE.params)
    assert isinstance(question["id"], str)
    answer = {"action": "accept", "content": {"confirm": True}}
    call = again(respond(client, question, result=answer))
    assert (call.answers, call.state, call.request_id) == ({"sure": answer}, b"state", 0)
    assert (call.operation, call.arguments) == (first.operation, first.arguments)
    assert finished(client, call)["id"] == 0
    assert not client.session.in_flight


@pytest.mark.parametrize(
    "result", [{"action": "decline"}, {"action": "cancel"}, {}, {"action": 1}, {"content": {}}, nested(10)]
)
def test_any_object_is_handed_on_for_the_operation_to_judge(result: Json, client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    assert again(respond(client, question, result=result)).answers == {"sure": result}


@pytest.mark.parametrize("result", ["yes", [], 7, None, True, {"content": "x" * 70_000}, nested(40)])
def test_a_result_that_is_no_object_of_reasonable_size_counts_as_no_answer(result: object, client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    assert again(respond(client, question, result=result)).answers == {"sure": NOT_ANSWERED}


@pytest.mark.parametrize("beside", [{}, {"result": {"action": "accept"}}, {"result": None}], ids=str)
def test_an_error_counts_as_no_answer(beside: Json, client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    call = again(respond(client, question, error={"code": -32601, "message": "x"}, **beside))
    assert call.answers == {"sure": NOT_ANSWERED}


def test_no_error_may_be_written_as_null(client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    call = again(respond(client, question, error=None, result={"action": "accept"}))
    assert call.answers == {"sure": {"action": "accept"}}


def test_all_questions_are_awaited_in_any_order(client: Any) -> None:
    _, questions, _ = asked(client, client.call(), TWO)
    sure, roots = questions
    assert respond(client, roots, result={"roots": []}).actions == []
    call = again(respond(client, sure, result={"action": "decline"}))
    assert call.answers == {"sure": {"action": "decline"}, "roots": {"roots": []}}


@pytest.mark.parametrize("request_id", [1, "1", "filewarden-9", "", None, 0])
def test_an_answer_to_another_request_is_dropped(request_id: object, client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    assert respond(client, {"id": request_id}, result={"action": "accept"}).actions == []
    assert again(respond(client, question, result={"action": "decline"})).answers == {"sure": {"action": "decline"}}


def test_an_answer_counts_once(client: Any) -> None:
    _, (question,), _ = asked(client, client.call())
    again(respond(client, question, result={"action": "decline"}))
    assert respond(client, question, result={"action": "accept"}).actions == []


def test_our_ids_are_never_used_twice(client: Any) -> None:
    call = client.call()
    seen = set()
    for _ in range(3):
        _, questions, _ = asked(client, call, TWO)
        seen |= {each["id"] for each in questions}
        respond(client, questions[0], result={})
        call = again(respond(client, questions[1], result={}))
    assert len(seen) == 6


def test_nobody_answers_in_time(client: Any) -> None:
    exchange, (sure, roots), wait = asked(client, client.call(), TWO)
    respond(client, roots, result={"roots": []})
    assert client.session.give_up(wait.questions, "nobody answered in time") is exchange
    call = again(exchange)
    assert call.answers == {"sure": NOT_ANSWERED, "roots": {"roots": []}}
    (withdrawn,) = [msgspec.json.decode(each.frame) for each in exchange.actions if isinstance(each, Send)]
    assert withdrawn["method"] == "notifications/cancelled"
    assert withdrawn["params"]["requestId"] == sure["id"]
    assert respond(client, sure, result={"action": "accept"}).actions == []
    assert client.session.give_up(wait.questions, "nobody answered in time") is None
    assert "result" in finished(client, call)


def test_a_wait_that_is_over_gives_nothing_up(client: Any) -> None:
    _, (question,), first = asked(client, client.call())
    call = again(respond(client, question, result={}))
    _, (question,), _ = asked(client, call)
    assert client.session.give_up(first.questions, "nobody answered in time") is None
    assert again(respond(client, question, result={"action": "accept"})).answers == {"sure": {"action": "accept"}}


def test_a_call_can_be_cancelled_during_its_question(client: Any) -> None:
    exchange, (question,), wait = asked(client, client.call(request_id=5))
    frame = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
    notice = client.session.receive(msgspec.json.encode(frame))
    (cancel,) = notice.actions
    assert isinstance(cancel, CancelCall)
    assert cancel.ended is exchange
    (withdrawn,) = exchange.actions
    assert isinstance(withdrawn, Send)
    assert msgspec.json.decode(withdrawn.frame)["params"]["requestId"] == question["id"]
    assert exchange.answer is None
    assert respond(client, question, result={"action": "accept"}).actions == []
    assert client.session.give_up(wait.questions, "nobody answered in time") is None
    assert not client.session.in_flight


def test_a_client_that_is_gone_is_not_waited_for(client: Any) -> None:
    _, (question,), wait = asked(client, client.call())
    client.session.close()
    assert client.session.give_up(wait.questions, "nobody answered in time") is None
    assert respond(client, question, result={}).actions == []


def test_progress_goes_on_growing_when_the_call_runs_again(client: Any) -> None:
    first = client.call(progressToken="p")
    assert client.session.aside(first, Progress(0, 5, 10, None)) is not None
    _, (question,), _ = asked(client, first)
    assert client.session.aside(first, Progress(0, 6, 10, None)) is not None
    call = again(respond(client, question, result={}))
    assert client.session.aside(first, Progress(0, 7, 10, None)) is None
    assert client.session.aside(call, Progress(0, 1, 10, None)) is None
    assert client.session.aside(call, Progress(0, 7, 10, None)) is not None


def test_two_calls_ask_at_the_same_time(client: Any) -> None:
    _, (first,), _ = asked(client, client.call(request_id=1))
    _, (second,), _ = asked(client, client.call(request_id=2))
    assert again(respond(client, second, result={"action": "decline"})).request_id == 2
    assert again(respond(client, first, result={"action": "accept"})).request_id == 1


def test_only_so_many_questions_are_open_at_a_time(client: Any) -> None:
    *_, (question,) = [asked(client, client.call(request_id=n))[1] for n in range(MOST_QUESTIONS)]
    refusal = client.finish(client.call(request_id="more"), ONE)
    assert refusal["result"]["structuredContent"]["error"]["code"] == "overloaded"
    respond(client, question, result={"action": "decline"})
    assert len(asked(client, client.call(request_id="more"))[1]) == 1


# The modern era


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "get_file_info", "arguments": {"path": "a"}}),
        ("prompts/get", {"name": "explain", "arguments": {"topic": "x"}}),
        ("resources/read", {"uri": "file:///R/a"}),
    ],
)
def test_a_modern_client_comes_back_with_answers(method: str, params: Json, client_of: OpenClient) -> None:
    client = client_of(NEWEST, elicitation={})
    result = client.finish(client.begin(method, params), Asked({"sure": SURE}, b"state", "sealed"))["result"]
    assert not client.session.in_flight
    assert result["inputRequests"] == {"sure": {"method": SURE.method, "params": SURE.params}}
    given = {"sure": {"action": "accept"}, "other": {}}
    back = client.begin(
        method, {**params, "inputResponses": given, "requestState": result["requestState"]}, request_id=2
    )
    assert (back.answers, back.sealed_state, back.state) == (given, "sealed", None)


@pytest.mark.parametrize(
    "responses", [None, [], "x", 7, {"sure": None}, {"sure": []}, {"sure": "x"}, {"a": "b" * 70_000}, {"a": nested(40)}]
)
@pytest.mark.parametrize("method", ["tools/call", "resources/read"])
def test_answers_of_another_shape_are_refused(responses: object, method: str, client_of: OpenClient) -> None:
    client = client_of(NEWEST, elicitation={})
    params = {"name": "get_file_info", "uri": "file:///R/a", "inputResponses": responses}
    assert client.ask(method, params)["error"]["code"] == -32602
    assert not client.session.in_flight


@pytest.mark.parametrize("state", [None, 7, [], {}])
def test_a_state_that_is_no_text_is_refused(state: object, client_of: OpenClient) -> None:
    client = client_of(NEWEST)
    assert client.ask("tools/call", {"name": "get_file_info", "requestState": state})["error"]["code"] == -32602


def test_a_modern_client_is_never_sent_a_request(client_of: OpenClient) -> None:
    client = client_of(NEWEST, elicitation={}, sampling={}, roots={})
    exchange = client.session.complete(client.call(), TWO)
    assert exchange.actions == []
    frame = {"jsonrpc": "2.0", "id": "filewarden-1", "result": {}}
    dropped = client.session.receive(msgspec.json.encode(frame))
    assert dropped.actions == []
