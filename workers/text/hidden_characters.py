"""Characters in a text that a person does not see: counted, so that a reader can be told."""

import functools
import re

_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\t\n\f\r")
_SINGLE = (
    *("\u00ad", "\u061c", "\u200b", "\u200e", "\u200f", "\ufeff", "\ufff9", "\ufffa", "\ufffb"),
    *map(chr, (*range(0x202A, 0x202F), *range(0x2060, 0x2070))),
)
"""Zero width and bidirectional. Joiners and the first variation selectors are left out: emoji and scripts need them."""
_TAGS = "\U000e0000-\U000e007f\U000e0100-\U000e01ef"
_TAGS_BEGIN = b"\xf3\xa0"
_LEADS = (b"\xc2", b"\xd8", b"\xe2", b"\xef", b"\xf3")
"""What all of them begin with in UTF-8. Many texts have none of these bytes, and need not be decoded for this."""


@functools.cache
def _invisible() -> re.Pattern[str]:
    """Made when it is needed, for it takes a millisecond: most texts have none."""
    return re.compile(f"[{''.join(_SINGLE)}{_TAGS}]")


def count_controls(text: bytes) -> int:
    """Count control characters of ASCII other than tab, form feed and line ends, if a terminal may act on one."""
    # Those that terminals act on. A search for each is faster than a count of all, and mostly finds none.
    if 0x1B in text or 7 in text or 8 in text or 0x0B in text or 0x0E in text or 0x0F in text or 0x7F in text:
        return len(text) - len(text.translate(None, _CONTROLS))
    return 0


def count_invisible(text: bytes) -> int:
    """Count characters of a text in UTF-8 that are drawn as nothing or change the order of others."""
    if text.isascii() or not any(lead in text for lead in _LEADS):
        return 0
    characters = text.decode()
    if _TAGS_BEGIN not in text and not any(one in characters for one in _SINGLE):
        return 0
    return len(_invisible().findall(characters))
