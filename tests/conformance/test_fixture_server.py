"""The fixture server on stdio, where no suite looks: what is told beside the answers arrives there too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.peers import FIXTURE

pytestmark = pytest.mark.integration

UPDATED = "notifications/resources/updated"
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}


@pytest.fixture
def fixture(start_server: Callable[..., Any]) -> Any:
    return start_server(program=FIXTURE)


def until(fixture: Any, *wanted: object) -> list[Any]:
    """The frames up to those that have all of the wanted methods and ids, in any order."""
    left, frames = set(wanted), []
    while left:
        frames.append(fixture.receive())
        left -= {frames[-1].get("method"), frames[-1].get("id")}
    return frames


@pytest.mark.parametrize("kind", ["tool", "prompt"])
def test_a_changed_list_is_told_of_in_both_eras(fixture: Any, start_server: Callable[..., Any], kind: str) -> None:
    method = f"notifications/{kind}s/list_changed"
    fixture.initialize()
    until(fixture, fixture.start_call(f"test_trigger_{kind}_change"), method)
    modern = start_server(program=FIXTURE)
    listen = modern.send("subscriptions/listen", {"_meta": MODERN, "notifications": {f"{kind}sListChanged": True}})
    assert modern.receive()["method"] == "notifications/subscriptions/acknowledged"
    call = modern.send("tools/call", {"_meta": MODERN, "name": f"test_trigger_{kind}_change", "arguments": {}})
    (told,) = (frame for frame in until(modern, call, method) if frame.get("method") == method)
    assert told["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": listen}


def test_a_prompt_is_expanded_and_completed(fixture: Any) -> None:
    fixture.initialize()
    given = {"arg1": "one", "arg2": "two"}
    prompt = fixture.request("prompts/get", {"name": "test_prompt_with_arguments", "arguments": given})["result"]
    assert "'one', 'two'" in prompt["messages"][0]["content"]["text"]
    reference = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    answer = fixture.request("completion/complete", {"ref": reference, "argument": {"name": "arg1", "value": "test"}})
    assert answer["result"]["completion"]["values"] == ["testValue1", "testValue2"]


def test_an_elicited_answer_reaches_the_operation(fixture: Any) -> None:
    fixture.request(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "test", "version": "1"},
        },
    )
    call = fixture.start_call("test_elicitation", message="Who are you?")
    question = fixture.receive()
    assert question["method"] == "elicitation/create"
    result = {"action": "accept", "content": {"username": "ada", "email": "ada@example.org"}}
    fixture.send_line(json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode())
    assert "ada" in fixture.answer(call)["result"]["content"][0]["text"]


def test_a_task_that_asks_what_its_client_cannot_answer_has_failed(fixture: Any) -> None:
    capabilities: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    meta = {**MODERN, "io.modelcontextprotocol/clientCapabilities": capabilities}
    wanted = {"_meta": meta, "name": "protocol_error_job", "arguments": {}}
    created = fixture.request("tools/call", wanted)["result"]
    assert created["resultType"] == "task"
    while task := fixture.request("tasks/get", {"_meta": meta, "taskId": created["taskId"]})["result"]:
        if task["status"] != "working":
            break
    assert (task["status"], task["error"]["code"]) == ("failed", -32021)
    assert task["error"]["data"] == {"requiredCapabilities": {"roots": {}}}
    assert "result" not in task


def test_the_watched_resource_is_told_of(fixture: Any, tree: Path) -> None:
    fixture.initialize()
    assert fixture.request("resources/subscribe", {"uri": "test://watched-resource"})["result"] == {}
    (tree / "new.txt").write_text("new")
    (told,) = (frame for frame in until(fixture, UPDATED) if frame["method"] == UPDATED)
    assert told["params"] == {"uri": "test://watched-resource"}
    refused = fixture.request("resources/subscribe", {"uri": "test://static-text"})
    assert refused["error"]["code"] == -32002
