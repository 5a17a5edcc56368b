"""Signing in to the status pages: the token comes by a form, once, and a cookie stands for it from then on."""

import math
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from filewarden.broker.protocol.principal import LOCAL, Principal
from filewarden.transports.http.answer import Answer, Header, send_answer
from filewarden.transports.http.authentication import LocalToken
from filewarden.transports.http.body import BodyReader, BusyError, GoneError, TooLargeError
from filewarden.transports.http.fields import Fields, fields_of
from filewarden.transports.http.page.attempts import Attempts
from filewarden.transports.http.page.files import sign_in_answer
from filewarden.transports.http.page.visits import Visits

PAGE_PATH = "/"
SIGN_IN_PATH = "/sign-in"
SIGN_OUT_PATH = "/sign-out"
FORM_BYTES = 8192
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field
WRONG_TOKEN, TOO_MANY_TRIES = "http_credential", "http_sign_in"
"""What refused tries are counted as."""
_TO_PAGE: Header = (b"location", PAGE_PATH.encode())


class PageCredential:
    """Lets in whoever brings the token, or the cookie of a browser that has shown it."""

    def __init__(self, token: LocalToken, visits: Visits, *, is_document: bool = False) -> None:
        self._token = token
        self._visits = visits
        self._is_document = is_document

    async def authenticate(self, fields: Fields, query: bytes = b"") -> Principal | Answer:
        """Who it is; else the form, to a browser that asks for the page, or a challenge."""
        visit = self._visits.find(fields.get(b"cookie", b""), time.time())
        if visit is not None:
            return Principal(LOCAL.key, expires_at=visit.expires_at)
        found = await self._token.authenticate(fields, query)
        if isinstance(found, Answer) and self._is_document:
            return sign_in_answer(401, "", *found.headers)
        return found


class SignIn:
    """`POST /sign-in`."""

    def __init__(
        self, token: LocalToken, visits: Visits, bodies: BodyReader, turn_away: Callable[[str], None] | None
    ) -> None:
        self._turn_away = turn_away or (lambda _reason: None)
        self._token = token
        self._visits = visits
        self._bodies = bodies
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the token, and send the browser on to the page."""
        try:
            body = await self._bodies.read(receive)
        except (TooLargeError, BusyError):
            body = b""
        except GoneError:
            return
        address = (scope.get("client") or ("",))[0]
        is_encrypted = fields_of(scope).get(b"origin", b"").lower().startswith(b"https:")  # a proxy does that for us
        await send_answer(send, self._answer(_token_of(body), address, time.monotonic(), is_encrypted=is_encrypted))

    def _answer(self, token: bytes, address: str, now: float, *, is_encrypted: bool) -> Answer:
        wait_s = math.ceil(self._attempts.wait_s(address, now))
        if wait_s:
            self._turn_away(TOO_MANY_TRIES)
            sentence = f"Too many wrong tokens came from your address. Try again in {wait_s} s."
            return sign_in_answer(429, sentence, (b"retry-after", b"%d" % wait_s))
        if not self._token.is_right(token):
            self._attempts.failed(address, now)
            self._turn_away(WRONG_TOKEN)
            return sign_in_answer(401, "This is not the token of this server.")
        self._attempts.succeeded(address)
        return Answer(303, b"", (_TO_PAGE, (b"set-cookie", self._visits.begin(time.time(), is_encrypted=is_encrypted))))


class SignOut:
    """`POST /sign-out`."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End the visit of this browser: its open pages end too."""
        field = self._visits.end(fields_of(scope).get(b"cookie", b""))
        await send_answer(send, Answer(303, b"", (_TO_PAGE, (b"set-cookie", field))))


def _token_of(body: bytes) -> bytes:
    """What was typed into the form; "" for anything else (HTML Living Standard, 4.10.22.7)."""
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=10).get(TOKEN_FIELD, [""])
    except ValueError:
        return b""
    return found[0].strip().encode("utf-8", "replace")
