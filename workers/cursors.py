"""Where an answer stopped, as text that the client gives back: sealed by the front-end, and checked here anyway."""

import binascii
from typing import TypeVar

import msgspec

from filewarden.workers.errors import Code, ToolFailure

MAX_CURSOR_CHARS = 16384

_State = TypeVar("_State", bound=msgspec.Struct)


def write(state: msgspec.Struct) -> str:
    """Give the state as base64url text."""
    raw = binascii.b2a_base64(msgspec.msgpack.encode(state), newline=False)
    return raw.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=").decode("ascii")


def read(text: str, kind: type[_State]) -> _State:
    """Give the state back; raises ToolFailure(invalid_argument) for anything that `write` would not have made."""
    try:
        raw = text.encode("ascii").translate(bytes.maketrans(b"-_", b"+/"))
        if len(raw) > MAX_CURSOR_CHARS:
            raise foreign()
        state = msgspec.msgpack.decode(binascii.a2b_base64(raw + b"=" * (-len(raw) % 4)), type=kind)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        raise foreign() from None
    return state


def foreign() -> ToolFailure:
    """Refuse a cursor that is forged, or that belongs to a call with other arguments."""
    return ToolFailure(
        Code.INVALID_ARGUMENT,
        "The cursor is not from a call of this tool with the same arguments. Repeat the call without a cursor.",
    )


def fingerprint(*arguments: object) -> int:
    """Tell calls with other arguments apart; no protection against forgery, which is the front-end's part."""
    return binascii.crc32(repr(arguments).encode("utf-8", "surrogatepass"))
