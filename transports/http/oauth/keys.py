"""The issuer's public keys: a JWK set (RFC 7517) taken apart once, and found by what a token's header asks for.

A key that we cannot use is left out, as the RFC has it; a set without a single one that we can is refused.
"""

from collections.abc import Collection, Mapping

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

MOST_KEYS = 100
MOST_RSA_BITS = 8192
LEAST_RSA_BITS = 2048
"""Shorter ones can be broken (NIST SP 800-131A), and to check with longer ones takes an attacker's favourite time."""

_FITTING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""What a key of a kind and curve can sign. Secret keys ("oct") are missing on purpose."""
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")


class BadKeysError(Exception):
    """The document is no JWK set that we can use; the message says why."""


class _Key(msgspec.Struct, frozen=True):
    kty: str
    kid: str = ""
    use: str = "sig"
    alg: str = ""
    key_ops: tuple[str, ...] = ("verify",)
    crv: str = ""
    x: str = ""
    y: str = ""
    n: str = ""
    e: str = ""


class _Set(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


class IssuerKeys:
    """The keys that may be used, each bound to one algorithm."""

    def __init__(self, keys: Mapping[tuple[str, str], PyJWK]) -> None:
        self._keys = keys

    def find(self, key_id: str, algorithm: str) -> PyJWK | None:
        """The key with that id; a token that names none gets the only one there is for its algorithm."""
        if key_id:
            return self._keys.get((key_id, algorithm))
        fitting = [key for (_, name), key in self._keys.items() if name == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def parse_keys(document: bytes, algorithms: Collection[str]) -> IssuerKeys:
    """Take a JWK set apart, for signatures of `algorithms` alone.

    Raises:
        BadKeysError: it is none, or nothing in it can be used.
    """
    try:
        found = msgspec.json.decode(document, type=_Set).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadKeysError(f"it is no JWK set: {error}") from None
    if len(found) > MOST_KEYS:
        raise BadKeysError(f"it has more than {MOST_KEYS} keys")
    keys: dict[tuple[str, str], PyJWK] = {}
    for number, raw in enumerate(found):
        _add(raw, number, algorithms, keys)
    if not keys:
        raise BadKeysError(f"it has no public key for signatures by {', '.join(algorithms)}")
    return IssuerKeys(keys)


def _add(raw: msgspec.Raw, number: int, algorithms: Collection[str], keys: dict[tuple[str, str], PyJWK]) -> None:
    """Put one key in, once for each algorithm; of two with the same id the first counts."""
    try:
        one = msgspec.json.decode(raw, type=_Key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if one.use != "sig" or "verify" not in one.key_ops:
        return
    for algorithm in _FITTING.get((one.kty, one.crv), ()):
        if algorithm in algorithms and one.alg in ("", algorithm):
            key = _usable(one, algorithm)
            if key is not None:
                keys.setdefault((one.kid or f"\0{number}", algorithm), key)


def _usable(one: _Key, algorithm: str) -> PyJWK | None:
    public = {name: value for name in _PUBLIC if (value := getattr(one, name))}
    try:
        key = PyJWK(public, algorithm)
    except (PyJWTError, ValueError):
        return None
    if one.kty == "RSA" and not LEAST_RSA_BITS <= key.key.key_size <= MOST_RSA_BITS:
        return None
    return key
