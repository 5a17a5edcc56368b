"""An access token (RFC 7519, RFC 9068): its header, its signature, and whether what it says holds here and now."""

from typing import Annotated

import msgspec
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

LONGEST_TOKEN = 16_384
LEEWAY_S = 30
"""How far the issuer's clock and ours may be apart."""
TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})
"""What a token may call itself. Identity, logout and proof tokens call themselves something else, or miss our name."""

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class InvalidTokenError(Exception):
    """The token is refused; the message says why, in words of ours alone."""


class Header(msgspec.Struct, frozen=True):
    """What the token says of its signature, before that was checked. Keys that it brings itself are not looked at."""

    alg: str
    kid: str = ""
    typ: str = ""
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Claims(msgspec.Struct, frozen=True):
    """What the issuer says, once the signature was checked."""

    iss: str
    sub: _Text
    aud: str | list[str]
    exp: float
    nbf: float = 0
    scope: str = ""
    scp: str | list[str] = ""
    client_id: str = ""
    azp: str = ""
    cnf: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def scopes(self) -> frozenset[str]:
        """What was granted: `scope`, or `scp` as some issuers have it, which also write it as a list."""
        given = self.scope or self.scp
        return frozenset(given.split() if isinstance(given, str) else given)

    @property
    def client(self) -> str:
        """The client that the token was issued to, as far as it says so."""
        return self.client_id or self.azp


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """By whom a token must be issued, how signed, and for whom."""

    issuer: str
    algorithms: tuple[str, ...]
    resource: str


_HEADER = msgspec.json.Decoder(Header)
_CLAIMS = msgspec.json.Decoder(Claims)
_BROKEN = "the token is no signed JSON web token"


def read_header(token: bytes) -> Header:
    """The header of a token that is worth looking for its key.

    Raises:
        InvalidTokenError: it is none.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidTokenError(f"the token has more than {LONGEST_TOKEN} bytes")
    parts = token.split(b".")
    if len(parts) != 3:
        raise InvalidTokenError(_BROKEN)
    try:
        header = _HEADER.decode(_unarmored(parts[0]))
    except (ValueError, RecursionError):
        raise InvalidTokenError(_BROKEN) from None
    if header.typ.lower() not in TYPES:
        raise InvalidTokenError("the token is no access token by its type")
    if header.crit is not msgspec.UNSET:
        raise InvalidTokenError("the token demands an extension that is not known here")
    return header


def verified_claims(token: bytes, key: PyJWK) -> Claims:
    """What the token says, its signature checked with `key` and that key's algorithm.

    Raises:
        InvalidTokenError: the signature is wrong, or there is less in it than an access token needs.
    """
    algorithm = key.algorithm_name
    try:
        payload = PyJWS(algorithms=[algorithm]).decode(token, key, algorithms=[algorithm])
    except (PyJWTError, ValueError):
        raise InvalidTokenError("the token's signature is wrong") from None
    try:
        return _CLAIMS.decode(payload)
    except (ValueError, RecursionError):
        raise InvalidTokenError("the token lacks a claim, or has one of another type") from None


def check_claims(claims: Claims, issued: Issued, now: float) -> None:
    """Hold a genuine token against the issuer, this server and the wall clock, in seconds.

    Raises:
        InvalidTokenError: it is not for us, or not for now.
    """
    if claims.iss != issued.issuer:
        raise InvalidTokenError("the token is of another issuer")
    if issued.resource not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise InvalidTokenError("the token was issued for another resource")
    if not now < claims.exp + LEEWAY_S:
        raise InvalidTokenError("the token has expired")
    if not now >= claims.nbf - LEEWAY_S:
        raise InvalidTokenError("the token is not valid yet")
    if claims.cnf is not msgspec.UNSET:  # whoever stole it could not use it elsewhere, so not here either
        raise InvalidTokenError("the token is bound to a key, and proofs of that are not taken here")


def _unarmored(part: bytes) -> bytes:
    """Decode base64url without padding; ValueError for what is none."""
    import base64

    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
