"""Subscriptions through a conversation: what answers them, and what is left of them when something ends."""

from collections.abc import Callable
from typing import Any

import pytest

from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.workers.catalogue import CATALOGUE
from filewarden.workers.errors import Code
from filewarden.workers.operations import LocatedResources, Resources

URI = "file:///R/a"
LOCATED = Succeeded(LocatedResources(("/R/a",)))
NOTHING = Succeeded(LocatedResources((None,)))
LISTEN = {"notifications": {"resourceSubscriptions": [URI], "resourcesListChanged": True}}


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    return make_desk(CATALOGUE)


@pytest.mark.parametrize(
    ("outcome", "failure", "code", "data"),
    [
        (NOTHING, None, -32002, {"uri": URI}),
        (LOCATED, Failed(Code.NOT_FOUND, "Gone."), -32002, {"uri": URI}),
        (LOCATED, Failed(Code.ACCESS_DENIED, "Closed."), -32002, {"uri": URI}),
        (LOCATED, Failed(Code.OVERLOADED, "Full."), -32603, {"code": "overloaded"}),
        (LOCATED, Failed(Code.UNSUPPORTED, "A pipe."), -32602, {"code": "unsupported"}),
        (Failed(Code.TIMEOUT, "Too slow."), None, -32603, {"code": "timeout"}),
    ],
)
def test_a_watch_that_cannot_be_is_an_error(
    outcome: Outcome, failure: Failed | None, code: int, data: Any, desk: Any
) -> None:
    talk = desk.legacy()
    number = talk.ask("resources/subscribe", {"uri": URI})
    assert talk.answer_to(number) is None
    desk.calls.pop().end(outcome)
    if failure is not None:
        desk.watches.pop().settle(failure)
    error = talk.answer_to(number)["error"]
    assert (error["code"], error["data"]) == (code, data)
    assert talk.conversation.in_flight == 0


def test_a_watch_is_answered_once_it_is_one(desk: Any) -> None:
    talk = desk.legacy()
    number = talk.ask("resources/subscribe", {"uri": URI})
    desk.calls.pop().end(LOCATED)
    assert talk.answer_to(number) is None
    desk.watches[0].settle(None)
    assert talk.answer_to(number)["result"] == {}
    desk.watches[0].change()
    assert [each["params"] for each in desk.notices] == [{"uri": URI}]
    assert talk.get("resources/unsubscribe", {"uri": URI})["result"] == {}
    assert desk.watches[0].is_over


def test_a_legacy_client_that_never_lists_costs_no_watcher(desk: Any) -> None:
    talk = desk.legacy()
    talk.get("tools/list")
    assert desk.watches == []
    talk.ask("resources/list")
    desk.calls.pop().end(Succeeded(Resources(())))
    (watch,) = desk.watches
    watch.settle(None)
    watch.change()
    assert [each["method"] for each in desk.notices] == ["notifications/resources/list_changed"]


def test_a_modern_client_that_lists_does_not_listen(desk: Any) -> None:
    talk = desk.modern()
    talk.ask("resources/list")
    assert desk.watches == []


@pytest.mark.parametrize("stage", ["asked", "located", "open"])
@pytest.mark.parametrize("ending", ["cancelled", "drained", "closed"])
def test_a_subscription_ends_at_any_stage(stage: str, ending: str, desk: Any) -> None:
    talk = desk.modern()
    number = talk.ask("subscriptions/listen", LISTEN)
    lists, call = desk.watches[0], desk.calls.pop()
    if stage != "asked":
        call.end(LOCATED)
    if stage == "open":
        for watch in desk.watches:
            watch.settle(None)
    was_open = [each["method"] for each in talk.frames] == ["notifications/subscriptions/acknowledged"]
    assert was_open == (stage == "open")
    assert talk.conversation.in_flight == 0
    talk.frames.clear()
    if ending == "cancelled":
        talk.notify("notifications/cancelled", {"requestId": number})
    elif ending == "drained":
        talk.conversation.end_subscriptions()
    else:
        talk.conversation.close()
    if stage == "asked":
        call.end(LOCATED)
    assert lists.is_over
    assert all(watch.is_over for watch in desk.watches)
    if ending != "drained":
        assert talk.frames == []
        return
    withdrawn, final = talk.frames
    assert withdrawn["params"]["requestId"] == number
    assert (final["id"], final["result"]["resultType"]) == (number, "complete")


def test_one_subscription_too_many_is_refused_and_room_comes_back(desk: Any) -> None:
    talks = [desk.modern() for _ in range(4)]
    numbers = [talks[count % 4].ask("subscriptions/listen", {"notifications": {}}) for count in range(16)]
    late = desk.modern()
    assert late.get("subscriptions/listen", {"notifications": {}})["error"]["code"] == -32602
    assert desk.modern("bob").ask("subscriptions/listen", {"notifications": {}})
    talks[0].notify("notifications/cancelled", {"requestId": numbers[0]})
    number = late.ask("subscriptions/listen", {"notifications": {}})
    assert late.answer_to(number) is None
