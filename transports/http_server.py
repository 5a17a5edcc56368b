"""The `--http` server: listener, token, broker and loop put together, run, and taken apart again."""

import asyncio
import contextlib
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from starlette.types import ASGIApp

from filewarden.broker.broker import Broker
from filewarden.broker.log import Log
from filewarden.broker.pool import may_write
from filewarden.config.addresses import split_address
from filewarden.config.errors import ConfigError, Problem
from filewarden.config.folders import home_folder
from filewarden.config.root_policy import home_folders
from filewarden.config.sections.http import HttpSettings
from filewarden.config.settings import Settings
from filewarden.transports.control import ControlSocket
from filewarden.transports.exit_status import EXIT_FAILURE, EXIT_OK
from filewarden.transports.http.app import mcp_app, pages_app
from filewarden.transports.http.authentication import LocalToken
from filewarden.transports.http.connection import SLOW_READER, ConnectionLimits
from filewarden.transports.http.descriptors import OWN_DESCRIPTORS, raise_descriptor_limit, room_for_connections
from filewarden.transports.http.legacy import Legacy
from filewarden.transports.http.listener import LATE_IMPORTS, Changing, HttpListener, route_uvicorn_log
from filewarden.transports.http.modern import Modern
from filewarden.transports.http.pages import Pages
from filewarden.transports.http.peer import SlowReaders
from filewarden.transports.http.sessions import Sessions
from filewarden.transports.http.shares import Shares, share_of_principal
from filewarden.transports.http.sockets import adopt, bind, bracketed, port_of
from filewarden.transports.http.source import BrokerSource
from filewarden.transports.http.sse import SseClients
from filewarden.transports.http.turned_away import TURN_AWAY_REASONS
from filewarden.transports.loop import AsyncioReactor, new_loop
from filewarden.transports.preload import preload
from filewarden.transports.reach import NOTHING, Reach
from filewarden.transports.sealing_keys import read_sealing_keys
from filewarden.transports.stop_signals import StopSignals
from filewarden.transports.surroundings import (
    Surroundings,
    give_up_rights,
    make_broker,
    open_control,
    preload_pages,
    tell_launcher,
)
from filewarden.transports.token import read_or_create_token, token_path

if TYPE_CHECKING:
    from filewarden.transports.http.oauth.protection import Protection
    from filewarden.transports.http.oauth.source import Document

LAST_ANSWERS_S = 1.0
SPARE_CONNECTIONS = 64
LEAVE_S = 1.0
"""How long clients with a connection have to say something and be told that it ends."""
LOOK_EVERY_S = 0.01
PAGES = "status"
"""The name of a socket for the status pages, among those that are handed over."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened with the rights that the server was started with."""

    sockets: list[socket.socket]
    are_handed_over: bool
    """Whether somebody else keeps them open too, and others may accept connections from them."""
    pages_sockets: list[socket.socket]
    """Empty unless the status pages have an address of their own."""
    token: str | None
    token_path: str
    sealing_keys: tuple[bytes, ...]
    issuer_keys: "Document | None"
    """None without an issuer."""


def serve_http(surroundings: Surroundings, stop_signals: StopSignals) -> int:
    """Serve until a signal comes; the exit status.

    Raises:
        ConfigError: a port or the token file cannot be used.
    """
    opened = open_door(surroundings)
    control = open_control(surroundings)
    reach = _reach(surroundings)
    tell_launcher(surroundings, control, reach)
    preload(LATE_IMPORTS)
    preload_pages(surroundings)
    give_up_rights(surroundings, reach)
    _check_reach(surroundings, opened)
    route_uvicorn_log(surroundings.log)
    loop = new_loop()
    try:
        return loop.run_until_complete(_serve(surroundings, opened, control, stop_signals))
    finally:
        loop.close()


def open_door(surroundings: Surroundings) -> Opened:
    """Bind the sockets and read or create the token.

    Raises:
        ConfigError: one of them cannot be had.
    """
    http, address = surroundings.settings.http, surroundings.settings.status.address
    handed = surroundings.starter.sockets
    sockets = _sockets("http.port", http.host, http.port, [fd for name, fd in handed if name != PAGES], http)
    pages_sockets: list[socket.socket] = []
    pages_fds = [fd for name, fd in handed if name == PAGES]
    if address not in ("auto", "off"):
        pages_sockets = _sockets("status.address", *split_address(address), pages_fds, http)
    elif pages_fds:
        sentence = f"a socket named {PAGES!r} was handed over: name its address here, or do not hand it over"
        raise ConfigError([Problem("status.address", "", sentence, address)])
    path = token_path(http.token_file, surroundings.environ) if http.auth == "token" else ""
    return Opened(
        sockets=sockets,
        are_handed_over=bool(handed),
        pages_sockets=pages_sockets,
        token=read_or_create_token(path) if path else None,
        token_path=path,
        sealing_keys=read_sealing_keys(http.sealing_keys_file) if http.sealing_keys_file else (),
        issuer_keys=_issuer_keys(http),
    )


def _sockets(key: str, host: str, port: int, handed_over: Sequence[int], http: HttpSettings) -> list[socket.socket]:
    if handed_over:
        return adopt(key, handed_over, is_open_to_all=http.auth == "none" and not http.issuer)
    return bind(key, host, port)


def _placed(settings: Settings, opened: Opened) -> Settings:
    """The settings with the address that is listened on, whoever has chosen it."""
    if not opened.are_handed_over:
        return settings
    host = opened.sockets[0].getsockname()[0]
    return msgspec.structs.replace(settings, http=msgspec.structs.replace(settings.http, host=host))


def _issuer_keys(http: HttpSettings) -> "Document | None":
    """Where the issuer's keys are; what checks tokens with them is loaded only then."""
    if not http.issuer:
        return None
    from filewarden.transports.http.oauth.protection import open_keys

    return open_keys(http)


def _reach(surroundings: Surroundings) -> Reach:
    """What serving takes beside our own files and processes: the issuer's keys, where there is one."""
    http, roots = surroundings.settings.http, surroundings.settings.roots
    if not http.issuer:
        return NOTHING
    from filewarden.transports.http.oauth.protection import reach_of_keys

    homes = home_folders(home_folder(surroundings.environ))
    return reach_of_keys(http, [root.path for root in roots], homes)


def _check_reach(surroundings: Surroundings, opened: Opened) -> None:
    if opened.issuer_keys is not None:
        from filewarden.transports.http.oauth.protection import check_keys

        check_keys(surroundings.settings.http, opened.issuer_keys)


def _protection(surroundings: Surroundings, opened: Opened) -> "Protection | None":
    """What lets in the holders of the issuer's tokens; None without an issuer."""
    if opened.issuer_keys is None:
        return None
    from filewarden.transports.http.oauth.protection import protect

    offered = surroundings.catalogue.offered(scan=True, write=may_write(surroundings.settings))
    return protect(
        _placed(surroundings.settings, opened).http,
        port_of(opened.sockets),
        opened.issuer_keys,
        surroundings.log,
        writing_tools=frozenset(name for tool in offered if tool.writes for name in (tool.name, *tool.other_names)),
    )


async def _serve(
    surroundings: Surroundings, opened: Opened, control: ControlSocket | None, stop_signals: StopSignals
) -> int:
    loop = asyncio.get_running_loop()
    reactor = AsyncioReactor(loop)
    ended: asyncio.Future[str] = loop.create_future()

    def end(reason: str) -> None:
        if not ended.done():
            ended.set_result(reason)

    loop.set_exception_handler(_exception_handler(surroundings, end))
    broker = make_broker(surroundings, reactor, "http", end, opened.sealing_keys)
    broker.start()
    if control is not None:
        control.start(broker.status, reactor)
    server = _Server(surroundings, opened, broker, reactor)
    try:
        await server.start()
        broker.follow(server)
        surroundings.notifier.start(broker, reactor)

        def on_signal() -> None:
            surroundings.notifier.stopping()
            server.drain(lambda: end(""))

        stop_signals.watch(reactor, on_signal, broker.reload)
        _announce(_placed(surroundings.settings, opened), opened, surroundings.log)
        reason = await ended
        await server.stop()
    finally:
        if control is not None:
            control.close()
        broker.close()
    if reason:
        surroundings.log.error(reason)
    return EXIT_FAILURE if reason else EXIT_OK


def _shares(what: str, http: HttpSettings) -> Shares:
    return Shares(what, limit=http.max_sessions, per_principal=_share(http))


def _share(http: HttpSettings) -> int:
    return share_of_principal(http.max_sessions_per_principal, limit=http.max_sessions, has_many=bool(http.issuer))


def _connections(settings: Settings, log: Log) -> int:
    """How many there may be: as many as sessions and their requests take, if there are descriptors for them."""
    wanted = 2 * settings.http.max_sessions + SPARE_CONNECTIONS
    possible = room_for_connections(settings.pool, raise_descriptor_limit(2 * wanted + OWN_DESCRIPTORS))
    if possible < wanted:
        log.warning(
            "the limit on open files leaves room for fewer connections than go with http.max_sessions: raise it "
            "(ulimit -n), or serve fewer sessions",
            connections=possible,
            wanted=wanted,
        )
    return min(wanted, possible)


class _Server:
    """The listeners and what clients hold open."""

    def __init__(self, surroundings: Surroundings, opened: Opened, broker: Broker, reactor: AsyncioReactor) -> None:
        settings = surroundings.settings
        http = settings.http
        self._broker = broker
        broker.turned_away.update(dict.fromkeys(TURN_AWAY_REASONS, 0))
        self._opened = opened
        self._reactor = reactor
        self._doors = [sockets for sockets in (opened.sockets, opened.pages_sockets) if sockets]
        self._log = surroundings.log
        self._shares = (_shares("sessions", http), _shares("streams", http))
        self._sessions = Sessions(broker, reactor, shares=self._shares[0], idle_s=http.session_idle_s)
        slow_readers = SlowReaders(surroundings.log, lambda: broker.turn_away(SLOW_READER))
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
        self._legacy = Legacy(self._sessions, slow_readers, broker.holdings, http)
        self._modern = Modern(broker, slow_readers)
        self._protection = _protection(surroundings, opened)
        self._apps = [Changing(app) for app in self._make_apps(settings)]
        limits = ConnectionLimits(connections=_connections(settings, surroundings.log))
        self._listeners = [
            HttpListener(sockets, app, limits, broker.turn_away)
            for sockets, app in zip(self._doors, self._apps, strict=True)
        ]

    def _make_apps(self, settings: Settings) -> list[ASGIApp]:
        """What answers by these settings: on the main listener, and on that of the status pages where they have one."""
        broker, turn_away = self._broker, self._broker.turn_away
        settings = _placed(settings, self._opened)
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

    def on_reloaded(self, settings: Settings) -> None:
        """Answer by these settings from now on; sessions, streams and connections stay."""
        http = settings.http
        for shares in self._shares:
            shares.renew(limit=http.max_sessions, per_principal=_share(http))
        self._sessions.renew(idle_s=http.session_idle_s)
        self._legacy.renew(http)
        self._modern.renew()
        for pages in self._pages:
            pages.renew(settings)
        for app, renewed in zip(self._apps, self._make_apps(settings), strict=True):
            app.app = renewed
        limits = ConnectionLimits(connections=_connections(settings, self._log))
        for listener in self._listeners:
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


def _exception_handler(
    surroundings: Surroundings, end: Callable[[str], None]
) -> Callable[[asyncio.AbstractEventLoop, dict[str, object]], None]:
    """A bug in an action of the reactor would leave a call without an end, so it ends the server instead."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if "handle" not in context:
            surroundings.log.error(str(context.get("message")), error=repr(error))
            return
        shown = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
        end(f"internal error: {context.get('message')}: {shown}")

    return handle


def _announce(settings: Settings, opened: Opened, log: Log) -> None:
    """Say where to connect, and with what; among lines of JSON as such lines."""
    lines = [f"Filewarden listens on http://{bracketed(settings.http.host)}:{port_of(opened.sockets)}/mcp"]
    if opened.pages_sockets:
        host = split_address(settings.status.address)[0]
        lines.append(f"Status pages on http://{bracketed(host)}:{port_of(opened.pages_sockets)}/status")
    if settings.http.issuer:
        lines.append(f"Clients bring access tokens of {settings.http.issuer}; our own token is for the status pages")
    if opened.token is not None:
        lines.append(f"Token: {opened.token}" if sys.stderr.isatty() else f"Token file: {opened.token_path}")
    if settings.log.format == "json" and not settings.log.file and not sys.stderr.isatty():
        for line in lines:
            log.info(line)
        return
    with contextlib.suppress(OSError):
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
