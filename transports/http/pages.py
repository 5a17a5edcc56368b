"""What operators and probes ask: `/health`, `/livez`, `/readyz` and `/status`."""

import platform
from collections.abc import Callable
from typing import Protocol

import msgspec
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from filewarden.broker.broker import Broker
from filewarden.broker.status import Status
from filewarden.config.settings import Settings
from filewarden.config.version import NAME, VERSION
from filewarden.transports.http.answer import Answer, send_answer
from filewarden.transports.http.fields import Fields, fields_of

METHODS = ("GET", "HEAD")
PROBE_PATHS = ("/health", "/livez", "/readyz")
STATUS_PATH = "/status"
_NO_ANSWER = Answer(503, b'{"status":"unavailable"}')


class Source(Protocol):
    """The server that the pages are about. OSError from each of them: it does not answer."""

    def status(self) -> Status:
        """Everything, now."""

    def is_ready(self) -> bool:
        """Whether it takes calls."""


class BrokerSource:
    """The broker of this very loop."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def status(self) -> Status:
        """Everything, now."""
        return self._broker.status()

    def is_ready(self) -> bool:
        """Whether it takes calls."""
        return self._broker.is_ready


class Pages:
    """The answers. `is_trusted` says who sees more than that the server is there."""

    def __init__(self, source: Source, settings: Settings, is_trusted: Callable[[Fields], bool]) -> None:
        self._source = source
        self._settings = settings
        self._is_trusted = is_trusted

    def routes(self, *, has_status: bool) -> list[Route]:
        """The pages by their paths."""
        pages = {"/health": self._health, "/livez": self._livez, "/readyz": self._readyz}
        if has_status:
            pages[STATUS_PATH] = self._status
        return [Route(path, _Page(make)) for path, make in pages.items()]

    def _health(self, fields: Fields) -> Answer:
        facts: dict[str, object] = {"status": "ok", "server": NAME, "version": VERSION}
        if self._is_trusted(fields):
            clients = self._source.status().clients
            facts["root"] = self._settings.roots[0].path
            facts["clients"] = clients.stdio + clients.http + clients.sse
            facts["platform"] = platform.system()
        return Answer(200, msgspec.json.encode(facts))

    def _livez(self, _fields: Fields) -> Answer:
        self._source.is_ready()  # whatever it says: it answers
        return Answer(200, b'{"status":"alive"}')

    def _readyz(self, _fields: Fields) -> Answer:
        if self._source.is_ready():
            return Answer(200, b'{"status":"ready"}')
        return Answer(503, b'{"status":"not ready"}')

    def _status(self, _fields: Fields) -> Answer:
        return Answer(200, msgspec.json.encode(self._source.status()))


class Document:
    """One that stays as it is."""

    def __init__(self, body: bytes) -> None:
        self._answer = Answer(200, body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send_answer(send, self._answer)


class _Page:
    """One page as an ASGI application."""

    def __init__(self, make: Callable[[Fields], Answer]) -> None:
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = self._make(fields_of(scope))
        except OSError:
            answer = _NO_ANSWER
        await send_answer(send, answer)
