"""The user is asked before something destructive, in the way of each client, by a tool that only asks."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Json = dict[str, Any]
Start = Callable[..., Any]
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}
YES = {"action": "accept", "content": {"confirm": True}}
REFUSALS = [
    pytest.param({"action": "decline"}, id="decline"),
    pytest.param({"action": "cancel"}, id="cancel"),
    pytest.param({"action": "accept"}, id="nothing filled in"),
    pytest.param({"action": "accept", "content": {"confirm": False}}, id="no"),
    pytest.param({"action": "accept", "content": {"confirm": "true"}}, id="a text"),
    pytest.param({"content": {"confirm": True}}, id="no action"),
]


def code(result: Json) -> str:
    assert result["isError"], result
    found: str = result["structuredContent"]["error"]["code"]
    return found


def open_legacy(server: Any, capabilities: Json, revision: str = "2025-06-18") -> None:
    info = {"name": "test", "version": "0"}
    server.request("initialize", {"protocolVersion": revision, "capabilities": capabilities, "clientInfo": info})


@pytest.fixture
def asking(start_server: Start) -> Any:
    return start_server(faulty=True, FILEWARDEN_WRITES_CONFIRM="destructive")


def question_of(server: Any, call: int) -> Json:
    question: Json = server.receive()
    assert question.get("method") == "elicitation/create", question
    assert question["params"]["message"] == "Replace notes.txt?"
    assert question["params"]["requestedSchema"]["properties"]["confirm"]["type"] == "boolean"
    assert question["id"] != call
    return question


def respond(server: Any, question: Json, **body: object) -> None:
    server.send_line(json.dumps({"jsonrpc": "2.0", "id": question["id"], **body}).encode())


def test_a_legacy_client_is_asked_and_its_yes_counts(asking: Any) -> None:
    open_legacy(asking, {"elicitation": {}})
    call = asking.start_call("replace", path="notes.txt")
    respond(asking, question_of(asking, call), result=YES)
    assert asking.answer(call)["result"]["structuredContent"]["done"]


@pytest.mark.parametrize("said", [*REFUSALS, pytest.param(None, id="an error")])
def test_whatever_else_a_legacy_client_says_is_a_no(asking: Any, said: Json | None) -> None:
    open_legacy(asking, {"elicitation": {"form": {}}}, "2025-11-25")
    call = asking.start_call("replace", path="notes.txt")
    question = question_of(asking, call)
    respond(asking, question, **({"error": {"code": -1, "message": "no"}} if said is None else {"result": said}))
    assert code(asking.answer(call)["result"]) == "declined"


def test_no_worker_waits_for_the_user_and_others_are_served_meanwhile(asking: Any) -> None:
    open_legacy(asking, {"elicitation": {}})
    asking.wait_until_ready()
    call = asking.start_call("replace", path="notes.txt")
    question = question_of(asking, call)
    assert asking.status()["pool"]["busy"] == 0
    assert not asking.call("get_file_info", path="README.md").get("isError")
    respond(asking, question, result=YES)
    assert asking.answer(call)["result"]["structuredContent"]["done"]


def test_nobody_answering_in_time_is_a_no(start_server: Start) -> None:
    server = start_server(faulty=True, FILEWARDEN_WRITES_CONFIRM="always", FILEWARDEN_DEADLINES_ASK_S="0.2")
    open_legacy(server, {"elicitation": {}})
    call = server.start_call("replace", path="notes.txt")
    question = question_of(server, call)
    withdrawn = server.receive()
    assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", question["id"])
    assert code(server.answer(call)["result"]) == "declined"
    respond(server, question, result=YES)
    assert server.request("ping")["result"] == {}


def stop(server: Any) -> None:
    server.process.send_signal(signal.SIGTERM)


def leave(server: Any) -> None:
    server.process.stdin.close()


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        pytest.param(stop, "overloaded", id="the server stops"),
        pytest.param(leave, "declined", id="the client closes its input"),
    ],
)
def test_a_question_that_nobody_can_answer_any_more_is_a_no_that_is_told(
    end: Callable[[Any], None], outcome: str, asking: Any, tree: Path
) -> None:
    open_legacy(asking, {"elicitation": {}})
    call = asking.start_call("replace", path="notes.txt")
    question = question_of(asking, call)
    before = (tree / "notes.txt").read_bytes()
    end(asking)
    withdrawn = asking.receive()
    assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", question["id"])
    assert code(asking.answer(call)["result"]) == outcome
    assert asking.process.wait(20) == 0
    assert (tree / "notes.txt").read_bytes() == before


def test_what_changed_since_the_question_is_not_what_was_confirmed(asking: Any, tree: Path) -> None:
    open_legacy(asking, {"elicitation": {}})
    call = asking.start_call("replace", path="notes.txt")
    question = question_of(asking, call)
    (tree / "notes.txt").write_text("something else")
    respond(asking, question, result=YES)
    assert code(asking.answer(call)["result"]) == "conflict"


@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {"url": {}}}])
def test_a_client_that_cannot_be_asked_confirms_with_a_token_once(asking: Any, capabilities: Json) -> None:
    open_legacy(asking, capabilities)
    refused = asking.call("replace", path="notes.txt")
    assert code(refused) == "confirmation_required"
    token = refused["structuredContent"]["error"]["confirmation_token"]
    assert "confirmation_token" in refused["content"][0]["text"]
    assert code(asking.call("replace", path="README.md", confirmation_token=token)) == "invalid_argument"
    assert code(asking.call("replace", path="notes.txt", confirmation_token=token + "A")) == "invalid_argument"
    assert asking.call("replace", path="notes.txt", confirmation_token=token)["structuredContent"]["done"]
    assert code(asking.call("replace", path="notes.txt", confirmation_token=token)) == "invalid_argument"


def modern(server: Any, path: str = "notes.txt", **more: object) -> Json:
    params = {"name": "replace", "arguments": {"path": path}, "_meta": ENVELOPE, **more}
    answer: Json = server.request("tools/call", params)
    return answer


def test_a_modern_client_comes_back_with_its_answer_once(asking: Any) -> None:
    asked = modern(asking)["result"]
    assert asked["resultType"] == "input_required"
    assert asked["inputRequests"]["confirm"]["method"] == "elicitation/create"
    state = asked["requestState"]
    assert "content" not in asked
    assert modern(asking, inputResponses={"confirm": YES}, requestState=state + "A")["error"]["code"] == -32602
    assert modern(asking, "README.md", inputResponses={"confirm": YES}, requestState=state)["error"]["code"] == -32602
    done = modern(asking, inputResponses={"confirm": YES, "other": {}}, requestState=state)["result"]
    assert done["structuredContent"]["done"]
    assert modern(asking, inputResponses={"confirm": YES}, requestState=state)["error"]["code"] == -32602


@pytest.mark.parametrize("said", REFUSALS)
def test_whatever_else_a_modern_client_says_is_a_no(asking: Any, said: Json) -> None:
    state = modern(asking)["result"]["requestState"]
    assert code(modern(asking, inputResponses={"confirm": said}, requestState=state)["result"]) == "declined"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"inputResponses": {"confirm": YES}}, id="an answer to no question"),
        pytest.param({"inputResponses": {"other": YES}}, id="another key"),
        pytest.param({}, id="no answer"),
    ],
)
def test_a_modern_client_without_the_state_is_asked_again(asking: Any, more: Json) -> None:
    assert modern(asking, **more)["result"]["resultType"] == "input_required"


@pytest.mark.parametrize("wrong", [None, 5, "yes", [], {"confirm": 1}, {"confirm": None}])
def test_answers_that_are_no_objects_are_invalid(asking: Any, wrong: object) -> None:
    assert modern(asking, inputResponses=wrong)["error"]["code"] == -32602


def test_a_modern_client_that_cannot_be_asked_gets_a_token_too(asking: Any) -> None:
    envelope = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "replace", "arguments": {"path": "notes.txt"}, "_meta": envelope}
    error = asking.request("tools/call", params)["result"]["structuredContent"]["error"]
    params["arguments"] = {"path": "notes.txt", "confirmation_token": error["confirmation_token"]}
    assert asking.request("tools/call", params)["result"]["structuredContent"]["done"]


def test_without_a_policy_nobody_is_asked(start_server: Start) -> None:
    server = start_server(faulty=True)
    open_legacy(server, {"elicitation": {}})
    assert server.call("replace", path="notes.txt")["structuredContent"]["done"]
