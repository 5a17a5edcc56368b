"""The status pages beside stdio: a thread with its own loop, which asks the server's thread through a socket pair.

No object of the server is touched from the thread. The control socket would do as well, but not for a server started
as root: the account that it becomes cannot enter the folder of that socket.
"""

import asyncio
import contextlib
import select
import socket
import sys
import threading
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from filewarden.broker.broker import Broker
from filewarden.broker.charter import Charter
from filewarden.broker.log import Log
from filewarden.broker.reactor import Reactor
from filewarden.broker.status import Report, Status
from filewarden.broker.timeline import TimelineStatus
from filewarden.config.addresses import split_address
from filewarden.config.settings import Settings
from filewarden.transports.http.app import pages_app
from filewarden.transports.http.authentication import LocalToken
from filewarden.transports.http.listener import LATE_IMPORTS, HttpListener, route_uvicorn_log
from filewarden.transports.http.metrics import LATE_IMPORTS as SCRAPED
from filewarden.transports.http.pages import Pages
from filewarden.transports.http.reading import ConnectionLimits
from filewarden.transports.http.sockets import bind, bracketed, port_of
from filewarden.transports.preload import preload
from filewarden.transports.token import read_or_create_token, token_path

ANSWER_TIMEOUT_S = 1.0
ANSWER_BYTES = 1024 * 1024
CONNECTIONS = 32


class Snapshot(msgspec.Struct, frozen=True):
    """What the thread is told."""

    is_ready: bool
    status: Status


SNAPSHOT, TIMELINE, REPORT = b"s", b"t", b"r"
"""What the thread asks for, a byte each."""


class _Counter:
    """The end of the pair in the server's thread: each byte asks for one answer."""

    def __init__(self, end: socket.socket, broker: Broker) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ANSWER_BYTES)
        self._end = end
        self._broker = broker

    def answer(self) -> None:
        """Answer what was asked; a thread that does not take its answers misses some."""
        try:
            for question in self._end.recv(64):
                self._end.send(msgspec.json.encode(self._document(bytes([question]))))
        except OSError:  # the thread waits for a second, then says that nobody answered
            return

    def _document(self, question: bytes) -> msgspec.Struct:
        if question == TIMELINE:
            return self._broker.overview.timeline()
        if question == REPORT:
            return self._broker.overview.report()
        return Snapshot(self._broker.overview.is_ready, self._broker.overview.status())


T = TypeVar("T")


class RemoteSource:
    """The end in the thread of the pages."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def status(self) -> Status:
        """Everything, now."""
        return self._ask(SNAPSHOT, Snapshot).status

    def timeline(self) -> TimelineStatus:
        """The last minutes."""
        return self._ask(TIMELINE, TimelineStatus)

    def report(self) -> Report:
        """What metrics are made of."""
        return self._ask(REPORT, Report)

    def is_ready(self) -> bool:
        """Whether the server takes calls."""
        return self._ask(SNAPSHOT, Snapshot).is_ready

    def _ask(self, question: bytes, kind: type[T]) -> T:
        """Wait for the answer, for a second at most.

        Raises:
            OSError: the server's thread does not answer.
        """
        self._forget_late_answers()
        self._end.send(question)
        select.select([self._end], [], [], ANSWER_TIMEOUT_S)
        return msgspec.json.decode(self._end.recv(ANSWER_BYTES), type=kind)

    def _forget_late_answers(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._end.recv(ANSWER_BYTES):
                pass


class PagesThread:
    """Opened with the rights that the server was started with, started without them.

    Raises:
        ConfigError: the address or the token file cannot be used.
    """

    late_imports = SCRAPED

    def __init__(self, settings: Settings, environ: Mapping[str, str], log: Log) -> None:
        self._settings = settings
        self._host, port = split_address(settings.status.address)
        self._sockets = bind("status.address", self._host, port)
        self._token: str | None = None
        self._token_path = ""
        if settings.http.auth == "token":
            self._token_path = token_path(settings.http.token_file, environ)
            self._token = read_or_create_token(self._token_path)
        route_uvicorn_log(log)
        preload(LATE_IMPORTS)
        self._log = log
        self._pages: Pages | None = None

    def start(self, broker: Broker, reactor: Reactor) -> None:
        """Serve from now on, until the process ends."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reactor.watch(ours.fileno(), _Counter(ours, broker).answer)
        broker.follow(self)
        source = RemoteSource(theirs)
        threading.Thread(target=lambda: self._run(source), daemon=True, name="status pages").start()
        port = port_of(self._sockets)
        lines = [f"Status pages on http://{bracketed(self._host)}:{port}/status"]
        if self._token is not None:
            lines.append(f"Token file: {self._token_path}")
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()

    def on_reloading(self) -> None:
        """What is asked is answered as before."""

    def on_reloaded(self, charter: Charter) -> None:
        """Tell of these settings from now on."""
        self._settings = charter.settings
        if self._pages is not None:
            self._pages.renew(charter.settings)

    def on_refused(self, reason: str) -> None:
        """Nothing has changed."""

    def _run(self, source: RemoteSource) -> None:
        try:
            asyncio.run(self._serve(source))
        except Exception as error:  # the end of a thread: without this line nobody would know
            self._log.error("the status pages ended", reason=repr(error))

    async def _serve(self, source: RemoteSource) -> None:
        port, operators = port_of(self._sockets), LocalToken(self._token)
        pages = self._pages = Pages(source, self._settings, operators, port)
        app = pages_app(settings=self._settings, host=self._host, port=port, pages=pages, operators=operators)
        await HttpListener(self._sockets, app, ConnectionLimits(connections=CONNECTIONS)).start()
        await asyncio.Event().wait()
