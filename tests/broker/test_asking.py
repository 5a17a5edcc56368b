"""Asking a legacy client through its conversation: what is held for a question, and for how long."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.protocol.outcome import Asked, Succeeded
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.inquiry import form
from filewarden.workers.tool import Tool

ASKED = Asked({"sure": form("Sure?", {"confirm": {"type": "boolean"}})})
DECLINED = {"sure": {"action": "cancel"}}
ASK_S = 120.0
"""As the desk has it."""


class Arguments(msgspec.Struct, forbid_unknown_fields=True, weakref=True):
    content: str


class Facts(msgspec.Struct):
    size: int = 1


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    run: Any = None
    write = Tool(name="write", title="", description="", arguments=Arguments, result=Facts, run=run)
    return make_desk(Catalogue([write]))


@pytest.fixture
def talk(desk: Any) -> Any:
    return desk.legacy(elicitation={})


def question(desk: Any, talk: Any) -> tuple[int, str]:
    """The id of a call, and that of what it asks."""
    call = talk.ask("tools/call", {"name": "write", "arguments": {"content": "much"}})
    desk.calls.pop().end(ASKED)
    return call, talk.frames[-1]["id"]


def test_a_question_that_is_answered_holds_its_call_no_longer(desk: Any, talk: Any) -> None:
    call, asked = question(desk, talk)
    answer = {"jsonrpc": "2.0", "id": asked, "result": {"action": "accept", "content": {"confirm": True}}}
    talk.conversation.receive(msgspec.json.encode(answer), talk)
    held = weakref.ref(desk.calls[0].arguments)
    desk.calls.pop().end(Succeeded(Facts()))
    assert talk.answer_to(call)["result"]
    gc.collect()
    assert held() is None
    desk.pass_by(ASK_S)
    assert desk.calls == []


def test_a_question_that_nobody_answers_is_given_up(desk: Any, talk: Any) -> None:
    call, asked = question(desk, talk)
    desk.pass_by(ASK_S - 1)
    assert desk.calls == []
    desk.pass_by(1)
    assert desk.calls[0].inputs.answers == DECLINED
    assert talk.frames[-1]["params"]["requestId"] == asked
    desk.calls.pop().end(Succeeded(Facts()))
    assert talk.answer_to(call)["result"]
