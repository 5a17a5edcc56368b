"""The conversation with one client of the legacy revisions: frames in, exchanges and actions out."""

from collections.abc import KeysView

from filewarden.broker.protocol.actions import CancelCall, Exchange, StartCall
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError, RequestId
from filewarden.broker.protocol.jsonrpc import (
    Batch,
    Malformed,
    Message,
    Notification,
    Request,
    Response,
    decode,
    members,
)
from filewarden.broker.protocol.messages import (
    CANCELLED_PARAMS,
    INITIALIZE_PARAMS,
    decode_params,
    is_empty,
    is_modern,
    shown,
)
from filewarden.broker.protocol.methods import METHODS, Answer, not_found, ping, refuse
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome
from filewarden.broker.protocol.response import error_response, result_response
from filewarden.broker.protocol.revisions import OLDEST, Revision, negotiate
from filewarden.broker.protocol.shape import call_response
from filewarden.workers.errors import Code


class Session:
    """One connection (stdio), or one session (HTTP): ids and the negotiated revision belong to it.

    The driver performs `Exchange.actions` of what `receive` returns, and sends `Exchange.answer` when it has one:
    at once, or when `complete`, `reject` or a `CancelCall` hands the exchange back as ended.
    """

    def __init__(self, offer: Offer) -> None:
        self.revision: Revision | None = None
        self.client_name = ""
        self._offer = offer
        self._running: dict[RequestId, tuple[StartCall, Exchange]] = {}

    @property
    def in_flight(self) -> KeysView[RequestId]:
        """The ids of the requests whose call has not ended."""
        return self._running.keys()

    def receive(self, frame: bytes) -> Exchange:
        """Take one frame as it came; whatever is wrong with it is in the answer."""
        return self.accept(decode(frame))

    def accept(self, message: Message | Batch) -> Exchange:
        """Take one frame that the driver had to decode itself."""
        if isinstance(message, Batch):
            return self._accept_batch(message)
        exchange = Exchange(is_refused=isinstance(message, Malformed))
        self._take(message, exchange)
        return exchange

    def refuse(self, error: ProtocolError) -> Exchange:
        """Answer a frame that nobody could read, such as one over the transport's limit."""
        return self.accept(Malformed(error))

    def complete(self, call: StartCall, outcome: Outcome) -> Exchange | None:
        """End a call; returns its exchange when that was the last of it.

        None also when the call was cancelled before: a race, not an error.
        """
        if self.revision is None or not self._is_running(call):
            return None
        if isinstance(outcome, Asked):
            outcome = Failed(Code.CONFIRMATION_REQUIRED, "This client cannot be asked.")
        return self._end(call, call_response(call.request_id, call.tool, outcome, self.revision))

    def reject(self, call: StartCall, error: ProtocolError) -> Exchange | None:
        """End a call that broke in our hands, not in the tool's; otherwise like `complete`."""
        return self._end(call, error_response(error, call.request_id)) if self._is_running(call) else None

    def close(self) -> list[StartCall]:
        """End the conversation; returns the calls to stop, none of which gets a response."""
        calls = [call for call, _ in self._running.values()]
        self._running.clear()
        return calls

    def _is_running(self, call: StartCall) -> bool:
        found = self._running.get(call.request_id)
        return found is not None and found[0] is call

    def _end(self, call: StartCall, response: bytes | None) -> Exchange | None:
        _, exchange = self._running.pop(call.request_id)
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
            case Request():
                self._serve(message, exchange)
            case Notification(method="notifications/cancelled"):
                self._cancel(message, exchange)
            case Malformed():
                null_id = self.revision is not None and self.revision.sends_null_id
                exchange.responses.append(error_response(message.error, message.id, null_id=null_id))
            case Notification() | Response():
                pass

    def _serve(self, request: Request, exchange: Exchange) -> None:
        try:
            answer = self._answer(request)
        except ProtocolError as error:
            answer = error_response(error, request.id)
        if isinstance(answer, StartCall):
            self._running[request.id] = (answer, exchange)
            exchange.actions.append(answer)
            exchange.running += 1
        else:
            exchange.responses.append(answer)

    def _answer(self, request: Request) -> Answer:
        if request.id in self._running:
            raise ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid request: that id is still in flight")
        method = METHODS.get(request.method)
        if method is not None and self.revision is not None:
            return method(request, self._offer, self.revision)
        if request.method == "ping":
            return ping(request)
        if self.revision is None:
            return self._open(request)
        if request.method == "initialize":
            raise ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid request: already initialized")
        raise refuse(request)

    def _open(self, request: Request) -> bytes:
        if request.method == "initialize":
            return self._initialize(request)
        if request.method == "server/discover" and is_modern(request.params):
            raise not_found(request)
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "Invalid request: initialize first")

    def _cancel(self, notification: Notification, exchange: Exchange) -> None:
        try:
            target = decode_params(CANCELLED_PARAMS, notification.params).request_id
        except ProtocolError:
            return
        found = self._running.get(target)
        if found is None:
            return
        ended = self._end(found[0], None)
        exchange.actions.append(CancelCall(found[0], None if ended is exchange else ended))

    def _initialize(self, request: Request) -> bytes:
        if is_empty(request.params):
            revision = OLDEST
        else:
            params = decode_params(INITIALIZE_PARAMS, request.params)
            revision = negotiate(params.version)
            self.client_name = shown(params.client.name)
        self.revision = revision
        return result_response(request.id, self._offer.initialize_result(revision))
