"""Text encodings: which names are known, what a byte-order mark says, and how bytes become UTF-8."""

import codecs

import msgspec

from filewarden.workers.errors import Code, ToolFailure

_BOMS = (  # the longer first: UTF-32-LE begins as UTF-16-LE does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_SINGLE = (
    *("ascii", "latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-8", "iso8859-9", "iso8859-15"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("cp437", "cp850", "cp852", "cp866", "cp874", "koi8-r", "koi8-u", "mac-roman"),
)
_MULTI = ("big5", "cp932", "cp949", "euc-jp", "gb18030", "shift-jis")
KNOWN = ("utf-8", "utf-16", "utf-32", *_WIDE, *_SINGLE, *_MULTI)
"""In none of the byte encodings is 0x0A ever a part of another character, so lines can be cut before decoding."""
_CODECS = {name: codecs.lookup(name) for name in KNOWN}
"""Loaded with this module: a confined worker can read no more code from disk."""
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

    @property
    def is_wide(self) -> bool:
        """Whether a code unit has more than one byte, so that lines cannot be cut before decoding."""
        return self.name in _WIDE

    @property
    def allows_nul(self) -> bool:
        """Whether a NUL byte can be part of text: where units are wide, or a mark vouches for the encoding."""
        return self.bom > 0 or self.is_wide


def known_name(asked: str) -> str:
    """Give the canonical name of an encoding, or `auto`; raises ToolFailure(invalid_argument) for another."""
    name = asked.strip().lower().replace("_", "-").replace(" ", "-")
    name = name.replace("windows-", "cp").replace("iso-8859", "iso8859")
    name = _ALIASES.get(name, name)
    if name == "auto" or name in _CODECS:
        return name
    raise ToolFailure(
        Code.INVALID_ARGUMENT,
        "encoding: not a known text encoding. Use utf-8, auto, utf-16, latin-1, cp1252, shift_jis, gb18030, "
        "or another common one.",
    )


def settle(name: str, head: bytes) -> Encoding:
    """Decide the encoding of a file that begins with `head` (four bytes suffice) when `name` was asked for."""
    for bom, marked in _BOMS:
        if head.startswith(bom) and (name in ("auto", marked) or marked.startswith(name + "-")):
            return Encoding(marked, len(bom))
    if name in ("utf-16", "utf-32"):
        return Encoding(name + "-le")
    return Encoding("utf-8", is_guess=True) if name == "auto" else Encoding(name)


def to_utf8(data: bytes, encoding: Encoding, *, is_cut: bool = False) -> tuple[bytes, str] | None:
    """Decode to UTF-8 and say by which encoding; None for what is no text. `is_cut`: may end inside a character."""
    if not encoding.allows_nul and b"\0" in data:
        return None
    if data.isascii() and encoding.name == "utf-8":
        return data, encoding.name
    text = _decode(data, encoding.name, is_cut=is_cut)
    if text is not None:
        return text, encoding.name
    if encoding.is_guess:
        return data.decode("latin-1").encode(), "latin-1"
    return None


def _decode(data: bytes, name: str, *, is_cut: bool) -> bytes | None:
    try:
        if is_cut:
            text = codecs.getincrementaldecoder(name)().decode(data, False)
        else:
            text = data.decode(name)
            if name == "utf-8":
                return data
        return text.encode()
    except UnicodeError:
        return None
