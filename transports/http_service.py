"""What a server over HTTP holds open for its clients: listeners, sessions, streams and pages."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from filewarden.broker.broker import Broker
from filewarden.broker.charter import Charter
from filewarden.broker.log import Log
from filewarden.broker.offering import catalogue_of
from filewarden.config.addresses import split_address
from filewarden.config.profiles import clientele, served_names, settings_for
from filewarden.config.settings import Settings
from filewarden.transports.http.app import mcp_app, pages_app
from filewarden.transports.http.authentication import LocalToken
from filewarden.transports.http.bounded import SLOW_READER
from filewarden.transports.http.descriptors import OWN_DESCRIPTORS, raise_descriptor_limit, room_for_connections
from filewarden.transports.http.legacy import Legacy
from filewarden.transports.http.listener import HttpListener
from filewarden.transports.http.modern import Modern
from filewarden.transports.http.pages import Pages
from filewarden.transports.http.peer import SlowReaders
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.sessions import Sessions
from filewarden.transports.http.shares import Shares, share_of_principal
from filewarden.transports.http.sockets import port_of
from filewarden.transports.http.source import BrokerSource
from filewarden.transports.http.sse import SseClients
from filewarden.transports.http.turned_away import TURN_AWAY_REASONS
from filewarden.transports.http_door import Opened, address_of, placed
from filewarden.transports.loop import AsyncioReactor
from filewarden.transports.surroundings import Surroundings
from filewarden.workers.catalogue import Catalogue

if TYPE_CHECKING:
    from filewarden.transports.http.oauth.protection import Protection

LAST_ANSWERS_S = 1.0
SPARE_CONNECTIONS = 64
LEAVE_S = 1.0
"""How long clients with a connection have to say something and be told that it ends."""
LOOK_EVERY_S = 0.01


class HttpService:
    """The listeners and what clients hold open."""

    def __init__(self, surroundings: Surroundings, opened: Opened, broker: Broker, reactor: AsyncioReactor) -> None:
        settings = surroundings.settings
        http = settings.http
        self._broker = broker
        broker.turned_away.update(dict.fromkeys(TURN_AWAY_REASONS, 0))
        broker.overview.addresses = (address_of(placed(settings, opened), opened),)
        self._opened = opened
        self._tokens = opened.tokens
        self._reactor = reactor
        self._doors = [sockets for sockets in (opened.sockets, opened.pages_sockets) if sockets]
        self._log = surroundings.log
        self._catalogue = surroundings.catalogue
        self._shares = (_shares("sessions", settings), _shares("streams", settings))
        self._sessions = Sessions(
            broker,
            reactor,
            shares=self._shares[0],
            idle_s=http.session_idle_s,
            max_kept_bytes=http.max_kept_bytes,
        )
        slow_readers = SlowReaders(
            surroundings.log, broker.holdings, http.max_unread_bytes, lambda: broker.turn_away(SLOW_READER)
        )
        self._clients = SseClients(broker, slow_readers, self._shares[1])
        source, address = BrokerSource(broker), settings.status.address
        self._operators = LocalToken(opened.token)
        has_status = address == "auto"
        self._pages = [
            Pages(
                source,
                settings,
                self._operators,
                port_of(sockets),
                has_status=has_status or bool(number),
                turn_away=broker.turn_away,
            )
            for number, sockets in enumerate(self._doors)
        ]
        self._legacy = Legacy(self._sessions, slow_readers, http)
        self._modern = Modern(broker, slow_readers)
        self._protection = _protection(surroundings, opened)
        limits = _limits(settings, surroundings.log)
        self._listeners = [
            HttpListener(sockets, app, limits, broker.turn_away, slow_readers.unread)
            for sockets, app in zip(self._doors, self._make_apps(settings), strict=True)
        ]

    def _make_apps(self, settings: Settings) -> list[ASGIApp]:
        """What answers by these settings: on the main listener, and on that of the status pages where they have one."""
        broker, turn_away = self._broker, self._broker.turn_away
        settings = placed(settings, self._opened)
        apps = [
            mcp_app(
                settings=settings,
                port=port_of(self._doors[0]),
                pages=self._pages[0],
                operators=self._operators,
                legacy=self._legacy,
                modern=self._modern,
                clients=self._clients,
                holdings=broker.holdings,
                turn_away=turn_away,
                serves=broker.serves,
                tokens=self._tokens,
                protection=self._protection,
            )
        ]
        for sockets, pages in zip(self._doors[1:], self._pages[1:], strict=True):
            host = split_address(settings.status.address)[0]
            apps.append(
                pages_app(
                    settings=settings,
                    host=host,
                    port=port_of(sockets),
                    pages=pages,
                    operators=self._operators,
                    turn_away=turn_away,
                )
            )
        return apps

    def on_reloading(self) -> None:
        """What comes is served as before."""

    def on_reloaded(self, charter: Charter) -> None:
        """Answer by its settings from now on; connections stay, and sessions and streams of whoever is still served."""
        settings = charter.settings
        http, self._tokens = settings.http, charter.tokens
        for shares in self._shares:
            shares.renew(limit=http.max_sessions, per_principal=_share(settings))
        self._sessions.renew(idle_s=http.session_idle_s)
        self._clients.renew()
        self._legacy.renew(http)
        self._modern.renew()
        if self._protection is not None:
            self._protection.rights.renew(_writing_tools(self._catalogue, settings))
            self._protection.server.clientele = clientele(settings)
        for pages in self._pages:
            pages.renew(settings)
        limits = _limits(settings, self._log)
        for listener, app in zip(self._listeners, self._make_apps(settings), strict=True):
            listener.change(app)
            listener.limits = limits

    def on_refused(self, reason: str) -> None:
        """Nothing has changed."""

    async def start(self) -> None:
        """Accept connections from now on."""
        for listener in self._listeners:
            await listener.start()

    def drain(self, done: Callable[[], None]) -> None:
        """Take no new calls; streams that owe no answer end now, and probes hear that we are not ready.

        Where somebody else accepts connections from the same sockets, clients are sent there first: whoever has a
        connection here may use it once more, and is told that it ends with that answer.
        """
        self._broker.leave()
        self._clients.close(busy=False)
        self._sessions.drain()
        if not self._opened.are_handed_over:
            self._broker.drain(done)
            return
        for listener in self._listeners:
            listener.leave()
        give_up_at = self._reactor.now() + LEAVE_S

        def look() -> None:
            if self._reactor.now() >= give_up_at or all(listener.is_empty for listener in self._listeners):
                self._broker.drain(done)
            else:
                self._reactor.at(self._reactor.now() + LOOK_EVERY_S, look)

        look()

    async def stop(self) -> None:
        """Send what is still to be sent, for a moment."""
        self._clients.close(busy=True)
        self._sessions.close()
        for pages in self._pages:
            pages.close()
        if self._protection is not None:
            self._protection.keys.close()
        for listener in self._listeners:
            await listener.stop(LAST_ANSWERS_S)


def _shares(what: str, settings: Settings) -> Shares:
    return Shares(what, limit=settings.http.max_sessions, per_principal=_share(settings))


def _share(settings: Settings) -> int:
    http = settings.http
    return share_of_principal(http.max_sessions_per_principal, limit=http.max_sessions, has_many=_has_many(settings))


def _has_many(settings: Settings) -> bool:
    """Whether there can be several principals."""
    return bool(settings.http.issuer or settings.profiles)


def _limits(settings: Settings, log: Log) -> ConnectionLimits:
    """Where there are many principals, none can keep more than half of all connections."""
    connections = _connections(settings, log)
    most_of_one = share_of_principal(0, limit=connections, has_many=_has_many(settings))
    return ConnectionLimits(connections=connections, most_of_one=most_of_one)


def _connections(settings: Settings, log: Log) -> int:
    """How many there may be: as many as sessions and their requests take, if there are descriptors for them."""
    wanted = 2 * settings.http.max_sessions + SPARE_CONNECTIONS
    pools = [settings.pool, *(profile.pool for profile in settings.profiles)]
    possible = room_for_connections(pools, raise_descriptor_limit(2 * wanted + OWN_DESCRIPTORS))
    if possible < wanted:
        log.warning(
            "the limit on open files leaves room for fewer connections than go with http.max_sessions: raise it "
            "(ulimit -n), or serve fewer sessions",
            connections=possible,
            wanted=wanted,
        )
    return min(wanted, possible)


def _protection(surroundings: Surroundings, opened: Opened) -> "Protection | None":
    """What lets in the holders of the issuer's tokens; None without an issuer."""
    if opened.issuer_keys is None:
        return None
    from filewarden.transports.http.oauth.protection import protect

    return protect(
        placed(surroundings.settings, opened).http,
        port_of(opened.sockets),
        opened.issuer_keys,
        surroundings.log,
        writing_tools=_writing_tools(surroundings.catalogue, surroundings.settings),
        clientele=clientele(surroundings.settings),
    )


def _writing_tools(catalogue: Catalogue, settings: Settings) -> dict[str, frozenset[str]]:
    """Every name of what a profile is offered that changes files, by profile."""
    found = {}
    for profile in served_names(settings):
        offered = catalogue_of(catalogue, settings_for(settings, profile))
        names = (name for each in offered.entries if each.writes for name in (each.name, *each.other_names))
        found[profile] = frozenset(names)
    return found
