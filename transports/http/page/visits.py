"""Browsers that have shown the token: each carries a random cookie, of which only a digest is kept here.

The cookie opens the status pages and nothing else; tools are called with the token itself, which no browser keeps.
"""

import hashlib
import secrets
from collections import OrderedDict

import msgspec

VISIT_S = 12 * 3600.0
MOST_VISITS = 64
"""Beyond them the oldest ends."""
COOKIE_BYTES = 32


class Visit(msgspec.Struct, frozen=True):
    """One browser, until when by the wall clock."""

    expires_at: float


class Visits:
    """Those that last. `port` tells the cookies of several servers of one machine apart: browsers do not."""

    def __init__(self, port: int) -> None:
        self._name = f"filewarden_{port}".encode()
        self._visits: OrderedDict[bytes, Visit] = OrderedDict()

    def begin(self, now: float, *, is_encrypted: bool = False) -> bytes:
        """Start a visit; the value of the field that sets its cookie. What came encrypted is sent encrypted only."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES).encode()
        self._visits[_digest(cookie)] = Visit(now + VISIT_S)
        while len(self._visits) > MOST_VISITS:
            self._visits.popitem(last=False)
        return self._field(cookie, int(VISIT_S)) + (b"; Secure" if is_encrypted else b"")

    def find(self, cookies: bytes, now: float) -> Visit | None:
        """The visit that one of these cookies belongs to."""
        for digest in self._digests(cookies):
            visit = self._visits.get(digest)
            if visit is not None and now < visit.expires_at:
                return visit
        return None

    def end(self, cookies: bytes) -> bytes:
        """End a visit; the value of the field that takes its cookie away."""
        for digest in self._digests(cookies):
            self._visits.pop(digest, None)
        return self._field(b"", 0)

    def _digests(self, cookies: bytes) -> list[bytes]:
        pairs = (each.strip().partition(b"=") for each in cookies.replace(b",", b";").split(b";"))
        return [_digest(value) for name, _, value in pairs if name == self._name]

    def _field(self, cookie: bytes, seconds: int) -> bytes:
        return b"%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict" % (self._name, cookie, seconds)


def _digest(cookie: bytes) -> bytes:
    return hashlib.sha256(cookie).digest()
