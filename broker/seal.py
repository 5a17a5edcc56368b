"""Sealed state: handed to a client that can neither change it nor use it for anything else, and taken back later.

A sealed text is `base64url(expiry | state | tag)`, with HMAC-SHA256 (RFC 2104) truncated to 128 bits over what it is
bound to (such as the tool, its arguments and the principal), the expiry and the state.
"""

import struct

SEALING_KEY_BYTES = 32
TAG_BYTES = 16
EXPIRY = struct.Struct(">Q")
LONGEST_TEXT = 16_384


class BadSealError(Exception):
    """The text is not ours, too old, or bound to something else."""


class Seal:
    """The keys of this server: the first seals, each of them opens, so that keys can be replaced in turn.

    `now` is wall-clock seconds: replicas may share the keys.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def close(self, state: bytes, bound: bytes, expires_at: float) -> str:
        """Seal `state` until `expires_at`; `bound` names everything that it is good for."""
        import base64

        payload = EXPIRY.pack(int(expires_at)) + state
        return base64.urlsafe_b64encode(payload + _tag(self._keys[0], payload, bound)).decode().rstrip("=")

    def open(self, text: str, bound: bytes, now: float) -> bytes:
        """The state inside.

        Raises:
            BadSealError: it is forged, expired, or bound to something else.
        """
        import base64
        import binascii
        import hmac

        if len(text) > LONGEST_TEXT:
            raise BadSealError
        try:
            data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise BadSealError from None
        payload, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        is_ours = any(hmac.compare_digest(tag, _tag(key, payload, bound)) for key in self._keys)
        if len(payload) < EXPIRY.size or not is_ours:
            raise BadSealError
        if EXPIRY.unpack_from(payload)[0] < now:
            raise BadSealError
        return payload[EXPIRY.size :]


def _tag(key: bytes, payload: bytes, bound: bytes) -> bytes:
    import hashlib
    import hmac

    message = struct.pack(">I", len(bound)) + bound + payload
    return hmac.new(key, message, hashlib.sha256).digest()[:TAG_BYTES]
