"""Whose request it is: the credential that every request carries, or the challenge to one that does not."""

import hashlib
import hmac
from typing import Protocol

from starlette.types import Scope

from filewarden.broker.protocol.principal import LOCAL, Principal
from filewarden.transports.http.answer import Answer, problem
from filewarden.transports.http.fields import Fields, bearer_token

SCOPE_KEY = "filewarden.principal"
FINGERPRINT_DIGITS = 32


class Authenticator(Protocol):
    """Tells who sends a request, from its head alone: `query` is what follows the path."""

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        """Who it is, or the answer that asks for a credential."""


class LocalToken:
    """The one token of this server, which its operator hands out; None lets everybody in."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()
        self._holder = LOCAL if token is None else Principal(f"token:{fingerprint(token)}")

    async def authenticate(self, fields: Fields, query: bytes = b"") -> Principal | Answer:
        """The one principal, or a challenge."""
        return self._holder if self.is_trusted(fields) else challenge(fields)

    def is_trusted(self, fields: Fields) -> bool:
        """Whether the request carries the token, or none is needed."""
        return self._token is None or self.is_right(bearer_token(fields) or b"")

    @property
    def is_needed(self) -> bool:
        """Whether there is a token at all."""
        return self._token is not None

    def is_right(self, token: bytes) -> bool:
        """Whether this is the token; where none is needed, every one is."""
        return self._token is None or hmac.compare_digest(token, self._token)


def challenge(fields: Fields) -> Answer:
    """What somebody hears without a token, or with a wrong one."""
    if bearer_token(fields) is None:
        scheme, sentence = b'Bearer realm="mcp"', "send the server's token as Authorization: Bearer"
    else:
        scheme, sentence = b'Bearer realm="mcp", error="invalid_token"', "this is not the server's token"
    return problem(401, sentence, (b"www-authenticate", scheme))


def fingerprint(*parts: str) -> str:
    """What names a secret or a person without telling anything about them; different parts never look the same."""
    encoded = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    return hashlib.sha256(encoded).hexdigest()[:FINGERPRINT_DIGITS]


def principal_of(scope: Scope) -> Principal:
    """Who sent a request that the guard let through."""
    principal: Principal = scope[SCOPE_KEY]
    return principal
