"""An ASGI application on listening sockets: connections are accepted, and ended within a time."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from filewarden.broker.holdings import Holdings
from filewarden.broker.log import Log
from filewarden.transports.http.acceptor import Acceptor
from filewarden.transports.http.changing import Changing
from filewarden.transports.http.connection import Connection
from filewarden.transports.http.listener_state import ListenerState
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.turnstile import Turnstile
from filewarden.transports.http.unread import Unread
from filewarden.transports.http.uvicorn_parts import Config, HttpToolsProtocol

KEEP_ALIVE_S = 95
"""Longer than load balancers let a connection rest that they use again (nginx and those of clouds 60 s, Go 90 s).

Were it as long, they would send a request just as we close, and could not know whether it was served.
"""
NO_DESCRIPTORS = "no_descriptors"
LATE_IMPORTS = ("uvicorn.lifespan.off",)
"""What `Config.load` imports by name: to be loaded before the front-end gives its rights up."""
UVICORN_LOGGER = "uvicorn.error"


class HttpListener:
    """uvicorn's protocol without uvicorn's server: loop, sockets, signals and shutdown are ours."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        app: ASGIApp,
        limits: ConnectionLimits,
        turn_away: Callable[[str], None] = lambda _reason: None,
        unread: Unread | None = None,
    ) -> None:
        """`turn_away` is told why a connection was refused or dropped, in a word."""
        self._sockets = sockets
        self._turn_away = turn_away
        self._unread = unread or Unread(Holdings())
        self.limits = limits
        """Of the connections that come from now on."""
        self._state = ListenerState()
        self._changing = Changing(app)
        self._config = Config(
            app=self._changing,
            http=HttpToolsProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._acceptors: list[Acceptor] = []
        self._is_empty = asyncio.Event()

    def change(self, app: ASGIApp) -> None:
        """Let another application answer from now on, on the connections that are open too."""
        self._changing.app = app

    async def start(self) -> None:
        """Accept connections from now on."""
        self._turnstile = Turnstile(asyncio.get_running_loop().call_soon)
        for each in self._sockets:
            acceptor = Acceptor(each, self._connection, lambda _reason: self._turn_away(NO_DESCRIPTORS))
            self._acceptors.append(acceptor)
            acceptor.start()

    def leave(self) -> None:
        """Accept no more, for others do; each connection ends with an answer that says so to its client."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._state.is_leaving = True
        for connection in self._state.connections:
            if isinstance(connection, Connection):
                connection.leave()

    @property
    def is_empty(self) -> bool:
        """Whether no connection is open."""
        return not self._state.connections and not any(acceptor.is_busy for acceptor in self._acceptors)

    async def stop(self, grace_s: float) -> None:
        """Accept no more; what is being answered may be finished for `grace_s` seconds."""
        for acceptor in self._acceptors:
            acceptor.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.connections:
            self._is_empty.clear()
            try:
                await asyncio.wait_for(self._is_empty.wait(), grace_s)
            except TimeoutError:
                self._abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=grace_s)

    def _abort(self) -> None:
        for connection in list(self._state.connections):
            if isinstance(connection, Connection):
                connection.abort()

    def _connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        return Connection(
            self._config,
            self._state,
            loop,
            self.limits,
            self._on_lost,
            self._turn_away,
            unread=self._unread,
            changing=self._changing,
            turnstile=self._turnstile,
        )

    def _on_lost(self) -> None:
        if not self._state.connections:
            self._is_empty.set()


class UvicornLog(logging.Handler):
    """Passes on what uvicorn logs: a warning there is a client's mistake, an error is ours."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if record.levelno >= logging.ERROR:
            self._log.error(self.format(record))
        else:
            self._log.debug(self.format(record))


def route_uvicorn_log(log: Log) -> None:
    """Send uvicorn's log to ours alone."""
    logger = logging.getLogger(UVICORN_LOGGER)
    logger.handlers = [UvicornLog(log)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
