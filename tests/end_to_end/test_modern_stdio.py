"""The modern era on stdio with real workers: probing, progress and messages, cancelling, rounds, tasks."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.peers import FIXTURE

pytestmark = pytest.mark.integration

Json = dict[str, Any]
Start = Callable[..., Any]
META = "io.modelcontextprotocol/"
ABLE: Json = {"elicitation": {}, "extensions": {f"{META}tasks": {}}}


def enveloped(params: Json | None = None, capabilities: Json | None = None, **meta: Any) -> Json:
    envelope = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": capabilities or {}}
    return {**(params or {}), "_meta": {**envelope, **meta}}


def call(name: str, arguments: Json | None = None, **members: Any) -> Json:
    return {"name": name, "arguments": arguments or {}, **members}


@pytest.fixture
def fixture(start_server: Start) -> Any:
    return start_server(program=FIXTURE)


def until_answer(server: Any, request_id: int) -> tuple[list[Json], Json]:
    """What was told before the answer, and the answer."""
    told: list[Json] = []
    while "id" not in (message := server.receive()):
        told.append(message)
    assert message["id"] == request_id
    return told, message


def test_two_servers_of_one_client_live_side_by_side(start_server: Start, tree: Path) -> None:
    """One official client starts a second server for the time of the probe."""
    probed, kept = start_server(), start_server()
    found = probed.request("server/discover", enveloped())["result"]
    assert found["supportedVersions"] == ["2026-07-28"]
    assert kept.initialize("2025-11-25")["protocolVersion"] == "2025-11-25"
    modern = probed.request("tools/call", enveloped(call("read_file", {"path": "README.md"})))["result"]
    legacy = kept.call("read_file", path="README.md")
    assert modern["content"] == legacy["content"]
    assert probed.finish() == 0
    assert kept.call("read_file", path="README.md")["content"] == legacy["content"]


def test_a_connection_keeps_to_its_era(start_server: Start) -> None:
    server = start_server()
    assert server.request("server/discover", enveloped())["result"]["resultType"] == "complete"
    assert server.request("tools/list", enveloped())["result"]["ttlMs"] > 0
    refused = server.request("initialize", {"protocolVersion": "2025-06-18"})["error"]
    assert (refused["code"], refused["data"]["supported"]) == (-32022, ["2026-07-28"])
    assert server.request("tools/list", {})["error"]["code"] == -32602
    assert server.request("ping", enveloped())["error"]["code"] == -32601


def test_progress_and_messages_come_before_the_answer_where_they_were_asked_for(fixture: Any) -> None:
    number = fixture.send("tools/call", enveloped(call("test_tool_with_progress"), progressToken=0))
    told, answer = until_answer(fixture, number)
    done = [each["params"]["progress"] for each in told]
    assert {each["method"] for each in told} == {"notifications/progress"}
    assert {each["params"]["progressToken"] for each in told} == {0}
    assert done == sorted(set(done))
    assert done[-1] == 100
    assert answer["result"]["resultType"] == "complete"
    for level, count in (("info", 3), ("error", 0), (None, 0)):
        meta: Json = {} if level is None else {f"{META}logLevel": level}
        number = fixture.send("tools/call", enveloped(call("test_logging_tool"), **meta))
        told, _ = until_answer(fixture, number)
        assert [each["method"] for each in told] == ["notifications/message"] * count
    assert fixture.request("tools/call", enveloped(call("test_simple_text")))["result"]["content"]


def test_a_cancelled_call_is_never_answered_and_its_worker_replaced(fixture: Any) -> None:
    number = fixture.send("tools/call", enveloped(call("slow_compute", {"seconds": 30})))
    fixture.wait_for_status(lambda status: status["pool"]["busy"] == 1)
    begun = time.monotonic()
    fixture.notify("notifications/cancelled", {"requestId": number, "reason": "enough"})
    status = fixture.wait_for_status(lambda status: status["calls"]["cancelled"] == 1 and status["pool"]["busy"] == 0)
    assert time.monotonic() - begun < 5
    assert "cancelled" in [row["last_exit"] for row in status["workers"]]
    told, _ = until_answer(fixture, fixture.send("tools/call", enveloped(call("test_simple_text"))))
    assert told == []


def test_a_question_takes_its_rounds_and_only_its_own_state(fixture: Any) -> None:
    name = "test_input_required_result_multi_round"

    def round_of(**members: Any) -> Json:
        answer: Json = fixture.request("tools/call", enveloped(call(name, **members), ABLE))
        return answer

    first = round_of()["result"]
    assert (first["resultType"], set(first["inputRequests"])) == ("input_required", {"user_name"})
    given = {"user_name": {"action": "accept", "content": {"name": "Ada"}}}
    second = round_of(inputResponses=given, requestState=first["requestState"])["result"]
    assert set(second["inputRequests"]) == {"color"}
    replayed = round_of(inputResponses=given, requestState=first["requestState"])
    assert replayed["error"]["code"] == -32602
    tampered = second["requestState"][:-3] + "AAA"
    assert round_of(inputResponses=given, requestState=tampered)["error"]["code"] == -32602
    given = {"color": {"action": "accept", "content": {"color": "red"}}}
    assert round_of(inputResponses=given, requestState=second["requestState"])["result"]["resultType"] == "complete"


def test_a_task_runs_is_polled_and_is_cancelled(fixture: Any) -> None:
    def create(seconds: float) -> str:
        params = enveloped(call("slow_compute", {"seconds": seconds}), ABLE)
        created = fixture.request("tools/call", params)["result"]
        assert (created["resultType"], created["status"]) == ("task", "working")
        task_id: str = created["taskId"]
        return task_id

    def get(task_id: str) -> Json:
        answer: Json = fixture.request("tasks/get", enveloped({"taskId": task_id}, ABLE))
        return answer

    long, short = create(30), create(0.1)
    give_up_at = time.monotonic() + 20
    while (shown := get(short)["result"])["status"] == "working":
        assert time.monotonic() < give_up_at
    assert (shown["status"], shown["result"]["content"][0]["type"]) == ("completed", "text")
    assert get(long)["result"]["status"] == "working"
    assert fixture.request("tasks/cancel", enveloped({"taskId": long}, ABLE))["result"]["resultType"] == "complete"
    assert get(long)["result"]["status"] == "cancelled"
    fixture.wait_for_status(lambda status: status["pool"]["busy"] == 0)
    assert get("x" * 32)["error"]["code"] == -32602
    assert fixture.request("tasks/get", enveloped({"taskId": short}))["error"]["code"] == -32021
