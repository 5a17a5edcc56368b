"""The trace that a request is a part of, as its `_meta` says (W3C Trace Context; MCP names the keys, SEP-414). Pure.

What is not as the recommendation has it counts as not there: a client's mistake costs the trace, never the call.
"""

import functools
import re

import msgspec
from msgspec import Raw, UnsetType

MOST_PARENT_BYTES = 256
MOST_STATE_BYTES = 514
"""512 characters (W3C Trace Context, 3.3.1.5) and the quotes."""
SAMPLED = 0x01

_TEXT = msgspec.json.Decoder(str)


class TraceContext(msgspec.Struct, frozen=True):
    """The span of the caller. Ids are lower-case hexadecimal, of 32 and 16 digits."""

    trace_id: str
    span_id: str
    is_sampled: bool
    state: str = ""


def read_trace_context(parent: Raw | UnsetType, state: Raw | UnsetType) -> TraceContext | None:
    """What `traceparent` and `tracestate` say; None when there is no usable parent."""
    if isinstance(parent, UnsetType):
        return None
    found = _parent().fullmatch(_text(parent, MOST_PARENT_BYTES))
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    shown = _text(state, MOST_STATE_BYTES)
    is_sampled = bool(int(flags, 16) & SAMPLED)
    return TraceContext(trace_id, span_id, is_sampled, shown if shown.isascii() and shown.isprintable() else "")


@functools.cache
def _parent() -> re.Pattern[str]:
    """Compiled when the first client is traced: most are not, and start faster without."""
    return re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)


def _text(raw: Raw | UnsetType, most_bytes: int) -> str:
    if isinstance(raw, UnsetType) or len(memoryview(raw)) > most_bytes:
        return ""
    try:
        return _TEXT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
