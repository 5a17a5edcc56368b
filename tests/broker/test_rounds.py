"""What a client carries from one round to the next: sealed state, confirmation tokens and cursors, all hostile."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.outcome import Asked, Succeeded
from filewarden.broker.vouchers import ANSWER_LIFETIME_S, CURSOR_LIFETIME_S
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.inquiry import Inputs, form
from filewarden.workers.tool import Tool

Json = dict[str, Any]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str = "."
    cursor: str | None = None


class Guarded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str = "."
    confirmation_token: str | None = None


class Page(msgspec.Struct, frozen=True):
    next_cursor: str | None = None


def tool(name: str, arguments: type[msgspec.Struct]) -> Tool:
    return Tool(name=name, title=name, description=name, arguments=arguments, result=Page, run=lambda *_: Page())


CATALOGUE = Catalogue(
    [tool("list", Target), tool("other", Target), tool("guarded", Guarded), tool("guarded_too", Guarded)]
)
SURE = form("Sure?", {"confirm": {"type": "boolean"}}, ("confirm",))
ASKED = Asked({"confirm": SURE}, b"secret state")
YES = {"confirm": {"action": "accept", "content": {"confirm": True}}}


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    return make_desk(CATALOGUE)


def call(talk: Any, name: str = "list", path: str = "a", *, arguments: Json | None = None, **members: Any) -> int:
    number: int = talk.ask("tools/call", {"name": name, "arguments": {"path": path, **(arguments or {})}, **members})
    return number


def state_of(desk: Any, talk: Any, name: str = "list", path: str = "a") -> str:
    """The sealed state that a client gets with a question."""
    number = call(talk, name, path)
    desk.calls.pop().end(ASKED)
    result = talk.answer_to(number)["result"]
    assert result["resultType"] == "input_required"
    assert "secret" not in str(result)
    state: str = result["requestState"]
    return state


def refusal(talk: Any, number: int) -> Json:
    error: Json = talk.answer_to(number)["error"]
    return error


def test_state_comes_back_to_the_same_call_once(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    state = state_of(desk, talk)
    number = call(talk, inputResponses=YES, requestState=state)
    assert desk.calls[-1].inputs == Inputs(YES, b"secret state")
    desk.calls.pop().end(Succeeded(Page()))
    assert "result" in talk.answer_to(number)
    assert refusal(talk, call(talk, inputResponses=YES, requestState=state))["code"] == -32602
    assert desk.calls == []


def changed(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def test_every_state_that_is_not_for_this_call_is_refused_alike(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    state = state_of(desk, talk)
    foreign = [
        *(changed(state, place) for place in range(0, len(state) - 1, 7)),
        state[:-4],
        state + "AAAA",
        "",
        "x",
        "A" * 20_000,
        "\u00e9",
        state_of(desk, talk, path="b"),
        state_of(desk, talk, name="other"),
        state_of(desk, desk.modern("bob", elicitation={})),
    ]
    errors = [refusal(talk, call(talk, inputResponses=YES, requestState=each)) for each in foreign]
    assert {error["code"] for error in errors} == {-32602}
    assert len({error["message"] for error in errors}) == 1
    assert desk.calls == []
    call(talk, inputResponses=YES, requestState=state)
    assert len(desk.calls) == 1


def test_state_expires(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    early, late = state_of(desk, talk), state_of(desk, talk)
    desk.pass_by(ANSWER_LIFETIME_S - 1)
    call(talk, inputResponses=YES, requestState=early)
    assert len(desk.calls) == 1
    desk.pass_by(2)
    assert refusal(talk, call(talk, inputResponses=YES, requestState=late))["code"] == -32602
    assert len(desk.calls) == 1


def test_answers_without_state_are_only_answers(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    call(talk, inputResponses=YES)
    assert desk.calls[-1].inputs == Inputs(YES, b"")


def test_state_without_answers_is_asked_about_again(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    number = call(talk, requestState=state_of(desk, talk))
    assert desk.calls[-1].inputs == Inputs({}, b"secret state")
    desk.calls.pop().end(ASKED)
    assert talk.answer_to(number)["result"]["resultType"] == "input_required"


def test_nothing_is_kept_for_a_client_that_never_comes_back(desk: Any) -> None:
    talk = desk.modern(elicitation={})
    for _ in range(50):
        state_of(desk, talk)
    assert (talk.conversation.in_flight, desk.calls) == (0, [])


# Tokens: for a client that cannot ask its user.


def token_of(desk: Any, talk: Any, name: str = "guarded", path: str = "a") -> str:
    number = call(talk, name, path)
    desk.calls.pop().end(ASKED)
    result = talk.answer_to(number)["result"]
    assert result["isError"] is True
    error = result["structuredContent"]["error"]
    assert error["code"] == "confirmation_required"
    assert "Sure?" in error["message"]
    token: str = error["confirmation_token"]
    return token


@pytest.fixture(params=["legacy", "modern"])
def mute(request: pytest.FixtureRequest, desk: Any) -> Any:
    """A client without any way to ask, in each era."""
    return desk.legacy() if request.param == "legacy" else desk.modern()


def confirm(talk: Any, token: str, name: str = "guarded", path: str = "a") -> int:
    return call(talk, name, path, arguments={"confirmation_token": token})


def test_a_token_confirms_the_same_call_once(desk: Any, mute: Any) -> None:
    token = token_of(desk, mute)
    confirm(mute, token)
    assert desk.calls.pop().inputs == Inputs(YES, b"secret state")
    again = mute.answer_to(confirm(mute, token))["result"]
    assert again["structuredContent"]["error"]["code"] == "invalid_argument"
    assert desk.calls == []


def test_every_token_that_is_not_for_this_call_is_refused(desk: Any, mute: Any) -> None:
    token = token_of(desk, mute)
    state = state_of(desk, desk.modern(elicitation={}), "guarded")
    for foreign in (
        changed(token, 5),
        "",
        "x",
        state,
        token_of(desk, mute, path="b"),
        token_of(desk, mute, name="guarded_too"),
        token_of(desk, desk.modern("bob")),
    ):
        result = mute.answer_to(confirm(mute, foreign))["result"]
        assert result["structuredContent"]["error"]["code"] == "invalid_argument"
    desk.pass_by(ANSWER_LIFETIME_S + 2)
    assert mute.answer_to(confirm(mute, token))["result"]["isError"] is True
    assert desk.calls == []


def test_a_token_is_no_state(desk: Any) -> None:
    talk = desk.modern()
    token = token_of(desk, talk)
    assert refusal(talk, call(talk, "guarded", requestState=token))["code"] == -32602


# Cursors


def cursor_of(desk: Any, talk: Any, name: str = "list", path: str = "a") -> str:
    number = call(talk, name, path)
    desk.calls.pop().end(Succeeded(Page("after x")))
    result = talk.answer_to(number)["result"]
    cursor: str = result["structuredContent"]["next_cursor"]
    assert "after" not in cursor
    return cursor


def test_a_cursor_goes_on_with_the_same_call_as_often_as_wanted(desk: Any, mute: Any) -> None:
    cursor = cursor_of(desk, mute)
    for _ in range(2):
        call(mute, arguments={"cursor": cursor})
        assert desk.calls.pop().arguments == Target("a", "after x")


def test_every_cursor_that_is_not_for_this_call_is_refused(desk: Any, mute: Any) -> None:
    cursor = cursor_of(desk, mute)
    for foreign in (
        changed(cursor, 5),
        "",
        "after x",
        cursor_of(desk, mute, path="b"),
        cursor_of(desk, mute, name="other"),
        cursor_of(desk, desk.modern("bob")),
    ):
        result = mute.answer_to(call(mute, arguments={"cursor": foreign}))["result"]
        assert result["structuredContent"]["error"]["argument"] == "cursor"
    desk.pass_by(CURSOR_LIFETIME_S + 2)
    assert mute.answer_to(call(mute, arguments={"cursor": cursor}))["result"]["isError"] is True
    assert desk.calls == []


# A legacy client is asked by us.


def test_a_legacy_client_that_does_not_answer_gets_its_result_anyway(desk: Any) -> None:
    talk = desk.legacy(elicitation={})
    number = call(talk)
    desk.calls.pop().end(ASKED)
    (question,) = [each for each in talk.frames if each.get("method") == "elicitation/create"]
    desk.pass_by(121)
    (withdrawn,) = [each for each in talk.frames if each.get("method") == "notifications/cancelled"]
    assert withdrawn["params"]["requestId"] == question["id"]
    assert desk.calls[-1].inputs == Inputs({"confirm": {"action": "cancel"}}, b"secret state")
    desk.calls.pop().end(Succeeded(Page()))
    assert "result" in talk.answer_to(number)


def test_a_call_that_is_cancelled_during_its_question_is_not_run_again(desk: Any) -> None:
    talk = desk.legacy(elicitation={})
    number = call(talk)
    desk.calls.pop().end(ASKED)
    talk.notify("notifications/cancelled", {"requestId": number})
    desk.pass_by(121)
    assert desk.calls == []
    assert talk.answer_to(number) is None
    assert talk.conversation.in_flight == 0


def test_a_client_that_leaves_during_its_question_leaves_nothing(desk: Any) -> None:
    talk = desk.legacy(elicitation={})
    number = call(talk)
    desk.calls.pop().end(ASKED)
    talk.conversation.close()
    desk.pass_by(121)
    assert desk.calls == []
    assert talk.answer_to(number) is None
