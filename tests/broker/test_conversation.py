"""What a conversation refuses by itself, whatever let the message through."""

import json
from typing import Any

import msgspec
import pytest

from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.offering import OfferedTools
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.session import Session
from filewarden.broker.services import Services
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.tool import Tool


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Submitted(Exception):
    """The call got as far as the dispatcher."""


class Dispatcher:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str]] = []

    def note_refused(self, caller: Caller, tool: Tool, _start: Any, refusal: Failed) -> None:
        self.noted.append((caller.principal.key, tool.name, refusal.code))

    def submit(self, *_: Any, **__: Any) -> None:
        raise Submitted


class Vouchers:
    def open_cursor(self, _tool: Tool, arguments: msgspec.Struct, _principal: str) -> msgspec.Struct:
        return arguments

    def open_token(self, *_: Any) -> None:
        return None


class Sink:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        assert status == 200
        self.frames.append(bytes(reply or b""))


def tool(name: str, *, writes: bool) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        arguments=Nothing,
        result=Nothing,
        run=lambda *_: Nothing(),
        writes=writes,
    )


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher()


@pytest.fixture
def conversation(dispatcher: Dispatcher) -> Conversation:
    catalogue = Catalogue([tool("look", writes=False), tool("change", writes=True)])
    unused: Any = None
    services = Services(
        reactor=unused,
        dispatcher=dispatcher,  # type: ignore[arg-type]  # only what is asked of it here
        catalogue=catalogue,
        vouchers=Vouchers(),  # type: ignore[arg-type]  # only what is asked of it here
        tasks=unused,
        announcements=unused,
        watches=unused,
        abilities=Abilities(),
        ask_s=1.0,
        task_after_s=1.0,
    )
    session = Session(Offer(OfferedTools(catalogue, max_answer_chars=40_000), instructions=""))
    found = Conversation(session=session, services=services, caller=Caller("a", Principal("ann", frozenset())))
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    say(found, "initialize", client)
    return found


def say(conversation: Conversation, method: str, params: Any) -> Any:
    sink = Sink()
    conversation.receive(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(), sink)
    return json.loads(sink.frames[-1])["result"]


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"files:read"})])
def test_writing_is_refused_to_whoever_was_not_granted_it(
    conversation: Conversation, dispatcher: Dispatcher, scopes: frozenset[str]
) -> None:
    conversation.speak_for(Principal("ann", scopes))
    result = say(conversation, "tools/call", {"name": "change", "arguments": {}})
    assert result["isError"]
    assert "files:write" in result["content"][0]["text"]
    assert dispatcher.noted == [("ann", "change", "access_denied")], "for the audit log"
    with pytest.raises(Submitted):
        say(conversation, "tools/call", {"name": "look", "arguments": {}})


@pytest.mark.parametrize("scopes", [None, frozenset({"files:write"})])
def test_the_rights_of_the_latest_message_count(conversation: Conversation, scopes: frozenset[str] | None) -> None:
    conversation.speak_for(Principal("ann", scopes))
    with pytest.raises(Submitted):
        say(conversation, "tools/call", {"name": "change", "arguments": {}})
