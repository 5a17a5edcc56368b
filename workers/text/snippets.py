r"""A line of a file as a search shows it: clipped around what was found, and nothing in it that a terminal acts on.

Bytes that are not UTF-8, control characters and characters that change the direction of text stand as `\xHH`, as in
names; joiners and variation selectors stay, because scripts and emoji need them.
"""

import functools
import re

MAX_BYTES = 400
LEAD_BYTES = 120
"""Of a clipped line, so much is shown before what was found."""

_HIDDEN = (
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # controls but for the tab
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # direction, separators
    "\U000e0000-\U000e007f"  # tags
    "\ud800-\udfff"  # a byte that is not UTF-8
)


@functools.cache
def _unshowable() -> re.Pattern[str]:
    """Made when it is needed, for it takes a millisecond: most lines have none."""
    return re.compile(f"[{_HIDDEN}]")


def snippet(line: bytes, begin: int = 0) -> str:
    """Show a line of which something was found at byte `begin`."""
    line = line.removesuffix(b"\r")
    if len(line) <= MAX_BYTES:
        return _shown(line)
    first = _character(line, min(max(0, begin - LEAD_BYTES), len(line) - MAX_BYTES))
    last = _character(line, first + MAX_BYTES)
    return ("…" if first else "") + _shown(line[first:last]) + ("…" if last < len(line) else "")


def _character(line: bytes, at: int) -> int:
    """Go back to the beginning of a character in UTF-8."""
    for back in range(min(4, at)):
        if at >= len(line) or line[at - back] & 0xC0 != 0x80:
            return at - back
    return at


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "surrogateescape")
    return text if text.isprintable() else _unshowable().sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))
