"""Calls that become tasks: created, polled, asked, answered in parts, cancelled, forgotten; for their owner alone."""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest

from filewarden.broker import task_runs
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Succeeded
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import InputRequest, Inputs, form
from filewarden.workers.task_use import TaskUse
from filewarden.workers.tool import Tool
from tests.drivers.desk import WallClock

Json = dict[str, Any]
EXTENSION = "io.modelcontextprotocol/tasks"
ABLE: Json = {"extensions": {EXTENSION: {}}, "elicitation": {}, "roots": {}}
TTL_S = 60.0
"""As the desk has it."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Facts(msgspec.Struct, frozen=True):
    size: int = 1


def tool(name: str, task: TaskUse) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=Nothing,
        result=Facts,
        run=lambda *_: Facts(),
        task=task,
        needs_task=name == "needy",
    )


CATALOGUE = Catalogue(
    [tool("at_once", TaskUse.AT_ONCE), tool("slow", TaskUse.WHEN_SLOW), tool("needy", TaskUse.AT_ONCE),
     tool("plain", TaskUse.NEVER)]
)  # fmt: skip
DONE = Succeeded(Facts())
SURE = form("Sure?", {"confirm": {"type": "boolean"}})
TWO = Asked({"sure": SURE, "roots": InputRequest("roots/list")}, b"state")


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    return make_desk(CATALOGUE)


@pytest.fixture
def talk(desk: Any) -> Any:
    return desk.modern(**ABLE)


def create(talk: Any, name: str = "at_once") -> Json:
    result: Json = talk.get("tools/call", {"name": name})["result"]
    assert result["resultType"] == "task"
    return result


def get(talk: Any, task: Json) -> Json:
    result: Json = talk.get("tasks/get", {"taskId": task["taskId"]})["result"]
    assert result["resultType"] == "complete"
    return result


def acknowledged(answer: Json) -> None:
    assert set(answer["result"]) == {"resultType", "_meta"}
    assert answer["result"]["resultType"] == "complete"


def update(talk: Any, task: Json, **answers: Any) -> None:
    acknowledged(talk.get("tasks/update", {"taskId": task["taskId"], "inputResponses": answers}))


def cancel(talk: Any, task: Json) -> None:
    acknowledged(talk.get("tasks/cancel", {"taskId": task["taskId"]}))


def is_unknown(talk: Any, task: Json) -> bool:
    codes: list[int | None] = []
    for method in ("tasks/get", "tasks/cancel", "tasks/update"):
        answer = talk.get(method, {"taskId": task["taskId"], "inputResponses": {}})
        codes.append(answer.get("error", {}).get("code"))
        assert answer["status"] == 200
    assert len(set(codes)) == 1
    return codes[0] == -32602


def test_a_task_is_created_flat_and_readable_at_once(talk: Any, desk: Any) -> None:
    task = create(talk)
    assert set(task) == {
        "resultType", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs", "_meta"
    }  # fmt: skip
    assert (task["status"], task["ttlMs"]) == ("working", 60_000)
    assert len(task["taskId"]) >= 22
    assert task["createdAt"].endswith("Z")
    assert get(talk, task)["status"] == "working"
    assert not desk.calls[-1].is_cancelled


@pytest.mark.parametrize(
    ("outcome", "is_error"),
    [(DONE, None), (Failed(Code.NOT_FOUND, "Not found."), True), (Failed(Code.TIMEOUT, "T."), True)],
)
def test_a_completed_task_shows_what_the_call_would_have_been_answered(
    outcome: Outcome, is_error: bool | None, talk: Any, desk: Any
) -> None:
    task = create(talk)
    desk.calls.pop().end(outcome)
    shown = get(talk, task)
    assert shown["status"] == "completed"
    plain = talk.ask("tools/call", {"name": "plain"})
    desk.calls.pop().end(outcome)
    assert shown["result"] == talk.answer_to(plain)["result"]
    assert shown["result"].get("isError") is is_error
    assert not {"error", "inputRequests", "requestState"} & set(shown)


def test_a_call_that_broke_in_our_hands_is_a_failed_task(talk: Any, desk: Any) -> None:
    task = create(talk)
    desk.calls.pop().end(Failed(Code.WORKER_CRASHED, "It crashed."))
    shown = get(talk, task)
    assert (shown["status"], shown["error"]) == ("failed", {"code": -32603, "message": "It crashed."})


def test_a_final_state_never_changes(talk: Any, desk: Any) -> None:
    task = create(talk)
    desk.calls.pop().end(DONE)
    before = get(talk, task)
    desk.pass_by(1)
    cancel(talk, task)
    update(talk, task, sure={})
    assert get(talk, task) == before


# Who gets a task


def test_a_client_without_the_extension_waits_for_its_answer(desk: Any) -> None:
    talk = desk.modern()
    number = talk.ask("tools/call", {"name": "at_once", "task": {"ttl": 1}})
    desk.pass_by(100)
    assert talk.answer_to(number) is None
    desk.calls.pop().end(DONE)
    assert talk.answer_to(number)["result"]["resultType"] == "complete"
    refused = talk.get("tools/call", {"name": "needy"})
    assert (refused["error"]["code"], refused["status"]) == (-32021, 400)
    legacy = desk.legacy()
    number = legacy.ask("tools/call", {"name": "at_once", "task": {"ttl": 1}})
    desk.calls.pop().end(DONE)
    assert "resultType" not in legacy.answer_to(number)["result"]


def test_a_slow_call_becomes_a_task_and_a_quick_one_does_not(talk: Any, desk: Any) -> None:
    quick = talk.ask("tools/call", {"name": "slow"})
    desk.pass_by(4)
    desk.calls.pop().end(DONE)
    assert talk.answer_to(quick)["result"]["resultType"] == "complete"
    desk.pass_by(10)
    slow = talk.ask("tools/call", {"name": "slow"})
    desk.pass_by(4)
    assert talk.answer_to(slow) is None
    desk.pass_by(2)
    task = talk.answer_to(slow)["result"]
    assert task["resultType"] == "task"
    desk.calls.pop().end(DONE)
    assert get(talk, task)["status"] == "completed"


def test_a_slow_call_that_asks_first_is_no_task(talk: Any, desk: Any) -> None:
    number = talk.ask("tools/call", {"name": "slow"})
    desk.calls.pop().end(TWO)
    assert talk.answer_to(number)["result"]["resultType"] == "input_required"
    desk.pass_by(10)
    assert talk.conversation.in_flight == 0


def test_a_principal_has_so_many_tasks_and_no_more(desk: Any, talk: Any) -> None:
    tasks = [create(talk) for _ in range(3)]
    number = talk.ask("tools/call", {"name": "at_once"})
    assert talk.answer_to(number) is None  # it runs as a plain call
    assert create(desk.modern("bob", **ABLE))["resultType"] == "task"
    for each in tasks:
        cancel(talk, each)
    again = [create(talk) for _ in range(3)]
    assert len({each["taskId"] for each in tasks + again}) == 6
    cancel(talk, again[0])
    number = talk.ask("tools/call", {"name": "at_once"})
    assert talk.answer_to(number) is None, "finished ones are kept too, and not without a bound"


# Whose it is, and for how long


def test_another_principal_and_another_id_are_unknown_alike(desk: Any, talk: Any) -> None:
    task = create(talk)
    bob = desk.modern("bob", **ABLE)
    assert is_unknown(bob, task)
    assert is_unknown(talk, {"taskId": "x" * 32})
    assert is_unknown(talk, {"taskId": ""})
    told = [bob.get("tasks/get", {"taskId": each})["error"] for each in (task["taskId"], "none")]
    assert told[0] == told[1]
    assert get(talk, task)["status"] == "working"
    assert not desk.calls[-1].is_cancelled


def test_a_task_outlives_its_conversation(desk: Any, talk: Any) -> None:
    task = create(talk)
    talk.conversation.close()
    assert not desk.calls[-1].is_cancelled
    other = desk.modern(**ABLE)
    desk.calls.pop().end(DONE)
    assert get(other, task)["status"] == "completed"


def test_a_task_is_forgotten_a_while_after_its_last_change(desk: Any, talk: Any) -> None:
    working, done, asking = create(talk), create(talk), create(talk)
    desk.calls.pop().end(TWO)
    desk.calls.pop().end(DONE)
    desk.pass_by(TTL_S - 1)
    assert get(talk, done)["status"] == "completed"
    desk.pass_by(2)
    assert is_unknown(talk, done)
    assert is_unknown(talk, asking)
    assert get(talk, working)["status"] == "working"


def test_a_cancelled_task_stops_its_worker(desk: Any, talk: Any) -> None:
    task = create(talk)
    cancel(talk, task)
    assert desk.calls[-1].is_cancelled
    cancel(talk, task)
    shown = get(talk, task)
    assert shown["status"] == "cancelled"
    assert not {"result", "error", "inputRequests"} & set(shown)


def test_a_notification_never_cancels_a_task(desk: Any, talk: Any) -> None:
    number = talk.ask("tools/call", {"name": "at_once"})
    task = talk.answer_to(number)["result"]
    talk.notify("notifications/cancelled", {"requestId": number})
    assert get(talk, task)["status"] == "working"
    assert not desk.calls[-1].is_cancelled


# Tasks that ask


def test_a_task_takes_its_answers_in_parts(desk: Any, talk: Any) -> None:
    task = create(talk)
    desk.calls.pop().end(TWO)
    shown = get(talk, task)
    assert (shown["status"], set(shown["inputRequests"])) == ("input_required", {"sure", "roots"})
    assert shown["inputRequests"]["sure"] == {"method": SURE.method, "params": SURE.params}
    update(talk, task, sure={"action": "decline"}, other={})
    shown = get(talk, task)
    assert (shown["status"], set(shown["inputRequests"])) == ("input_required", {"roots"})
    update(talk, task, sure={"action": "accept"})
    assert desk.calls == []
    update(talk, task, roots={"roots": []})
    assert desk.calls[-1].inputs == Inputs({"sure": {"action": "decline"}, "roots": {"roots": []}}, b"state")
    assert get(talk, task)["status"] == "working"
    desk.calls.pop().end(DONE)
    assert get(talk, task)["status"] == "completed"


def test_the_keys_of_a_task_are_never_used_again(desk: Any, talk: Any) -> None:
    task = create(talk)
    seen: set[str] = set()
    for _ in range(3):
        desk.calls.pop().end(Asked({"sure": SURE}, b"state"))
        (key,) = get(talk, task)["inputRequests"]
        assert key not in seen
        seen.add(key)
        update(talk, task, **{key: {"action": "accept"}})
        assert desk.calls[-1].inputs.answers == {"sure": {"action": "accept"}}


def test_what_the_client_cannot_answer_ends_the_task(desk: Any) -> None:
    talk = desk.modern(extensions={EXTENSION: {}})
    task = create(talk)
    desk.calls.pop().end(TWO)
    shown = get(talk, task)
    assert (shown["status"], shown["error"]["code"]) == ("failed", -32021)


def test_a_cancelled_task_that_asked_runs_no_more(desk: Any, talk: Any) -> None:
    task = create(talk)
    desk.calls.pop().end(TWO)
    cancel(talk, task)
    update(talk, task, sure={}, roots={})
    assert desk.calls == []
    assert get(talk, task)["status"] == "cancelled"


# Those that listen


def test_a_listener_hears_of_the_tasks_it_named_and_owns(desk: Any, talk: Any) -> None:
    task, other = create(talk), create(talk)
    foreign = create(desk.modern("bob", **ABLE))
    ids = [task["taskId"], foreign["taskId"], "none"]
    number = talk.ask("subscriptions/listen", {"notifications": {"taskIds": ids}})
    acknowledgement = talk.frames[-1]
    assert acknowledgement["params"]["notifications"] == {"taskIds": [task["taskId"]]}
    talk.frames.clear()
    working, its, theirs = desk.calls
    its.end(DONE)
    theirs.end(DONE)
    assert talk.frames == []
    working.end(DONE)
    (told,) = talk.frames
    assert told["method"] == "notifications/tasks"
    assert told["params"].pop("_meta") == {"io.modelcontextprotocol/subscriptionId": number}
    shown = get(talk, task)
    assert told["params"] == {name: value for name, value in shown.items() if name not in ("resultType", "_meta")}
    assert get(talk, other)["status"] == "completed"


def test_the_tasks_are_gone_through_once_however_many_are_named(
    desk: Any, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = create(talk)
    looks = count()
    monkeypatch.setattr(task_runs, "time", WallClock(lambda: desk.seconds + 0 * next(looks)))
    talk.ask("subscriptions/listen", {"notifications": {"taskIds": [task["taskId"], *map(str, range(1000))]}})
    assert talk.frames[-1]["params"]["notifications"] == {"taskIds": [task["taskId"]]}
    assert next(looks) == 1, "each time they are gone through, the clock is looked at"


def test_asking_for_tasks_takes_a_client_that_knows_them(desk: Any) -> None:
    refused = desk.modern().get("subscriptions/listen", {"notifications": {"taskIds": ["x"]}})
    assert (refused["error"]["code"], refused["status"]) == (-32021, 400)


def test_a_task_of_a_call_with_a_foreign_state_ends(desk: Any, talk: Any) -> None:
    """It was made before the state was looked at."""
    task = talk.get("tools/call", {"name": "at_once", "requestState": "forged"})["result"]
    ended = get(talk, task)
    assert ended["status"] == "completed"
    assert ended["result"]["isError"]
    assert "requestState" in ended["result"]["content"][0]["text"]
    assert desk.calls == []
