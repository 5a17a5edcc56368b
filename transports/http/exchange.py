"""What one POST is answered with: a JSON document, or a stream of events that ends with the answer."""

import asyncio
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from filewarden.broker.protocol.jsonrpc import AnyRequest, Batch, Message
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.response import encode
from filewarden.transports.http.answer import Answer

GRACE_S = 0.5
"""How long an answer may take and still be a plain JSON document."""
CANCELLED_CODE = -32800
"""Ends the exchange of a cancelled request, which has no response: outside the reserved range, as LSP has it."""


class MessageStream(Protocol):
    """Where the messages of an exchange go once it is a stream."""

    def send(self, message: bytes) -> None:
        """Send one message."""

    def finish(self) -> None:
        """Nothing follows."""


S = TypeVar("S", bound=MessageStream)


class Exchange(Generic[S]):
    """A sink of the conversation. It becomes a stream with the first message before the answer, or after `GRACE_S`."""

    ends_with_client = False
    """Whether nothing is to be done any more once the client has left."""

    def __init__(self, message: Message | Batch, open_stream: Callable[[], S]) -> None:
        self.plain: Answer | None = None
        """The whole answer, where it is no stream."""
        self.stream: S | None = None
        self._message = message
        self._open_stream = open_stream
        self._is_abandoned = False
        self._on_decided: Callable[[], object] | None = None
        self._grace: asyncio.TimerHandle | None = None

    def begin_stream(self) -> None:
        """Make it a stream at once, whatever comes, where it is one request."""
        if isinstance(self._message, AnyRequest):
            self._streaming()

    def send(self, frame: bytes) -> None:
        """Send a notification, or a request of ours, that belongs to this exchange."""
        if self.plain is None:
            self._streaming().send(frame)

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        """End the exchange; without a reply there is nothing to say but that."""
        frame = None if reply is None else bytes(reply)
        if frame is None and isinstance(self._message, AnyRequest):
            frame = _cancelled(self._message)
        if self.stream is None:
            self.plain = Answer(202) if frame is None else Answer(status, frame)
            self._decide()
            return
        if frame is not None:
            self.stream.send(frame)
        self.stream.finish()

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self._is_abandoned = True
        self._decide()

    @property
    def is_decided(self) -> bool:
        """Whether it is known what this is: an answer, a stream, or abandoned."""
        return self.plain is not None or self.stream is not None or self._is_abandoned

    def when_decided(self, action: Callable[[], object]) -> None:
        """Run `action` once it is known what this is, at once where it is."""
        if self.is_decided:
            action()
            return
        self._on_decided = action
        self._grace = asyncio.get_running_loop().call_later(GRACE_S, self._streaming)

    async def decision(self) -> None:
        """Wait until it is known what this is."""
        if not self.is_decided:
            decided = asyncio.Event()
            self.when_decided(decided.set)
            await decided.wait()

    def close(self) -> None:
        """Everything is sent, or will not be."""

    def _streaming(self) -> S:
        if self.stream is None:
            self.stream = self._open_stream()
            self._decide()
        return self.stream

    def _decide(self) -> None:
        if self._on_decided is not None:
            action, self._on_decided = self._on_decided, None
            if self._grace is not None:
                self._grace.cancel()
            action()


def _cancelled(request: AnyRequest) -> bytes:
    error = {"code": CANCELLED_CODE, "message": "Request cancelled"}
    return encode({"jsonrpc": "2.0", "id": request.id, "error": error})
