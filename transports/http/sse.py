"""HTTP+SSE: `GET /sse` opens a client's stream, `POST /message` takes what that client says.

Two dialects. A client that asks for `text/event-stream` gets the transport of MCP 2024-11-05. Any other gets the one
of the small servers that came before: it is told its `client_id`, and pings are events.
"""

import secrets

import msgspec
from starlette.types import Receive, Scope, Send

from filewarden.broker.broker import Broker
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.guests import Guest
from filewarden.broker.protocol.jsonrpc import decode
from filewarden.broker.protocol.long_text import Reply
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.principal import Principal
from filewarden.config.version import NAME, VERSION
from filewarden.transports.http.answer import TOO_MUCH, Answer, farewell, problem, send_answer
from filewarden.transports.http.authentication import principal_of
from filewarden.transports.http.body import BodyReader, BusyError, GoneError, TooLargeError
from filewarden.transports.http.fields import EVENTS, asks_for, fields_of, query_value
from filewarden.transports.http.gate import too_large
from filewarden.transports.http.peer import SlowReaders, peer_of
from filewarden.transports.http.rights import Refuse
from filewarden.transports.http.sessions import ID_BYTES, TOO_MANY_SESSIONS
from filewarden.transports.http.shares import Shares
from filewarden.transports.http.streams import COMMENT, MESSAGE, EventStream, event

PING = event(b"ping", b"{}")


class SseClient:
    """A stream and the conversation that it carries, for the principal that opened it."""

    def __init__(self, client_id: str, owner: Principal, conversation: Conversation, stream: EventStream) -> None:
        self.id = client_id
        self.principal = owner
        self.owner = owner.key
        self.conversation = conversation
        self.stream = stream

    def send(self, frame: bytes) -> None:
        """Send a message: everything goes out on the one stream."""
        self.stream.push(event(MESSAGE, frame))

    tell = send

    def answer(self, reply: Reply | None, status: int) -> None:
        """Send what answers a message, if anything does; its POST was accepted before."""
        if reply is not None:
            self.send(bytes(reply))


class SseClients:
    """Those connected now, as many as `shares` allow."""

    def __init__(self, broker: Broker, slow_readers: SlowReaders, shares: Shares) -> None:
        self._broker = broker
        self._slow_readers = slow_readers
        self._shares = shares
        self._clients: dict[str, SseClient] = {}
        self._opened = 0

    def refusal(self, principal: Principal) -> Answer | None:
        """Why no further stream of a principal may be opened; None: it may."""
        if self._broker.is_draining:
            return farewell()
        refusal = self._shares.refusal(principal)
        if refusal is not None:
            self._broker.turn_away(TOO_MANY_SESSIONS)
        return refusal

    def find(self, client_id: str, principal: Principal) -> SseClient | None:
        """The connected client with that id; to everybody but its owner there is none."""
        found = self._clients.get(client_id)
        return None if found is None or found.owner != principal.key else found

    def add(self, scope: Scope, *, is_standard: bool) -> SseClient:
        """A new client, whose first event tells it where to send its messages."""
        self._opened += 1
        principal = principal_of(scope)
        client_id = secrets.token_urlsafe(ID_BYTES)
        stream = EventStream(
            COMMENT if is_standard else PING,
            lambda: self._slow_readers.drop(peer_of(scope)),
            unread=self._slow_readers.unread,
        )
        conversation = self._broker.open_conversation(
            Caller(f"sse-{self._opened}", principal),
            eras=Eras.LEGACY,
            notify=lambda frame: stream.push(event(MESSAGE, frame)),
        )
        client = SseClient(client_id, principal, conversation, stream)
        if is_standard:
            stream.push(event(b"endpoint", f"/message?session_id={client_id}".encode()))
        else:
            facts = {"client_id": client_id, "server": NAME, "version": VERSION}
            stream.push(event(b"connected", msgspec.json.encode(facts)))
        self._clients[client_id] = client
        self._shares.take(principal.key)
        self._broker.guests.enter(
            Guest(
                id=conversation.client,
                transport="sse",
                principal=principal.key,
                name=lambda: conversation.session.client_name,
                since=self._broker.now(),
            )
        )
        return client

    def remove(self, client: SseClient) -> None:
        """Its calls end with it."""
        del self._clients[client.id]
        self._shares.give_back(client.owner)
        self._broker.guests.leave(client.conversation.client)
        client.conversation.close()

    def renew(self) -> None:
        """End the streams of those whose profile is gone."""
        for client in list(self._clients.values()):
            if not self._broker.serves(client.principal):
                client.stream.end()

    def close(self, *, busy: bool) -> None:
        """End the streams; with `busy` also those that a call is still to be answered on."""
        for client in list(self._clients.values()):
            if busy or not client.conversation.in_flight:
                client.stream.end()


class SseEndpoint:
    """`GET /sse`."""

    def __init__(self, clients: SseClients, refuse: Refuse) -> None:
        self._clients = clients
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the stream until either side ends it."""
        principal = principal_of(scope)
        refusal = self._refuse(principal, None) or self._clients.refusal(principal)
        if refusal is not None:
            await send_answer(send, refusal)
            return
        client = self._clients.add(scope, is_standard=asks_for(fields_of(scope), EVENTS))
        try:
            await client.stream.run(receive, send)
        finally:
            self._clients.remove(client)


class MessageEndpoint:
    """`POST /message`: always accepted with 202, and answered on the stream."""

    def __init__(self, clients: SseClients, bodies: BodyReader, refuse: Refuse) -> None:
        self._clients = clients
        self._bodies = bodies
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one message to the client's conversation."""
        try:
            answer = await self._take(scope, receive)
        except TooLargeError:
            answer = too_large(self._bodies.limit_bytes, fields_of(scope))
        except BusyError:
            answer = TOO_MUCH
        except GoneError:
            return
        await send_answer(send, answer)

    async def _take(self, scope: Scope, receive: Receive) -> Answer:
        client_id = query_value(scope["query_string"], b"session_id", b"client_id")
        if not client_id:
            return problem(400, "name the stream with session_id or client_id; GET /sse opens one")
        principal = principal_of(scope)
        client = self._clients.find(client_id, principal)
        if client is None:
            return problem(404, "there is no such stream, or it has ended; GET /sse opens another")
        message = decode(await self._bodies.read(receive))
        refusal = self._refuse(principal, message)
        if refusal is not None:
            return refusal
        if self._clients.find(client_id, principal) is client:  # it may have left meanwhile
            client.conversation.speak_for(principal)
            client.conversation.accept(message, client)
        return Answer(202)
