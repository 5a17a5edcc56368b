"""Streams of legacy sessions over Streamable HTTP: how an answer becomes one, and how a lost one is taken up again."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Body = Callable[..., Any]
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


def messages(stream: Any) -> list[Any]:
    """Everything that an event stream still carries."""
    found = []
    while (event := stream.event()).name:
        if event.data and event.name != ":":
            found.append(json.loads(event.data))
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_call_that_reports_is_answered_by_events(talking: Any, call_body: Body, revision: str) -> None:
    session = talking.open_session(revision)
    stream = talking.open_events("POST", call_body("report", "r", token=0), mcp_session_id=session)
    assert stream.response.headers["cache-control"] == "no-cache, no-transform"
    assert "mcp-session-id" not in stream.response.headers
    event = stream.event()
    if revision == "2025-11-25":
        assert (event.id, event.data, event.retry) == ("1-0", "", "500")
        event = stream.event()
    assert (event.name, event.id, event.retry) == ("message", "1-1", "")
    first = json.loads(event.data)
    *reports, answer = [first, *messages(stream)]
    assert {each["method"] for each in reports} == {"notifications/progress"}
    done = [each["params"]["progress"] for each in reports]
    assert done == sorted(set(done))
    assert all(each["params"]["progressToken"] == 0 for each in reports)
    assert answer["id"] == "r"
    assert answer["result"]["content"][0]["type"] == "text"


def test_an_answer_that_comes_soon_is_a_document_and_one_that_does_not_a_stream(talking: Any, call_body: Body) -> None:
    session = talking.open_session()
    soon = [talking.post(call_body("sleep", seconds=0), mcp_session_id=session) for _ in range(3)]
    assert "application/json" in [each.headers["content-type"] for each in soon]  # a machine may be slow at times
    late = talking.post(call_body("sleep", 2, seconds=0.8), mcp_session_id=session)
    assert (late.status, late.headers["content-type"]) == (200, "text/event-stream")
    assert [each["id"] for each in late.messages] == [2]


def test_a_batch_that_takes_long_ends_its_stream_with_one_array(talking: Any, call_body: Body) -> None:
    session = talking.open_session("2025-03-26")
    batch = [call_body("sleep", 1, seconds=0.7), call_body("sleep", 2, seconds=0)]
    reply = talking.post(batch, mcp_session_id=session)
    assert reply.headers["content-type"] == "text/event-stream"
    (answers,) = reply.messages
    assert {each["id"] for each in answers} == {1, 2}


def test_a_question_is_asked_on_the_stream_of_its_call_and_answered_by_another_post(
    talking: Any, call_body: Body, request_body: Body
) -> None:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "t", "version": "1"},
    }
    session = talking.post(request_body("initialize", params)).headers["mcp-session-id"]
    general = talking.open_events("GET", mcp_session_id=session)
    stream = talking.open_events("POST", call_body("ask", 5), mcp_session_id=session)
    assert stream.event().data == ""
    question = stream.message()
    assert question["method"] == "elicitation/create"
    stranger = {"jsonrpc": "2.0", "id": "no such question", "result": {"action": "accept", "content": {"sure": True}}}
    assert talking.post(stranger, mcp_session_id=session).status == 202
    answer = {**stranger, "id": question["id"]}
    assert talking.post(answer, mcp_session_id=talking.open_session()).status == 202
    accepted = talking.post(answer, mcp_session_id=session)
    assert (accepted.status, accepted.body) == (202, b"")
    (final,) = messages(stream)
    assert final["id"] == 5
    assert final["result"]["structuredContent"]["done"] is True
    assert talking.request("DELETE", "/mcp", mcp_session_id=session).status == 204
    assert messages(general) == []


def test_a_lost_stream_is_taken_up_where_it_was_lost_and_nothing_was_cancelled(talking: Any, call_body: Body) -> None:
    before = talking.status()["calls"]
    session = talking.open_session("2025-06-18")
    stream = talking.open_events("POST", call_body("report", 7, token="t", count=5), mcp_session_id=session)
    lost = stream.event()
    stream.close()
    again = talking.open_events("GET", mcp_session_id=session, last_event_id=lost.id)
    event = again.event()
    assert event.id == "1-2"
    assert json.loads(event.data)["params"]["progress"] > json.loads(lost.data)["params"]["progress"]
    rest = messages(again)
    assert rest[-1]["id"] == 7
    assert talking.status()["calls"]["cancelled"] == before["cancelled"]
    once_more = talking.open_events("GET", mcp_session_id=session, last_event_id=lost.id)
    assert messages(once_more) == [json.loads(event.data), *rest]


def test_an_answer_waits_for_a_client_that_left_before_it(talking: Any, call_body: Body) -> None:
    session = talking.open_session("2025-11-25")
    stream = talking.open_events("POST", call_body("sleep", "late", seconds=0.9), mcp_session_id=session)
    place = stream.event().id
    stream.close()
    talking.wait_for_status(lambda status: status["pool"]["busy"] == 0)
    again = talking.open_events("GET", mcp_session_id=session, last_event_id=place)
    assert [each["id"] for each in messages(again)] == ["late"]


def test_the_client_of_a_silent_call_is_let_go_and_polls(talking: Any, call_body: Body) -> None:
    session = talking.open_session("2025-11-25")
    stream = talking.open_events("POST", call_body("sleep", 3, seconds=2.2), mcp_session_id=session)
    primed = stream.event()
    assert (primed.id, primed.data, primed.retry) == ("1-0", "", "500")
    assert messages(stream) == []  # closed without an answer
    again = talking.open_events("GET", mcp_session_id=session, last_event_id=primed.id)
    assert again.event().id == primed.id
    assert [each["id"] for each in messages(again)] == [3]


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
def test_only_clients_that_know_of_it_are_let_go(talking: Any, call_body: Body, revision: str) -> None:
    session = talking.open_session(revision)
    reply = talking.post(call_body("sleep", seconds=1.9), mcp_session_id=session)
    assert bool([each for each in reply.messages if "result" in each]) is (revision == "2025-06-18")


def test_a_session_has_one_general_stream_at_a_time(talking: Any) -> None:
    session = talking.open_session("2025-11-25")
    stream = talking.open_events("GET", mcp_session_id=session)
    primed = stream.event()
    assert (primed.id, primed.data) == ("0-0", "")
    second = talking.request("GET", "/mcp", accept="text/event-stream", mcp_session_id=session)
    assert second.status == 409
    taken_up = talking.open_events("GET", mcp_session_id=session, last_event_id=primed.id)
    assert messages(stream) == []  # the one that it replaces ended
    assert talking.request("DELETE", "/mcp", mcp_session_id=session).status == 204
    assert messages(taken_up) == []


def test_the_general_stream_tells_what_belongs_to_no_request_also_what_came_while_nobody_listened(
    talking: Any, call_body: Body
) -> None:
    session = talking.open_session("2025-06-18")
    changes = "notifications/tools/list_changed"
    answered = talking.post(call_body("rearrange"), mcp_session_id=session)
    assert answered.headers["content-type"] == "application/json"
    stream = talking.open_events("GET", mcp_session_id=session)
    assert stream.message()["method"] == changes
    talking.post(call_body("rearrange", 2), mcp_session_id=session)
    event = stream.event()
    assert (event.id, json.loads(event.data)["method"]) == ("0-2", changes)


def test_what_a_get_is_refused_for(talking: Any, call_body: Body) -> None:
    session, other = talking.open_session(), talking.open_session()
    talking.post(call_body("sleep", seconds=0.7), mcp_session_id=other)

    def get(**headers: str) -> int:
        status: int = talking.request("GET", "/mcp", **{"accept": "text/event-stream", **headers}).status
        return status

    assert get(mcp_session_id=session, accept="application/json") == 406
    assert get() == 400
    assert get(mcp_session_id="unknown") == 404
    assert get(mcp_session_id=session, mcp_protocol_version="2026-07-28") == 405
    assert get(mcp_session_id=other, last_event_id="1-1") == 200
    for place in ("1-1", "1-0", "7-0", "0-1", "nonsense", ""):
        assert get(mcp_session_id=session, last_event_id=place or " ") == 400


@pytest.mark.parametrize("how", ["notification", "delete"])
def test_a_cancelled_call_ends_its_stream_with_an_error(
    talking: Any, call_body: Body, request_body: Body, how: str
) -> None:
    session = talking.open_session()
    stream = talking.open_events("POST", call_body("report", 5, token=1, count=100), mcp_session_id=session)
    stream.event()
    if how == "delete":
        assert talking.request("DELETE", "/mcp", mcp_session_id=session).status == 204
    else:
        note = request_body("notifications/cancelled", {"requestId": 5}, request_id=None)
        assert talking.post(note, mcp_session_id=session).status == 202
    last = messages(stream)[-1]
    assert (last["id"], last["error"]["code"]) == (5, -32800)
    talking.wait_for_status(lambda status: status["pool"]["busy"] == 0)


def test_streams_that_owe_no_answer_end_when_the_server_drains_and_others_with_theirs(
    start_http: Callable[..., Any], call_body: Body, request_body: Body
) -> None:
    server = start_http(faulty=True)
    session = server.open_session()
    general = server.open_events("GET", mcp_session_id=session)
    stream = server.open_events("POST", call_body("report", 9, token=1, count=16), mcp_session_id=session)
    stream.event()
    server.process.send_signal(signal.SIGTERM)
    assert messages(general) == []
    refused = server.request("GET", "/mcp", accept="text/event-stream", mcp_session_id=session)
    assert refused.status == 503
    stream.close()
    taken_up = server.open_events("GET", mcp_session_id=session, last_event_id="1-1")
    answer = messages(taken_up)[-1]
    assert (answer["id"], answer["result"]["structuredContent"]["done"]) == (9, True)
    assert server.process.wait(20) == 0


def test_a_session_somebody_listens_to_is_not_idle(start_http: Callable[..., Any], request_body: Body) -> None:
    server = start_http(FILEWARDEN_HTTP_SESSION_IDLE_S="2")
    listening, idle = server.open_session(), server.open_session()
    server.open_events("GET", mcp_session_id=listening)
    server.wait_for_status(lambda status: status["clients"]["http"] == 1)
    assert server.post(request_body("ping"), mcp_session_id=idle).status == 404
    assert server.post(request_body("ping"), mcp_session_id=listening).status == 200


def test_many_calls_of_one_session_at_once_keep_to_their_own_streams(talking: Any, call_body: Body) -> None:
    session = talking.open_session()

    def call(number: int) -> bool:
        reply = talking.post(call_body("report", number, token=number, count=2), mcp_session_id=session)
        *reports, answer = reply.messages
        return answer["id"] == number and all(each["params"]["progressToken"] == number for each in reports)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(call, range(6)))


@pytest.mark.parametrize(("bound", "status"), [("1048576", 400), ("67108864", 200)])
def test_what_is_kept_for_lost_streams_is_bounded_by_a_setting(
    bound: str, status: int, start_http: Callable[..., Any], tree: Path, call_body: Body
) -> None:
    (tree / "large.txt").write_text("x" * 900_000)
    (tree / "large.txt").chmod(0o644)
    server = start_http(FILEWARDEN_HTTP_MAX_KEPT_BYTES=bound, FILEWARDEN_HTTP_ALWAYS_STREAM="true")
    session = server.open_session("2025-11-25")
    for number in (1, 2):
        body = call_body("read_file", number, path="large.txt")
        messages(server.open_events("POST", body, mcp_session_id=session))
    for place, expected in (("1-0", status), ("2-0", 200)):
        found = server.request("GET", "/mcp", accept="text/event-stream", mcp_session_id=session, last_event_id=place)
        assert found.status == expected
