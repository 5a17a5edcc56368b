"""The conversation with one client: frames in, exchanges and actions out.

One session serves either era. The legacy one is opened by `initialize`, and what was negotiated holds from then on. In
the modern one every request stands for itself, and nothing but the requests in flight is remembered.
"""

from collections.abc import Callable, Iterable, KeysView

import msgspec

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.actions import (
    AwaitAnswers,
    CancelCall,
    Deferred,
    EndListen,
    Exchange,
    Interview,
    Listen,
    NoteUnread,
    Send,
    StartCall,
)
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId, UnreadCallError
from filewarden.broker.protocol.interview import MOST_QUESTIONS, Interviews
from filewarden.broker.protocol.jsonrpc import (
    READ,
    AnyRequest,
    Batch,
    Malformed,
    Message,
    Notification,
    Ping,
    Request,
    Response,
    ToolCall,
    decode,
    members,
)
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.messages import CANCELLED_PARAMS, decode_params
from filewarden.broker.protocol.negotiation import Eras, Negotiation, invalid
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import ANSWERS, Asked, Failed, Outcome
from filewarden.broker.protocol.refusals import cannot_ask
from filewarden.broker.protocol.response import error_response
from filewarden.broker.protocol.revisions import Era, Revision
from filewarden.broker.protocol.shape import complete_response
from filewarden.workers.errors import Code
from filewarden.workers.wire import Progress, Remark

Json = dict[str, object]


class _Running(msgspec.Struct, eq=False):
    """A request in flight."""

    action: Deferred
    exchange: Exchange
    done: float = -1.0
    """The progress that was last reported."""
    interview: Interview | None = None


class Session:
    """One connection (stdio), one session or stream (legacy HTTP), or one exchange (modern HTTP).

    The driver performs what is in `Exchange.actions`, and sends `Exchange.answer` when it has one: at once, or when a
    later call hands the exchange back.
    """

    def __init__(
        self, offer: Offer, eras: Eras = Eras.BOTH, on_fault: Callable[[Exception], None] | None = None
    ) -> None:
        """`on_fault` hears of mistakes of ours in serving a request, which is answered; without it they are raised."""
        self._on_fault = on_fault
        self._negotiation = Negotiation(offer, eras)
        self._is_shared = eras is Eras.BOTH
        """Whether other requests of the client go over the same stream."""
        self._running: dict[RequestId, _Running] = {}
        self.in_flight: KeysView[RequestId] = self._running.keys()
        """The ids of the requests that have not ended."""
        self._interviews = Interviews()

    @property
    def client_name(self) -> str:
        """What the client calls itself; "" until it has told."""
        return self._negotiation.client_name

    @property
    def revision(self) -> Revision | None:
        """What was negotiated; None before that, and in the modern era."""
        return self._negotiation.revision

    # Frames of the client.

    def receive(self, frame: bytes) -> Exchange:
        """Take one frame as it came; whatever is wrong with it is in the answer."""
        message = decode(frame)
        if not isinstance(message, READ):
            return self.accept(message)
        exchange = Exchange()
        self._serve(message, exchange)
        return exchange

    def accept(self, message: Message | Batch) -> Exchange:
        """Take one frame that the driver had to decode itself."""
        if isinstance(message, Batch):
            return self._accept_batch(message)
        exchange = Exchange()
        self._take(message, exchange)
        return exchange

    def refuse(self, error: ProtocolError) -> Exchange:
        """Answer a frame that nobody could read, such as one over the transport's limit."""
        return self.accept(Malformed(error))

    # What the driver reports.

    def complete(self, call: StartCall, outcome: Outcome) -> Exchange | None:
        """A call ended; returns its exchange when there is something to do: an answer to send, or actions to perform.

        None also when the call was cancelled before: a race, not an error.
        """
        running = self._running.get(call.request_id)
        if running is None or running.action is not call:
            return None
        if not isinstance(outcome, ANSWERS):
            return self._ask(running, call, outcome)
        del self._running[call.request_id]
        exchange = running.exchange
        exchange.responses.append(call.respond(call, outcome))
        exchange.running -= 1
        return None if exchange.running else exchange

    def resolve(self, action: Deferred, result: Json | ProtocolError) -> Exchange | None:
        """Answer something else that was deferred; otherwise like `complete`."""
        running = self._find(action)
        if running is None:
            return None
        if isinstance(result, ProtocolError):
            return self._end(running, self._error(result, action.request_id, running.exchange))
        return self._end(running, complete_response(action.request_id, result, action.terms.revision, None))

    def aside(self, call: StartCall, aside: Remark) -> bytes | None:
        """The frame that passes on what a running call says; None when it is nothing that may be sent."""
        running = self._find(call)
        if running is None:
            return None
        if not isinstance(aside, Progress):
            wanted = call.terms.log_level
            is_wanted = wanted is not None and aside.level >= wanted
            return notifications.log_message(aside.level, aside.text) if is_wanted else None
        if call.progress_token is None or not aside.done > running.done:
            return None
        running.done = aside.done
        revision = call.terms.revision
        return notifications.progress(call.progress_token, aside.done, aside.total, aside.message, revision)

    @property
    def questions(self) -> tuple[str, ...]:
        """The ids of those of ours that nobody has answered yet."""
        return self._interviews.questions

    def give_up(self, questions: Iterable[str], reason: str) -> Exchange | None:
        """Nobody waits any longer: what of it is open counts as not answered; otherwise like `complete`."""
        interview = self._interviews.find(questions)
        running = None if interview is None else self._find(interview.call)
        if running is None or interview is None:
            return None
        running.exchange.actions += map(Send, self._interviews.give_up(interview, reason))
        self._run_again(running, interview)
        return running.exchange

    def exchange_of(self, action: Deferred) -> Exchange | None:
        """Where what belongs to a request in flight is sent."""
        running = self._find(action)
        return None if running is None else running.exchange

    def is_running(self, action: Deferred) -> bool:
        """Whether its request still waits for an answer."""
        return self._find(action) is not None

    def end_listen(self, listen: Listen) -> Exchange | None:
        """The server ends a subscription; otherwise like `complete`."""
        running = self._find(listen)
        if running is None:
            return None
        reason = "the server ends this subscription"
        if self._is_shared:
            running.exchange.actions.append(Send(notifications.cancelled(listen.request_id, reason)))
        response = complete_response(listen.request_id, {}, listen.terms.revision, None, subscription=listen.request_id)
        return self._end(running, response)

    def close(self) -> list[Exchange]:
        """The client is gone: nothing gets a response any more; the exchanges that owed one are handed back."""
        owing = {id(running.exchange): running.exchange for running in self._running.values()}
        self._running.clear()
        self._interviews.clear()
        return list(owing.values())

    # Inside.

    def _find(self, action: Deferred) -> _Running | None:
        found = self._running.get(action.request_id)
        return found if found is not None and found.action is action else None

    def _end(self, running: _Running, response: Reply | None) -> Exchange | None:
        del self._running[running.action.request_id]
        exchange = running.exchange
        if response is not None:
            exchange.responses.append(response)
        exchange.running -= 1
        return None if exchange.running else exchange

    def _accept_batch(self, batch: Batch) -> Exchange:
        try:
            if self.revision is None or not self.revision.has_batches:
                raise ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid request: batches are not allowed here")
            messages = members(batch)
        except ProtocolError as error:
            return self.refuse(error)
        exchange = Exchange(is_batch=True)
        for message in messages:
            self._take(message, exchange)
        return exchange

    def _take(self, message: Message, exchange: Exchange) -> None:
        match message:
            case ToolCall() | Ping() | Request():
                self._serve(message, exchange)
            case Notification(method="notifications/cancelled"):
                self._cancel(message, exchange)
            case Malformed():
                null_id = self.revision is not None and self.revision.sends_null_id
                exchange.responses.append(error_response(message.error, message.id, null_id=null_id))
                exchange.status = 400
            case Response():
                self._take_answer(message, exchange)
            case Notification():
                pass

    def _serve(self, request: AnyRequest, exchange: Exchange) -> None:
        try:
            if request.id in self._running:
                raise invalid("that id is still in flight")
            answer = self._negotiation.answer(request)
        except UnreadCallError as error:
            exchange.actions.append(NoteUnread(error.tool))
            answer = error.result or self._error(error, request.id, exchange)
        except ProtocolError as error:
            answer = self._error(error, request.id, exchange)
        except Exception as error:
            if self._on_fault is None:
                raise
            self._on_fault(error)
            answer = self._error(ProtocolError(ErrorCode.INTERNAL_ERROR, "Internal error"), request.id, exchange)
        if isinstance(answer, bytes):
            exchange.responses.append(answer)
            return
        self._running[request.id] = _Running(answer, exchange)
        exchange.actions.append(answer)
        exchange.running += 1

    def _error(self, error: ProtocolError, request_id: RequestId, exchange: Exchange) -> bytes:
        if self._negotiation.era is Era.MODERN or error.is_envelope:
            exchange.status = error.modern_status
        return error_response(error, request_id)

    # Cancelling.

    def _cancel(self, notification: Notification, exchange: Exchange) -> None:
        try:
            target = decode_params(CANCELLED_PARAMS, notification.params).request_id
        except ProtocolError:
            return
        running = self._running.get(target)
        if running is None:
            return
        action = running.action
        if isinstance(action, StartCall):
            if running.interview is not None:
                frames = self._interviews.give_up(running.interview, "the request was cancelled")
                running.exchange.actions += map(Send, frames)
            ended = self._end(running, None)
            exchange.actions.append(CancelCall(action, None if ended is exchange else ended))
        elif isinstance(action, Listen):
            ended = self._end(running, None)
            exchange.actions.append(EndListen(action, None if ended is exchange else ended))

    # Asking.

    def _ask(self, running: _Running, call: StartCall, asked: Asked) -> Exchange | None:
        error = cannot_ask(asked, call.terms)
        if call.terms.revision.era is Era.MODERN:
            if error is not None:
                return self._end(running, self._error(error, call.request_id, running.exchange))
            return self._end(running, call.respond(call, asked))
        if error is not None:
            return self._end(running, call.respond(call, _CANNOT_ASK))
        if self._interviews.is_full:
            return self._end(running, call.respond(call, _TOO_MANY_QUESTIONS))
        interview, frames = self._interviews.begin(call, asked)
        running.interview = interview
        running.exchange.actions += [*map(Send, frames), AwaitAnswers(tuple(interview.keys))]
        return running.exchange

    def _take_answer(self, response: Response, exchange: Exchange) -> None:
        """An answer to a request of ours; one that nobody waits for is dropped."""
        interview = self._interviews.take(response)
        running = None if interview is None else self._find(interview.call)
        if running is not None and interview is not None:
            self._run_again(running, interview)
            exchange.actions += running.exchange.actions
            running.exchange.actions = []

    def _run_again(self, running: _Running, interview: Interview) -> None:
        """Start the call once more, with what the client said; its request keeps waiting."""
        call = msgspec.structs.replace(interview.call, answers=interview.answers, state=interview.asked.state)
        running.action = call
        running.interview = None
        running.exchange.actions.append(call)


_TOO_MANY_QUESTIONS = Failed(
    Code.OVERLOADED,
    f"This call has to ask the user, who has {MOST_QUESTIONS} questions open already. Nothing was changed. "
    "Try again once one is answered.",
)
_CANNOT_ASK = Failed(
    Code.CONFIRMATION_REQUIRED, "This call has to ask the user, and this client has declared no way to do that."
)
