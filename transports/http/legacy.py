"""Streamable HTTP in the revisions that open with `initialize`: sessions, their streams, and taking one up again.

A client that disconnects cancels nothing: its call runs on, and what it sends waits for the client to come back.
"""

from starlette.types import Receive, Scope, Send

from filewarden.broker.protocol.jsonrpc import Batch, Message
from filewarden.broker.protocol.principal import Principal
from filewarden.config.sections.http import HttpSettings
from filewarden.transports.http.answer import Answer, farewell, problem, send_answer
from filewarden.transports.http.authentication import principal_of
from filewarden.transports.http.exchange import Exchange
from filewarden.transports.http.fields import EVENTS, Fields, accepts, fields_of
from filewarden.transports.http.peer import Peer, SlowReaders, peer_of
from filewarden.transports.http.resumable import ResumableStream, UnknownEventError
from filewarden.transports.http.sessions import HttpSession, Sessions
from filewarden.transports.http.streams import COMMENT, EventStream
from filewarden.transports.http.visitor import Visitor

SESSION_ID = b"mcp-session-id"
LAST_EVENT_ID = b"last-event-id"
_UNKNOWN_SESSION = "there is no such session, or it has ended; open another with initialize"
_UNKNOWN_EVENT = "no stream can be taken up after that event; send the request again"


class Legacy:
    """Answers requests that belong to a session, or open one."""

    def __init__(self, sessions: Sessions, slow_readers: SlowReaders, http: HttpSettings) -> None:
        self._sessions = sessions
        self._slow_readers = slow_readers
        self.renew(http)

    def renew(self, http: HttpSettings) -> None:
        """Answer by these settings from now on."""
        self._always_stream = http.always_stream
        self._poll_after_s = http.poll_after_s

    def reply_to(self, message: Message | Batch, visitor: Visitor) -> "Answer | SessionExchange":
        """Hand a message to its session, and begin to answer it."""
        session = self._session(visitor.fields, visitor.principal)
        if isinstance(session, Answer):
            return session
        exchange = SessionExchange(self, session, message, visitor.peer)
        if self._always_stream:
            exchange.begin_stream()
        session.conversation.accept(message, exchange)
        return exchange

    async def listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET: the general stream of the session, or one that was lost, from where it was lost."""
        found = self._wanted(fields_of(scope), principal_of(scope))
        if isinstance(found, Answer):
            await send_answer(send, found)
            return
        session, stream, after = found
        await self.carry(session, stream, after, peer_of(scope), receive, send)

    def delete(self, scope: Scope) -> Answer:
        """End a session."""
        session = self._session(fields_of(scope), principal_of(scope))
        if isinstance(session, Answer):
            return session
        self._sessions.end(session)
        return Answer(204)

    def _session(self, fields: Fields, principal: Principal) -> HttpSession | Answer:
        """The session that a request names.

        It speaks what it negotiated, whichever legacy version a header names: some clients send a fixed one. A header
        with any other version never comes here.
        """
        return self._sessions.find(fields.get(SESSION_ID, b""), principal) or problem(404, _UNKNOWN_SESSION)

    def opened(self, principal: Principal, message: Message | Batch) -> Answer:
        """Answer an `initialize`: a new session, unless it fails."""
        refusal = self._sessions.refusal(principal)
        if refusal is not None:
            return refusal
        session = self._sessions.mint(principal)
        exchange = Exchange(message, session.streams.open)
        session.conversation.accept(message, exchange)  # initialize is answered at once
        answer = exchange.plain or Answer(500)
        if session.revision is None:
            session.conversation.close()
            return answer
        self._sessions.keep(session)
        return Answer(answer.status, answer.body, ((SESSION_ID, session.id.encode()),))

    def _wanted(self, fields: Fields, principal: Principal) -> tuple[HttpSession, ResumableStream, int | None] | Answer:
        session = self._session(fields, principal)
        if isinstance(session, Answer):
            return session
        if not accepts(fields, EVENTS):
            return problem(406, "Accept must admit text/event-stream")
        place = fields.get(LAST_EVENT_ID)
        try:
            stream, after = (session.streams.general, None) if place is None else session.streams.find(place)
        except UnknownEventError:
            return problem(400, _UNKNOWN_EVENT)
        if self._sessions.is_closing and stream is session.streams.general:
            return farewell()
        if after is None and stream.is_connected:
            return problem(409, "this session has a stream already; take it up with Last-Event-ID if it was lost")
        return session, stream, after

    async def carry(
        self,
        session: HttpSession,
        stream: ResumableStream,
        after: int | None,
        peer: Peer,
        receive: Receive,
        send: Send,
    ) -> None:
        """Let a connection carry a stream on, until either ends."""
        is_primed = session.revision is not None and session.revision.primes_streams
        may_let_go = is_primed and stream is not session.streams.general
        connection = EventStream(
            COMMENT,
            lambda: self._slow_readers.drop(peer),
            unread=self._slow_readers.unread,
            silent_s=self._poll_after_s if may_let_go else None,
        )
        stream.connect(connection, after=after, is_primed=is_primed)
        try:
            await connection.run(receive, send)
        finally:
            stream.disconnect(connection)


class SessionExchange(Exchange[ResumableStream]):
    """What answers a message of a session; it goes on when its client has left."""

    def __init__(self, legacy: Legacy, session: HttpSession, message: Message | Batch, peer: Peer) -> None:
        super().__init__(message, session.streams.open)
        self._legacy = legacy
        self._session = session
        self._peer = peer

    async def carry(self, receive: Receive, send: Send) -> None:
        """Send the stream over the connection of its request."""
        if self.stream is not None:
            await self._legacy.carry(self._session, self.stream, 0, self._peer, receive, send)
