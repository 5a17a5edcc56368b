"""Streamable HTTP of 2026-07-28: every POST stands for itself, and a client that closes its connection cancels it."""

from collections.abc import Callable

import msgspec
from starlette.types import Receive, Send

from filewarden.broker.broker import Broker
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.guests import Guest
from filewarden.broker.protocol.calls import read_call
from filewarden.broker.protocol.envelope import client_name, name_of, read_envelope, terms_of, unsupported
from filewarden.broker.protocol.errors import ProtocolError, RequestId
from filewarden.broker.protocol.jsonrpc import (
    AnyRequest,
    Batch,
    Malformed,
    Message,
    Notification,
    Ping,
    Request,
    Response,
    ToolCall,
)
from filewarden.broker.protocol.messages import VERSION_KEY
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.response import error_response
from filewarden.broker.protocol.revisions import MODERN_VERSIONS
from filewarden.transports.http.answer import Answer, farewell, problem
from filewarden.transports.http.exchange import Exchange
from filewarden.transports.http.peer import Peer, SlowReaders
from filewarden.transports.http.routing_headers import HeaderParam, RoutingHeaders, header_params
from filewarden.transports.http.streams import COMMENT, MESSAGE, EventStream, event
from filewarden.transports.http.visitor import Visitor


class _Meta(msgspec.Struct, frozen=True):
    version: str | None = msgspec.field(name=VERSION_KEY, default=None)


class _Named(msgspec.Struct, frozen=True):
    meta: _Meta = msgspec.field(name="_meta", default=_Meta())


_NAMED = msgspec.json.Decoder(_Named)


class PlainStream:
    """A stream that ends with its connection."""

    def __init__(self, connection: EventStream) -> None:
        self.connection = connection

    def send(self, message: bytes) -> None:
        """Send one message."""
        self.connection.push(event(MESSAGE, message))

    def finish(self) -> None:
        """Nothing follows."""
        self.connection.end()


class ModernExchange(Exchange[PlainStream]):
    """What answers one request; it ends with its client."""

    ends_with_client = True

    def __init__(self, request: AnyRequest, open_stream: Callable[[], PlainStream], conversation: Conversation) -> None:
        super().__init__(request, open_stream)
        self._conversation = conversation

    async def carry(self, receive: Receive, send: Send) -> None:
        """Send the stream."""
        if self.stream is not None:
            await self.stream.connection.run(receive, send)

    def close(self) -> None:
        """What still runs for it is cancelled."""
        self._conversation.close()


class Modern:
    """Answers requests that bring their own metadata."""

    def __init__(self, broker: Broker, slow_readers: SlowReaders) -> None:
        self._broker = broker
        self._slow_readers = slow_readers
        self._peers: set[int] = set()
        self._annotated: dict[str, dict[str, tuple[HeaderParam, ...]]] = {}
        """By profile, those of its tools that have arguments in header fields."""

    def renew(self) -> None:
        """Other tools may be offered now."""
        self._annotated.clear()

    def _annotated_for(self, principal: Principal) -> dict[str, tuple[HeaderParam, ...]]:
        """The arguments that stand in header fields too, by tool, of what a principal is offered."""
        found = self._annotated.get(principal.profile)
        if found is None:
            found = self._annotated[principal.profile] = {
                tool.name: params
                for tool in self._broker.offer_for(principal).tools
                if (params := header_params(tool.schemas()[0]))
            }
        return found

    def reply_to(self, message: Message | Batch, visitor: Visitor) -> "Answer | ModernExchange":
        """Begin to answer one message."""
        self._count(visitor.peer, message, visitor.principal)
        headers = visitor.routing
        match message:
            case Request() | ToolCall() | Ping():
                refusal = self._refusal(message, headers, visitor.principal) or self._farewell(message)
                return refusal or self._converse(message, visitor)
            case Notification():
                return _notification_refusal(message, headers) or Answer(202)
            case Malformed():
                return _refused(message.error, message.id)
            case Response() | Batch():
                return problem(400, "this protocol version takes one request or notification at a time")

    def _refusal(self, request: AnyRequest, headers: RoutingHeaders, principal: Principal) -> Answer | None:
        """What the first steps of validation say: the metadata is whole, and the header fields agree with the body."""
        try:
            envelope = read_envelope(request)
            name = name_of(request)
            headers.check(version=envelope.version, method=request.method, name=name)
            if not isinstance(request, Ping) and request.method == "tools/call":
                annotated = self._annotated_for(principal).get(name or "")
                if annotated is not None:
                    terms_of(envelope)  # a version that is not served is told first
                    headers.check_params(annotated, read_call(request).arguments)
        except ProtocolError as error:
            return _refused(error, request.id)
        return None

    def _farewell(self, request: AnyRequest) -> Answer | None:
        """What keeps a request from being begun."""
        return farewell(request.id) if self._broker.is_draining else None

    def _converse(self, request: AnyRequest, visitor: Visitor) -> "ModernExchange":
        peer = visitor.peer

        def open_stream() -> PlainStream:
            return PlainStream(
                EventStream(COMMENT, lambda: self._slow_readers.drop(peer), unread=self._slow_readers.unread)
            )

        caller = Caller(_client_id(peer), visitor.principal)
        conversation = self._broker.open_conversation(caller, eras=Eras.MODERN)
        exchange = ModernExchange(request, open_stream, conversation)
        try:
            conversation.accept(request, exchange)
        except BaseException:
            conversation.close()
            raise
        return exchange

    def _count(self, peer: Peer, message: Message | Batch, principal: Principal) -> None:
        """A connection that has sent a modern request is a client while it is open."""
        if peer.number not in self._peers:
            self._peers.add(peer.number)
            name = client_name(message) if isinstance(message, AnyRequest | Notification) else ""
            guest = Guest(
                id=_client_id(peer),
                transport="http",
                principal=principal.key,
                name=lambda: name,
                since=self._broker.now(),
            )
            self._broker.guests.enter(guest)
            peer.when_lost(lambda: self._forget(peer))

    def _forget(self, peer: Peer) -> None:
        self._peers.discard(peer.number)
        self._broker.guests.leave(_client_id(peer))


def _client_id(peer: Peer) -> str:
    return f"tcp-{peer.number}"


def _notification_refusal(notification: Notification, headers: RoutingHeaders) -> Answer | None:
    """Nothing is required of a notification, but what it brings must be right."""
    named = _version_of(notification)
    try:
        headers.check_present(version=named, method=notification.method)
        for version in (named, headers.version):
            if version is not None and version not in MODERN_VERSIONS:
                raise unsupported(version)
    except ProtocolError as error:
        return _refused(error, None)
    return None


def _version_of(notification: Notification) -> str | None:
    try:
        return _NAMED.decode(notification.params).meta.version
    except (msgspec.DecodeError, RecursionError):
        return None


def _refused(error: ProtocolError, request_id: RequestId | None) -> Answer:
    return Answer(400, error_response(error, request_id))
