"""What operators and probes ask: `/health`, `/livez`, `/readyz`, `/status`, `/metrics`, the page for people."""

import platform
from collections.abc import Callable

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from filewarden.broker.holdings import Holdings
from filewarden.config.profiles import all_roots
from filewarden.config.settings import Settings
from filewarden.config.version import NAME, VERSION
from filewarden.transports.http.answer import Answer, send_answer
from filewarden.transports.http.authentication import Authenticator, LocalToken
from filewarden.transports.http.body import BodyReader
from filewarden.transports.http.fields import Fields, fields_of
from filewarden.transports.http.metrics import exposition
from filewarden.transports.http.page import files
from filewarden.transports.http.page.live import Live
from filewarden.transports.http.page.sign_in import (
    FORM_BYTES,
    PAGE_PATH,
    SIGN_IN_PATH,
    SIGN_OUT_PATH,
    PageCredential,
    SignIn,
    SignOut,
)
from filewarden.transports.http.page.visits import Visits
from filewarden.transports.http.source import Source

METHODS = ("GET", "HEAD")
STATUS_PATH = "/status"
EVENTS_PATH = "/status/events"
METRICS_PATH = "/metrics"
FORMS = frozenset({SIGN_IN_PATH, SIGN_OUT_PATH})
_NO_ANSWER = Answer(503, b'{"status":"unavailable"}')


class Pages:
    """The answers, and what has to be known of their paths before any of them is asked."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        operators: LocalToken,
        port: int,
        *,
        has_status: bool = True,
        turn_away: Callable[[str], None] | None = None,
    ) -> None:
        """Without `has_status` there are the probes alone. `turn_away` hears of refused sign-ins."""
        self._turn_away = turn_away
        self._source = source
        self._settings = settings
        self._operators = operators
        self.authenticators: dict[str, Authenticator] = {}
        """Who may see what only some may."""
        self._live: Live | None = None
        self.endpoints: dict[str, ASGIApp] = {}
        """By their paths."""
        self._methods: dict[str, tuple[str, ...]] = {}
        self._add({"/health": self._health, "/livez": self._livez, "/readyz": self._readyz})
        self.open_paths = frozenset(self.endpoints)
        if has_status:
            self._add_status(Visits(port))

    def renew(self, settings: Settings) -> None:
        """Tell of these settings from now on; sign-ins and open pages stay."""
        self._settings = settings

    @property
    def methods(self) -> dict[str, tuple[str, ...]]:
        """What may be asked of each path."""
        return self._methods

    def close(self) -> None:
        """End what stays open."""
        if self._live is not None:
            self._live.close()

    def _add_status(self, visits: Visits) -> None:
        credential = PageCredential(self._operators, visits)
        self._live = Live(self._source, credential)
        self._add({PAGE_PATH: self._page, STATUS_PATH: self._status, METRICS_PATH: self._metrics})
        self.endpoints[EVENTS_PATH], self._methods[EVENTS_PATH] = self._live, ("GET",)
        self.authenticators = {
            PAGE_PATH: PageCredential(self._operators, visits, is_document=True),
            STATUS_PATH: credential,
            METRICS_PATH: credential,
            EVENTS_PATH: credential,
        }
        forms = BodyReader(FORM_BYTES, Holdings())
        self.endpoints[SIGN_IN_PATH] = SignIn(self._operators, visits, forms, self._turn_away)
        self.endpoints[SIGN_OUT_PATH] = SignOut(visits)
        self._methods.update(dict.fromkeys(FORMS, ("POST",)))
        documents = files.paths()
        for path in documents:
            self.endpoints[path], self._methods[path] = Document(files.file_answer(path)), METHODS
        self.open_paths |= FORMS.union(documents)

    def _add(self, makers: dict[str, Callable[[Fields], Answer]]) -> None:
        self.endpoints.update({path: _Page(make) for path, make in makers.items()})
        self._methods.update(dict.fromkeys(makers, METHODS))

    def _health(self, fields: Fields) -> Answer:
        facts: dict[str, object] = {"status": "ok", "server": NAME, "version": VERSION}
        if self._operators.is_trusted(fields):
            clients = self._source.status().clients
            facts["root"] = all_roots(self._settings)[0].path
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

    def _page(self, _fields: Fields) -> Answer:
        return files.page_answer(has_sign_out=self._operators.is_needed)

    def _status(self, _fields: Fields) -> Answer:
        return Answer(200, msgspec.json.encode(self._source.status()))

    def _metrics(self, fields: Fields) -> Answer:
        accept = fields.get(b"accept", b"").decode("latin-1")
        body, media_type = exposition(self._source.report(), accept)
        return Answer(200, body, media_type=media_type)


class Document:
    """One that stays as it is."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

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
