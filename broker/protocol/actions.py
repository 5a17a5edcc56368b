"""What a session asks of its driver, and the exchange that gathers what one frame is answered with."""

from collections.abc import Callable
from typing import Any

import msgspec

from filewarden.broker.protocol.errors import RequestId
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.messages import Filter, Json
from filewarden.broker.protocol.outcome import Asked, Outcome
from filewarden.broker.protocol.terms import Terms
from filewarden.broker.protocol.trace_context import TraceContext
from filewarden.workers.task_use import TaskUse


class StartCall(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Run an operation in a worker, then hand this very object back to `Session.complete`.

    A client may use the id again after a cancel, so a call is known by identity, never by its id.
    """

    request_id: RequestId
    operation: str
    """A tool's name, or a method that is served by an operation of that name."""
    arguments: msgspec.Struct
    respond: Callable[["StartCall", Outcome], Reply]
    terms: Terms
    progress_token: RequestId | None = None
    answers: dict[str, Json] | None = None
    """What the client answers to the question of an earlier run."""
    state: bytes | None = None
    """What that run left, from our own memory."""
    sealed_state: str | None = None
    """The same as the client brought it back: to be opened before it is believed."""
    trace: TraceContext | None = None
    """The trace that the client is in."""
    task: TaskUse = TaskUse.NEVER
    """When the driver may answer with a task instead."""


class CancelCall(msgspec.Struct, frozen=True, eq=False):
    """Stop a call; its request gets no response."""

    call: StartCall
    ended: "Exchange | None"
    """The exchange the call belonged to, when nothing else of it is still running."""


class NoteUnread(msgspec.Struct, frozen=True, eq=False):
    """A tool was called in a way that made no call of it, and that is answered already: tell whoever keeps a record."""

    tool: str


class Send(msgspec.Struct, frozen=True, eq=False):
    """Send a frame that belongs to this exchange, before its answer."""

    frame: bytes


class Interview(msgspec.Struct, eq=False):
    """Questions to a legacy client, and the answers so far."""

    call: StartCall
    asked: Asked
    keys: dict[str, str]
    """The keys of what is still unanswered, by the id of our request."""
    answers: dict[str, Json] = {}


class AwaitAnswers(msgspec.Struct, frozen=True, eq=False):
    """Questions were sent; unless all are answered in time, `Session.give_up` them."""

    questions: tuple[str, ...]
    """The ids of our requests."""


class Watch(msgspec.Struct, frozen=True, eq=False):
    """Tell the session of changes to a resource from now on, then resolve this."""

    request_id: RequestId
    uri: str
    terms: Terms


class Unwatch(msgspec.Struct, frozen=True, eq=False):
    """End that, then resolve this."""

    request_id: RequestId
    uri: str
    terms: Terms


class Listen(msgspec.Struct, frozen=True, eq=False):
    """Open a modern subscription, and acknowledge what of it is honoured; `Session.end_listen` ends it."""

    request_id: RequestId
    wanted: Filter
    terms: Terms


class EndListen(msgspec.Struct, frozen=True, eq=False):
    """The client cancelled it: it gets no response."""

    listen: Listen
    ended: "Exchange | None"


class TaskRequest(msgspec.Struct, frozen=True, eq=False):
    """Look at, feed or cancel a task, then resolve this."""

    request_id: RequestId
    method: str
    task_id: str
    terms: Terms
    answers: dict[str, Json] = {}


Deferred = StartCall | Watch | Unwatch | Listen | TaskRequest
"""What is answered later."""
Action = Deferred | CancelCall | EndListen | NoteUnread | Send | AwaitAnswers


class Exchange(msgspec.Struct, eq=False):
    """One frame from the client and the one frame, at most, that answers it."""

    actions: list[Action] = []
    """To be performed, in this order; the driver takes them out."""
    responses: list[Reply] = []
    running: int = 0
    """Requests of this frame that have not ended."""
    is_batch: bool = False
    status: int = 200
    """What goes with the answer over HTTP, as the revision says."""
    sink: Any = None
    """The driver's own."""

    @property
    def answer(self) -> Reply | None:
        """What to send: None while requests are running, and None when nothing is to be sent at all."""
        if self.running or not self.responses:
            return None
        if self.is_batch:
            return b"[" + b",".join(map(bytes, self.responses)) + b"]"
        return self.responses[0]
