"""Which encoding a text without a mark was probably written in, by Mozilla's statistics (uchardet, as cchardet).

The detector only proposes. What it says counts when it is an encoding that texts still come in and it decodes every
byte; a handful of letters is no evidence, so then, and where nothing else fits, the text is taken as Western European.
"""

import re

import cchardet
import msgspec

SAMPLE_BYTES = 65536
"""The detector takes about 2 ms for so much."""
LEAST_LETTERS = 6
"""Of fewer bytes beyond ASCII the detector says anything, with confidence 1."""

_TELLING = re.compile(rb"[^\n]{0,200}[\x80-\xff][^\n]{0,200}\n?")
_C1 = re.compile(rb"[\x80-\x9f]")
_ENCODINGS = {
    **{f"windows-{page}": (f"cp{page}",) for page in (1250, 1251, 1252, 1253, 1255, 1256, 1257, 1258)},
    **{f"iso-8859-{part}": (f"iso8859-{part}",) for part in (3, 4, 5, 6, 10, 13, 16)},
    # A text with bytes 0x80 to 0x9F is the Windows page that the ISO part was made from or into.
    "iso-8859-1": ("latin-1", "cp1252"),
    "iso-8859-2": ("iso8859-2", "cp1250"),
    "iso-8859-7": ("iso8859-7", "cp1253"),
    "iso-8859-8": ("iso8859-8", "cp1255"),
    "iso-8859-9": ("iso8859-9", "cp1254"),
    "iso-8859-15": ("iso8859-15", "cp1252"),
    "big5": ("big5",),
    "euc-jp": ("euc-jp",),
    "euc-kr": ("cp949",),
    "gb18030": ("gb18030",),
    "ibm866": ("cp866",),
    "koi8-r": ("koi8-r",),
    "maccyrillic": ("mac-cyrillic",),
    "shift_jis": ("cp932",),
    "tis-620": ("cp874",),
    "uhc": ("cp949",),
}
_WESTERN = ("latin-1", "cp1252")


class Guess(msgspec.Struct, frozen=True):
    """Encodings to try, the likeliest first, and how sure the detector is (0 to 1; 0: it did not say)."""

    names: tuple[str, ...]
    confidence: float


def guess(data: bytes) -> Guess:
    """Say how bytes that are not UTF-8 may be read; the last name, latin-1, decodes anything."""
    sample = b"".join(_TELLING.findall(data[: 16 * SAMPLE_BYTES]))[:SAMPLE_BYTES]
    names: tuple[str, ...] = ()
    confidence = 0.0
    if len(sample) - len(sample.translate(None, bytes(range(0x80, 0x100)))) >= LEAST_LETTERS:
        found = cchardet.detect(sample)
        names = _ENCODINGS.get((found["encoding"] or "").lower(), ())
        confidence = min(1.0, round(found["confidence"] or 0.0, 2)) if names else 0.0
    return Guess((*_in_order(names, data), *_in_order(_WESTERN, data), "latin-1"), confidence)


def _in_order(names: tuple[str, ...], data: bytes) -> tuple[str, ...]:
    """Put the Windows page first where the text has bytes that the ISO part leaves to control characters."""
    return names[::-1] if len(names) > 1 and _C1.search(data) else names
