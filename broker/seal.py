"""Sealed cursors: where a list goes on, handed to a client that can neither read meaning into it nor change it.

A cursor is `base64url(expiry | state | tag)`, with HMAC-SHA256 (RFC 2104) truncated to 128 bits over the tool's name,
its other arguments, the principal, the expiry and the state: it works for the same question of the same caller only.
"""

import struct

TAG_BYTES = 16
EXPIRY = struct.Struct(">Q")
LIFETIME_S = 3600
LONGEST_CURSOR = 16_384


class BadCursorError(Exception):
    """The cursor is not ours, too old, or belongs to another question."""


class Seal:
    """The keys of this server's cursors: the first seals, each of them opens, so that keys can be replaced in turn.

    `now` is wall-clock seconds: replicas may share the keys.
    """

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def close(self, state: str, question: bytes, now: float) -> str:
        """A cursor for `state`; `question` names everything it is bound to."""
        import base64

        payload = EXPIRY.pack(int(now) + LIFETIME_S) + state.encode()
        return base64.urlsafe_b64encode(payload + _tag(self._keys[0], payload, question)).decode().rstrip("=")

    def open(self, cursor: str, question: bytes, now: float) -> str:
        """The state inside a cursor.

        Raises:
            BadCursorError: it is forged, expired, or was given for another question.
        """
        import base64
        import binascii
        import hmac

        if len(cursor) > LONGEST_CURSOR:
            raise BadCursorError
        try:
            data = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise BadCursorError from None
        payload, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        is_ours = any(hmac.compare_digest(tag, _tag(key, payload, question)) for key in self._keys)
        if len(payload) < EXPIRY.size or not is_ours:
            raise BadCursorError
        if EXPIRY.unpack_from(payload)[0] < now:
            raise BadCursorError
        return payload[EXPIRY.size :].decode()


def _tag(key: bytes, payload: bytes, question: bytes) -> bytes:
    import hashlib
    import hmac

    bound = struct.pack(">I", len(question)) + question + payload
    return hmac.new(key, bound, hashlib.sha256).digest()[:TAG_BYTES]
