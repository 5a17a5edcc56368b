"""How text encodings are read and written, without a module of Python's for each of them.

A name that Python does not have built in is searched for on disk at its first use, and a confined worker can read no
code there: no name is used but those that are built in, and those that are loaded with this module.
"""

import codecs
import functools
from collections.abc import Callable

from filewarden.workers.text.code_pages import PAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Encode = Callable[[str], tuple[bytes, int]]
Decode = Callable[..., tuple[str, int]]
"""Gets bytes, what to do about errors, and whether they are the last."""

_BUILT_IN = ("utf-8", "utf-16", "utf-32", "ascii", "latin-1")
_UNITS: dict[str, tuple[Decode, Encode]] = {
    "utf-8": (codecs.utf_8_decode, codecs.utf_8_encode),
    "utf-16-le": (codecs.utf_16_le_decode, codecs.utf_16_le_encode),
    "utf-16-be": (codecs.utf_16_be_decode, codecs.utf_16_be_encode),
    "utf-32-le": (codecs.utf_32_le_decode, codecs.utf_32_le_encode),
    "utf-32-be": (codecs.utf_32_be_decode, codecs.utf_32_be_encode),
}
_MULTI = ("big5", "cp932", "cp949", "euc-jp", "gb18030", "shift-jis")
_LOADED = {name: codecs.lookup(name).incrementaldecoder for name in _MULTI}
KNOWN = frozenset((*_BUILT_IN, *_UNITS, *PAGES, *_MULTI))
"""In none of the byte encodings is 0x0A ever a part of another character, so lines can be cut before decoding."""
_ASCII = "".join(map(chr, range(0x80)))


def decode(data: bytes, name: str) -> str:
    """Read all of a text; raises UnicodeError."""
    if name in PAGES:
        return codecs.charmap_decode(data, "strict", _table(name))[0]
    if name in _UNITS:
        return _UNITS[name][0](data, "strict", True)[0]
    return data.decode(name)


def encode(text: str, name: str) -> bytes:
    """Write a text; raises UnicodeEncodeError."""
    if name in PAGES:
        return codecs.charmap_encode(text, "strict", codecs.charmap_build(_table(name)))[0]
    if name in _UNITS:
        return _UNITS[name][1](text)[0]
    return text.encode(name)


def decode_begun(data: bytes, name: str) -> tuple[str, int]:
    """Read a text that may end inside a character; how many bytes of one there are. Raises UnicodeError."""
    if name in PAGES or name in _BUILT_IN[1:]:
        return decode(data, name), 0
    decoder = decoder_of(name)
    text = decoder.decode(data, False)
    return text, len(decoder.getstate()[0])


def decoder_of(name: str) -> codecs.IncrementalDecoder:
    """What reads a text piece by piece whose characters can have several bytes: in UTF or an East Asian encoding."""
    return _LOADED[name]() if name in _LOADED else _Units(_UNITS[name][0])


class _Units(codecs.BufferedIncrementalDecoder):
    def __init__(self, decode: Decode) -> None:
        super().__init__()
        self._decode = decode

    def _buffer_decode(self, data: "ReadableBuffer", errors: str, final: bool) -> tuple[str, int]:
        return self._decode(data, errors, final)


@functools.cache
def _table(name: str) -> str:
    return _ASCII + PAGES[name]
