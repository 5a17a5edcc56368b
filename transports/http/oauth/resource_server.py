"""Who sends a request, by the issuer's access token that it carries."""

import hashlib
from collections.abc import Callable

from filewarden.broker.protocol.principal import Principal, key_of
from filewarden.config.principals import SUBJECT, Clientele
from filewarden.transports.http.answer import RETRY_AFTER, Answer, problem
from filewarden.transports.http.authentication import fingerprint
from filewarden.transports.http.fields import Fields, bearer_token, query_value
from filewarden.transports.http.oauth.challenge import Challenges
from filewarden.transports.http.oauth.keys import IssuerKeys
from filewarden.transports.http.oauth.source import KeySource, KeysUnavailableError
from filewarden.transports.http.oauth.token import (
    LEEWAY_S,
    Claims,
    InvalidTokenError,
    Issued,
    check_claims,
    read_header,
    verified_claims,
)

MOST_REMEMBERED = 1000
"""Tokens whose signature is not checked again; beyond, the oldest is forgotten."""
_NOT_SERVED = problem(403, "nothing is served to the subject of this token")
_NO_KEYS = problem(503, "the issuer's keys cannot be had now, so nobody can be let in; try again", RETRY_AFTER)


class ResourceServer:
    """Lets in who brings a token that was `issued` for us. `now` is the wall clock in seconds."""

    def __init__(
        self,
        issued: Issued,
        keys: KeySource,
        challenges: Challenges,
        now: Callable[[], float],
        clientele: Clientele | None = None,
    ) -> None:
        self.clientele = clientele or Clientele(())
        """Which profile serves whom."""
        self._issued = issued
        self._keys = keys
        self._challenges = challenges
        self._now = now
        self._known: dict[bytes, Claims] = {}
        self._known_by: IssuerKeys | None = None

    async def authenticate(self, fields: Fields, query: bytes) -> Principal | Answer:
        """Who it is, or the answer that asks for a token."""
        token = bearer_token(fields)
        if query_value(query, b"access_token"):
            if token is not None:
                return self._challenges.malformed("a token is sent once, and never in an address")
            return self._challenges.missing()
        if token is None:
            return self._challenges.missing()
        if b"," in token:
            return self._challenges.malformed("send one Authorization field with one token")
        try:
            return self._principal(await self._genuine(token))
        except InvalidTokenError as error:
            return self._challenges.invalid(str(error))
        except KeysUnavailableError:
            return _NO_KEYS

    def _principal(self, claims: Claims) -> Principal | Answer:
        """Whom a token stands for, unless nobody serves them."""
        profile = self.clientele.of_subject(claims.sub)
        if profile is None:
            return _NOT_SERVED
        key = key_of(profile, f"oauth:{fingerprint(claims.iss, claims.sub, claims.client)}")
        return Principal(key, claims.scopes, claims.exp + LEEWAY_S, profile, SUBJECT + claims.sub)

    async def _genuine(self, token: bytes) -> Claims:
        """What a token says that holds here and now.

        Raises:
            InvalidTokenError: it does not.
            KeysUnavailableError: nobody can tell.
        """
        digest = hashlib.sha256(token).digest()
        if digest in self._known:
            keys = self._keys.fresh() or await self._keys.current()
            if keys is self._known_by and (known := self._known.get(digest)) is not None:
                check_claims(known, self._issued, self._now())
                return known
        header = read_header(token)
        if header.alg not in self._issued.algorithms:
            raise InvalidTokenError("the token is signed by a method that is not accepted")
        keys = await self._keys.current()  # garbage costs nobody a fetch
        if keys.find(header.kid, header.alg) is None:
            keys = await self._keys.renewed()
        key = keys.find(header.kid, header.alg)
        if key is None:
            raise InvalidTokenError("the token is signed by a key that the issuer has not published")
        claims = verified_claims(token, key)
        check_claims(claims, self._issued, self._now())
        self._remember(digest, claims, keys)
        return claims

    def _remember(self, digest: bytes, claims: Claims, keys: IssuerKeys) -> None:
        """Keep what was verified, as long as the issuer's keys stay the same."""
        if keys is not self._known_by:
            self._known.clear()
            self._known_by = keys
        if len(self._known) >= MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[digest] = claims
