"""One client's session, driven: its calls go to the dispatcher, its answers to whoever asked."""

import time
from collections.abc import Callable

import msgspec

from filewarden.broker.call import Call
from filewarden.broker.dispatcher import Caller, Dispatcher
from filewarden.broker.protocol.actions import CancelCall, Exchange, StartCall
from filewarden.broker.protocol.errors import ProtocolError
from filewarden.broker.protocol.jsonrpc import Batch, Message
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.protocol.session import Session
from filewarden.broker.seal import BadCursorError, Seal
from filewarden.workers import wire
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.errors import Code
from filewarden.workers.tool import Tool

Reply = Callable[[bytes | None], None]
"""Gets the one frame that answers a frame, or None when nothing is to be sent; called exactly once."""


class Conversation:
    """A session and the calls that run for it."""

    def __init__(
        self, *, session: Session, dispatcher: Dispatcher, catalogue: Catalogue, seal: Seal, caller: Caller
    ) -> None:
        self.session = session
        self._dispatcher = dispatcher
        self._catalogue = catalogue
        self._seal = seal
        self._caller = caller
        self._calls: dict[int, Call] = {}
        """The calls under way, by the identity of the action that started each."""
        self._replies: dict[int, Reply] = {}
        self._is_closed = False

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return len(self._replies)

    def receive(self, frame: bytes, reply: Reply) -> Exchange:
        """Take a frame as it came from the client."""
        return self._perform(self.session.receive(frame), reply)

    def accept(self, message: Message | Batch, reply: Reply) -> Exchange:
        """Take a frame that the transport had to decode itself."""
        return self._perform(self.session.accept(message), reply)

    def refuse(self, error: ProtocolError, reply: Reply) -> Exchange:
        """Answer a frame that the transport refused to read."""
        return self._perform(self.session.refuse(error), reply)

    def close(self) -> None:
        """The client is gone: its calls end without an answer."""
        self._is_closed = True
        self.session.close()
        replies, self._replies = self._replies, {}
        for call in list(self._calls.values()):
            self._dispatcher.cancel(call)
        self._calls.clear()
        for reply in replies.values():
            reply(None)

    def _perform(self, exchange: Exchange, reply: Reply) -> Exchange:
        if not exchange.actions:
            reply(exchange.answer)
            return exchange
        self._replies[id(exchange)] = reply
        for action in exchange.actions:
            match action:
                case StartCall():
                    self._start(action, exchange)
                case CancelCall():
                    self._cancel(action)
        if not exchange.running:
            self._answer(exchange)
        return exchange

    def _start(self, start: StartCall, exchange: Exchange) -> None:
        tool = self._catalogue.find(start.tool)
        if tool is None:  # the session offers only what the catalogue has
            raise KeyError(start.tool)
        question = b""
        arguments = start.arguments
        if _has_cursor(arguments):
            question = self._question(tool, arguments)
            try:
                arguments = self._unsealed(arguments, question)
            except BadCursorError:
                self._finish(start, exchange, _BAD_CURSOR)
                return

        def deliver(outcome: Outcome) -> None:
            self._calls.pop(id(start), None)
            self._finish(start, exchange, self._sealed(outcome, question))

        call = self._dispatcher.submit(self._caller, tool, arguments, deliver)
        if not call.is_settled:
            self._calls[id(start)] = call

    def _cancel(self, cancel: CancelCall) -> None:
        call = self._calls.pop(id(cancel.call), None)
        if call is not None:
            self._dispatcher.cancel(call)
        if cancel.ended is not None:
            self._answer(cancel.ended)

    def _finish(self, start: StartCall, exchange: Exchange, outcome: Outcome) -> None:
        if not self._is_closed and self.session.complete(start, outcome) is exchange:
            self._answer(exchange)

    def _answer(self, exchange: Exchange) -> None:
        reply = self._replies.pop(id(exchange), None)
        if reply is not None:
            reply(exchange.answer)

    # Cursors.

    def _question(self, tool: Tool, arguments: msgspec.Struct) -> bytes:
        plain = wire.pack(msgspec.structs.replace(arguments, cursor=None))
        return b"\0".join((self._caller.principal.key.encode(), tool.name.encode(), plain))

    def _unsealed(self, arguments: msgspec.Struct, question: bytes) -> msgspec.Struct:
        cursor = getattr(arguments, "cursor", None)
        if cursor is None:
            return arguments
        return msgspec.structs.replace(arguments, cursor=self._seal.open(cursor, question, time.time()))

    def _sealed(self, outcome: Outcome, question: bytes) -> Outcome:
        """The outcome with its continuation, if it has one, made safe to hand out."""
        if not question or not isinstance(outcome, Succeeded):
            return outcome
        state = getattr(outcome.result, "next_cursor", msgspec.UNSET)
        if not isinstance(state, str):
            return outcome
        cursor = self._seal.close(state, question, time.time())
        return Succeeded(msgspec.structs.replace(outcome.result, next_cursor=cursor), outcome.text)


_BAD_CURSOR = Failed(
    Code.INVALID_ARGUMENT,
    'Invalid argument "cursor": it is unknown, expired, or was given for other arguments. '
    "Pass next_cursor back unchanged with the same arguments, or start again without it.",
    {"argument": "cursor"},
)


def _has_cursor(arguments: msgspec.Struct) -> bool:
    return "cursor" in arguments.__struct_fields__
