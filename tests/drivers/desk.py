"""Conversations on a desk: their sessions are real, while time, workers and watches are in the test's hands."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from filewarden.broker.announcements import Announcements
from filewarden.broker.call import DEAF, Deliver, Hearing
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.offering import OfferedTools
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.offer import Abilities, Offer
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.session import Session
from filewarden.broker.seal import Seal
from filewarden.broker.services import Services
from filewarden.broker.task_runs import TaskRuns
from filewarden.broker.vouchers import Vouchers
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.inquiry import Inputs
from filewarden.workers.tool import Tool


class Submitted(msgspec.Struct, kw_only=True, eq=False):
    """One call as the dispatcher got it."""

    caller: Caller
    tool: Tool
    arguments: msgspec.Struct
    deliver: Deliver
    hearing: Hearing
    inputs: Inputs | None
    is_settled: bool = False
    is_cancelled: bool = False

    def end(self, outcome: Outcome) -> None:
        self.is_settled = True
        self.deliver(outcome)


class Talk:
    """One client's conversation, and all that it was sent."""

    def __init__(self, conversation: Conversation, envelope: dict[str, Any] | None) -> None:
        self.conversation = conversation
        self.frames: list[Any] = []
        self._envelope = envelope
        self._next_id = 0

    def send(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        if reply is not None:
            self.frames.append({**msgspec.json.decode(bytes(reply)), "status": status})

    def ask(self, method: str, params: dict[str, Any] | None = None, **meta: Any) -> int:
        self._next_id += 1
        given = {**(params or {}), "_meta": {**(self._envelope or {}), **meta}}
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": given}
        self.conversation.receive(msgspec.json.encode(message), self)
        return self._next_id

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.conversation.receive(msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params}), self)

    def answer_to(self, request_id: int) -> Any:
        """The one answer to a request, None while there is none."""
        found = [each for each in self.frames if each.get("id") == request_id and "method" not in each]
        assert len(found) <= 1, "answered twice"
        return found[0] if found else None

    def get(self, method: str, params: dict[str, Any] | None = None) -> Any:
        return self.answer_to(self.ask(method, params))


class Watch:
    """What a conversation watches; None stands for the lists."""

    def __init__(
        self, path: str | None, on_change: Callable[[], None], on_result: Callable[[Failed | None], None]
    ) -> None:
        self.path = path
        self.change = on_change
        self.settle = on_result
        self.is_over = False


class WallClock:
    """Stands for the module `time`."""

    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)

    def __init__(self, now: Callable[[], float]) -> None:
        self.time = now


class Desk:
    """All that conversations share, with time and workers in the test's hands."""

    def __init__(self, catalogue: Catalogue, *, tasks: int = 3) -> None:
        stand_in: Any = self
        self.seconds = 1000.0
        self.calls: list[Submitted] = []
        self.refused: list[tuple[str, str]] = []
        """Calls that never came to the dispatcher, by name and code."""
        self.notices: list[Any] = []
        """What legacy clients were told beside their requests."""
        self._timers: list[tuple[float, Callable[[], None]]] = []
        announcements = Announcements()
        can_watch = catalogue.operation("resources/subscribe") is not None
        self.offer = Offer(
            OfferedTools(catalogue, max_answer_chars=100_000),
            abilities=Abilities(
                logging=True, tasks=True, resources=True, watching=can_watch, changing_resources=can_watch
            ),
        )
        self.watches: list[Watch] = []
        self._services = Services(
            reactor=stand_in,
            dispatcher=stand_in,
            catalogue=catalogue,
            vouchers=Vouchers(Seal(bytes(32))),
            tasks=TaskRuns(limit=tasks, ttl_s=60.0, on_change=announcements.task_changed),
            announcements=announcements,
            watches=stand_in,
            abilities=self.offer.abilities,
            ask_s=120.0,
            task_after_s=5.0,
        )

    # The reactor.

    def now(self) -> float:
        return self.seconds

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._timers.append((when, action))

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        due = [timer for timer in self._timers if timer[0] <= self.seconds]
        self._timers = [timer for timer in self._timers if timer not in due]
        for _, action in due:
            action()

    # The dispatcher.

    def submit(
        self,
        caller: Caller,
        tool: Tool,
        arguments: msgspec.Struct,
        deliver: Deliver,
        hearing: Hearing = DEAF,
        inputs: Inputs | None = None,
        _origin: Any = None,
    ) -> Submitted:
        call = Submitted(caller=caller, tool=tool, arguments=arguments, deliver=deliver, hearing=hearing, inputs=inputs)
        self.calls.append(call)
        return call

    def note_refused(self, caller: Caller, tool: Tool, start: Any, refusal: Failed) -> None:
        self.refused.append((tool.name, refusal.code))

    def cancel(self, call: Submitted) -> None:
        call.is_cancelled = call.is_settled = True

    # The watches.

    def subscribe(self, _principal: str, path: str, **callbacks: Any) -> Watch:
        self.watches.append(Watch(path, **callbacks))
        return self.watches[-1]

    def subscribe_lists(self, _principal: str, **callbacks: Any) -> Watch:
        self.watches.append(Watch(None, **callbacks))
        return self.watches[-1]

    def unsubscribe(self, watch: Watch) -> None:
        watch.is_over = True

    # Clients.

    def modern(self, principal: str = "ann", **capabilities: Any) -> Talk:
        envelope = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        return Talk(self.converse(principal), envelope)

    def legacy(self, version: str = "2025-11-25", principal: str = "ann", **capabilities: Any) -> Talk:
        talk = Talk(self.converse(principal), None)
        client = {"name": "test", "version": "1"}
        talk.get("initialize", {"protocolVersion": version, "capabilities": capabilities, "clientInfo": client})
        return talk

    def converse(self, principal: str, notify: Callable[[bytes], None] | None = None) -> Conversation:
        return Conversation(
            session=Session(self.offer),
            services=self._services,
            caller=Caller(principal, Principal(principal)),
            notify=notify or (lambda frame: self.notices.append(msgspec.json.decode(frame))),
        )
