"""Text encodings: which names are known, what a byte-order mark says, and how bytes become UTF-8."""

import codecs
from collections.abc import Callable

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.text import codec
from filewarden.workers.text.detection import guess

_BOMS = (  # the longer first: UTF-32-LE begins as UTF-16-LE does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MARK_BYTES = 4
"""The longest of them."""
_BEGIN_BOMS = frozenset(bom[:1] for bom, _ in _BOMS)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_CONTINUATION = bytes(range(0x80, 0xC0))
_NOT_LONGEST = bytes(range(0xF0))
_ALIASES = {  # some stand for an encoding that holds all of theirs
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf16": "utf-16",
    "utf32": "utf-32",
    "us-ascii": "ascii",
    "latin1": "latin-1",
    "iso8859-1": "latin-1",
    "sjis": "shift-jis",
    "shiftjis": "shift-jis",
    "eucjp": "euc-jp",
    "euckr": "cp949",
    "macroman": "mac-roman",
    "maccyrillic": "mac-cyrillic",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "ms932": "cp932",
    "cp950": "big5",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "tis-620": "cp874",
}


class Encoding(msgspec.Struct, frozen=True):
    """How one file's bytes are read: the codec, the length of the mark to drop, and whether it was only guessed."""

    name: str
    bom: int = 0
    is_guess: bool = False
    confidence: float | None = None
    """How sure the detector was, where it was asked."""

    @property
    def is_wide(self) -> bool:
        """Whether a code unit has more than one byte, so that lines cannot be cut before decoding."""
        return self.name in _WIDE

    @property
    def unit(self) -> int:
        """The bytes of a code unit."""
        return 1 if not self.is_wide else 2 if self.name.startswith("utf-16") else 4

    @property
    def allows_nul(self) -> bool:
        """Whether a NUL byte can be part of text: where units are wide, or a mark vouches for the encoding."""
        return self.bom > 0 or self.is_wide


_PLAIN = {name: Encoding(name) for name in codec.KNOWN}
_UNMARKED = Encoding("utf-8", is_guess=True)


def known_name(asked: str) -> str:
    """Give the canonical name of an encoding, or `auto`; raises ToolFailure(invalid_argument) for another."""
    if asked in codec.KNOWN:
        return asked
    name = asked.strip().lower().replace("_", "-").replace(" ", "-")
    name = name.replace("windows-", "cp").replace("iso-8859", "iso8859")
    name = _ALIASES.get(name, name)
    if name == "auto" or name in codec.KNOWN:
        return name
    raise ToolFailure(
        Code.INVALID_ARGUMENT,
        "encoding: not a known text encoding. Use utf-8, auto, utf-16, latin-1, cp1252, shift_jis, gb18030, "
        "or another common one.",
    )


def settle(name: str, head: bytes) -> Encoding:
    """Decide the encoding of a file that begins with `head` when `name` was asked for.

    Four bytes suffice but for `auto`, which looks at as many as it gets.
    """
    if head[:1] in _BEGIN_BOMS:
        for bom, marked in _BOMS:
            if head.startswith(bom) and (name in ("auto", marked) or marked.startswith(name + "-")):
                return Encoding(marked, len(bom))
    if name in ("utf-16", "utf-32"):
        return Encoding(name + "-le")
    if name != "auto":
        return _PLAIN[name]
    found = None if head.isascii() else decode(head, _UNMARKED, is_cut=True)
    return _UNMARKED if found is None else Encoding(found.encoding, is_guess=True, confidence=found.confidence)


def utf16_length(text: bytes) -> int:
    """Count the bytes that a piece of UTF-8 takes in UTF-16."""
    return 2 * (len(text.translate(None, _CONTINUATION)) + len(text.translate(None, _NOT_LONGEST)))


def utf32_length(text: bytes) -> int:
    """Count the bytes that a piece of UTF-8 takes in UTF-32."""
    return 4 * len(text.translate(None, _CONTINUATION))


def measure(name: str) -> Callable[[bytes], int]:
    """Give what tells how many bytes a piece of UTF-8 takes in an encoding.

    Only for UTF-8 and wide ones may the piece begin or end inside a character.
    """
    if name in ("utf-8", "ascii"):
        return len
    if name in _WIDE:
        return utf16_length if name.startswith("utf-16") else utf32_length
    return lambda text: len(codec.encode(text.decode(), name))


def whole_characters(data: bytes, name: str) -> bytes:
    """Leave out the rest of a character that data from anywhere in a file begins with; where that can be seen."""
    if name == "utf-8":
        return data[next((at for at, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data))) :]
    high = {"utf-16-le": data[1:2], "utf-16-be": data[:1]}.get(name, b"")
    return data[2:] if b"\xdc" <= high <= b"\xdf" else data


class Decoded(msgspec.Struct, frozen=True):
    """A text in UTF-8 and how it was read."""

    text: bytes
    encoding: str
    is_ascii: bool = False
    """Whether it is known to hold nothing else."""
    unused: int = 0
    """Bytes at the end that begin a character and do not end it."""
    confidence: float | None = None
    """How sure the detector is, where the encoding was detected."""


def decode(data: bytes, encoding: Encoding, *, is_cut: bool = False) -> Decoded | None:
    """Decode to UTF-8; None for what is no text. `is_cut`: the data may end inside a character."""
    if not encoding.allows_nul and b"\0" in data:
        return None
    if data.isascii() and encoding.name == "utf-8":
        return Decoded(data, encoding.name, is_ascii=True)
    found = _decode(data, encoding.name, is_cut=is_cut)
    if found is None and encoding.is_guess:
        guessed = guess(data)
        candidates = (_decode(data, name, is_cut=is_cut) for name in guessed.names)
        found = next((one for one in candidates if one is not None), None)
        is_likeliest = found is not None and found.encoding == guessed.names[0]
        encoding = msgspec.structs.replace(encoding, confidence=guessed.confidence if is_likeliest else 0.0)
    if found is None or encoding.confidence is None:
        return found
    return msgspec.structs.replace(found, confidence=encoding.confidence)


def _decode(data: bytes, name: str, *, is_cut: bool) -> Decoded | None:
    try:
        if is_cut:
            text, unused = codec.decode_begun(data, name)
            return Decoded(text.encode(), name, unused=unused)
        text = codec.decode(data, name)
        return Decoded(data if name == "utf-8" else text.encode(), name)
    except UnicodeError:
        return None
