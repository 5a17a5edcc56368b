"""The sessions of Streamable HTTP: minted, found by their id, and ended when they are idle or no longer wanted."""

import secrets

from filewarden.broker.broker import Broker
from filewarden.broker.caller import Caller
from filewarden.broker.conversation import Conversation
from filewarden.broker.guests import Guest
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.revisions import Revision
from filewarden.broker.reactor import Reactor, Timer
from filewarden.transports.http.answer import Answer, farewell
from filewarden.transports.http.event_store import EventStore, SessionEvents
from filewarden.transports.http.resumable import Streams
from filewarden.transports.http.shares import Shares

ID_BYTES = 32
TOO_MANY_SESSIONS = "sessions"
"""As the status counts it."""
SHORTEST_SWEEP_S = 0.05
LONGEST_SWEEP_S = 60.0
"""Events that are too old leave at this pace even where nothing happens."""


class HttpSession:
    """A conversation that its client names in a header. The id proves nothing about who that is: `owner` does."""

    def __init__(
        self, session_id: str, owner: Principal, conversation: Conversation, events: SessionEvents, streams: Streams
    ) -> None:
        self.id = session_id
        self.principal = owner
        self.owner = owner.key
        self.conversation = conversation
        self.events = events
        self.streams = streams
        self.used_at = 0.0

    @property
    def revision(self) -> Revision | None:
        """The one that was agreed on; None before that."""
        return self.conversation.session.revision

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way, or somebody listens."""
        return self.conversation.in_flight > 0 or self.streams.is_read


class Sessions:
    """The live ones, as many as `shares` allow; one that nobody used for `idle_s` ends."""

    def __init__(self, broker: Broker, reactor: Reactor, *, shares: Shares, idle_s: float, max_kept_bytes: int) -> None:
        self._broker = broker
        self._reactor = reactor
        self._shares = shares
        self._idle_s = idle_s
        self._sessions: dict[str, HttpSession] = {}
        self._minted = 0
        self._timer: Timer | None = None
        self._store = EventStore(broker.holdings, max_kept_bytes)
        self.is_closing = False
        """Whether the server is about to stop, so that nobody may begin to listen."""

    def refusal(self, principal: Principal) -> Answer | None:
        """Why no further session of a principal may be opened; None: it may."""
        if self._broker.is_draining:
            return farewell()
        refusal = self._shares.refusal(principal)
        if refusal is not None:
            self._broker.turn_away(TOO_MANY_SESSIONS)
        return refusal

    def mint(self, principal: Principal) -> HttpSession:
        """A session of `principal` that nobody can find yet."""
        self._minted += 1
        events = SessionEvents(self._store)
        streams = Streams(events, self._reactor.now)
        conversation = self._broker.open_conversation(
            Caller(f"http-{self._minted}", principal), eras=Eras.LEGACY, notify=streams.general.send
        )
        return HttpSession(secrets.token_urlsafe(ID_BYTES), principal, conversation, events, streams)

    def keep(self, session: HttpSession) -> None:
        """From now on it can be found."""
        session.used_at = self._reactor.now()
        self._sessions[session.id] = session
        self._shares.take(session.owner)
        self._broker.guests.enter(
            Guest(
                id=session.conversation.client,
                transport="http",
                principal=session.owner,
                name=lambda: session.conversation.session.client_name,
                since=session.used_at,
            )
        )
        if self._timer is None:
            self._timer = self._reactor.at(session.used_at + min(self._idle_s, LONGEST_SWEEP_S), self._sweep)

    def find(self, session_id: bytes, principal: Principal) -> HttpSession | None:
        """The live session with that id, which counts as used now; to everybody but its owner there is none."""
        found = self._sessions.get(session_id.decode("latin-1"))
        if found is None or found.owner != principal.key:
            return None
        found.used_at = self._reactor.now()
        found.conversation.speak_for(principal)
        return found

    def renew(self, *, idle_s: float) -> None:
        """End those that are idle for so long from now on, and now those whose profile is gone."""
        self._idle_s = idle_s
        for session in list(self._sessions.values()):
            if not self._broker.serves(session.principal):
                self.end(session)

    def end(self, session: HttpSession) -> None:
        """Cancel its calls, close its streams and forget it."""
        if self._sessions.pop(session.id, None) is not None:
            self._shares.give_back(session.owner)
            self._broker.guests.leave(session.conversation.client)
            session.conversation.close()
            session.streams.end_connections()
            self._store.forget(session.events)

    def drain(self) -> None:
        """Let those go that listen for what may never come; calls are still answered."""
        self.is_closing = True
        for session in self._sessions.values():
            session.streams.general.end_connection()

    def close(self) -> None:
        """End all of them."""
        self.is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        for session in list(self._sessions.values()):
            self.end(session)

    def _sweep(self) -> None:
        self._timer = None
        now = self._reactor.now()
        for session in list(self._sessions.values()):
            session.events.expire(now)
            if session.is_busy:
                session.used_at = now
            elif now >= session.used_at + self._idle_s:
                self.end(session)
        if self._sessions:
            idle_at = min(session.used_at for session in self._sessions.values()) + self._idle_s
            next_at = min(max(idle_at, now + SHORTEST_SWEEP_S), now + LONGEST_SWEEP_S)
            self._timer = self._reactor.at(next_at, self._sweep)
