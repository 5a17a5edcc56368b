"""The sessions of Streamable HTTP: minted, found by their id, and ended when they are idle or no longer wanted."""

import secrets

from filewarden.broker.broker import Broker
from filewarden.broker.conversation import Conversation
from filewarden.broker.dispatcher import Caller
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.reactor import Reactor, Timer

ID_BYTES = 32
SHORTEST_SWEEP_S = 0.05


class HttpSession:
    """A conversation that its client names in a header. The id proves nothing about who that is: `owner` does."""

    def __init__(self, session_id: str, owner: str, conversation: Conversation, now: float) -> None:
        self.id = session_id
        self.owner = owner
        self.conversation = conversation
        self.used_at = now

    @property
    def revision(self) -> str:
        """The protocol version that was agreed on; "" before that."""
        found = self.conversation.session.revision
        return "" if found is None else found.name


class Sessions:
    """The live ones, `limit` at most; one that nobody used for `idle_s` ends."""

    def __init__(self, broker: Broker, reactor: Reactor, *, limit: int, idle_s: float) -> None:
        self._broker = broker
        self._reactor = reactor
        self._limit = limit
        self._idle_s = idle_s
        self._sessions: dict[str, HttpSession] = {}
        self._minted = 0
        self._timer: Timer | None = None

    @property
    def is_full(self) -> bool:
        """Whether no further session may be opened."""
        return len(self._sessions) >= self._limit

    def mint(self, principal: Principal) -> HttpSession:
        """A session of `principal` that nobody can find yet."""
        self._minted += 1
        caller = Caller(f"http-{self._minted}", principal)
        conversation = self._broker.open_conversation(caller, eras=Eras.LEGACY)
        return HttpSession(secrets.token_urlsafe(ID_BYTES), principal.key, conversation, self._reactor.now())

    def keep(self, session: HttpSession) -> None:
        """From now on it can be found."""
        self._sessions[session.id] = session
        self._count()
        if self._timer is None:
            self._timer = self._reactor.at(session.used_at + self._idle_s, self._sweep)

    def find(self, session_id: bytes, principal: Principal) -> HttpSession | None:
        """The live session with that id, which counts as used now; to everybody but its owner there is none."""
        found = self._sessions.get(session_id.decode("latin-1"))
        if found is None or found.owner != principal.key:
            return None
        found.used_at = self._reactor.now()
        found.conversation.speak_for(principal)
        return found

    def end(self, session: HttpSession) -> None:
        """Cancel its calls and forget it."""
        if self._sessions.pop(session.id, None) is not None:
            self._count()
            session.conversation.close()

    def close(self) -> None:
        """End all of them."""
        if self._timer is not None:
            self._timer.cancel()
        for session in list(self._sessions.values()):
            self.end(session)

    def _count(self) -> None:
        self._broker.clients.http = len(self._sessions)

    def _sweep(self) -> None:
        self._timer = None
        now = self._reactor.now()
        for session in list(self._sessions.values()):
            if session.conversation.in_flight:
                session.used_at = now
            elif now >= session.used_at + self._idle_s:
                self.end(session)
        if self._sessions:
            first = min(session.used_at for session in self._sessions.values())
            self._timer = self._reactor.at(max(first + self._idle_s, now + SHORTEST_SWEEP_S), self._sweep)
