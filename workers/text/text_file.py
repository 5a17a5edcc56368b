"""A file as text that can be changed and written back: what was not changed has the same bytes again. Pure."""

import binascii

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.names import echo
from filewarden.workers.text.codec import encode
from filewarden.workers.text.decoding import Encoding, decode, known_name, settle

_BOMS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
_BOMS |= {"utf-32-le": b"\xff\xfe\x00\x00", "utf-32-be": b"\x00\x00\xfe\xff"}
SAMPLE_BYTES = 65536

BASE64 = "base64"
"""What read_file calls the form of bytes that are no text."""


class TextFile(msgspec.Struct, frozen=True):
    """The text of a file, and how it stands in it."""

    text: str
    codec: str
    mark: bytes
    """The byte-order mark."""

    def encoded(self, text: str) -> bytes:
        """The bytes of the file with another text.

        Raises:
            ToolFailure: invalid_argument, naming the first character that the encoding does not have.
        """
        return self.mark + encoded(text, self.codec)


def open_text(data: bytes, asked: str | None, path: str) -> TextFile:
    """Read the content of a file in the encoding asked for; None: what its mark says, else UTF-8.

    Raises:
        ToolFailure: no text in it, or bytes that another writing of the same text would change.
    """
    encoding = _encoding(data, asked)
    decoded = decode(data[encoding.bom :], encoding)
    if decoded is None:
        raise ToolFailure(Code.UNSUPPORTED, _no_text(encoding, asked, path))
    file = TextFile(decoded.text.decode(), decoded.encoding, data[: encoding.bom])
    if file.encoded(file.text) != data:
        raise ToolFailure(
            Code.UNSUPPORTED,
            f"'{echo(path)}' holds bytes that {file.codec} would not write back as they are. Nothing was changed.",
        )
    return file


def is_binary(asked: str | None) -> bool:
    """Whether a text stands for bytes."""
    return asked is not None and asked.strip().lower() == BASE64


def bytes_of(text: str) -> bytes:
    """The bytes that a text in base64 stands for; white space in it is passed over.

    Raises:
        ToolFailure: invalid_argument.
    """
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        raise ToolFailure(
            Code.INVALID_ARGUMENT, "The content is not base64, as encoding says it is. Nothing was changed."
        ) from None


def new_text(text: str, asked: str) -> bytes:
    """The bytes of a new file; UTF-16 and UTF-32 without an order of bytes are little-endian with a mark.

    `asked` may be `base64`, as read_file gives what is no text.

    Raises:
        ToolFailure: invalid_argument.
    """
    if is_binary(asked):
        return bytes_of(text)
    name = known_name(asked)
    if name == "auto":
        raise ToolFailure(Code.INVALID_ARGUMENT, "encoding: auto is for reading; name the one to write in.")
    if name in ("utf-16", "utf-32"):
        return _BOMS[name + "-le"] + encoded(text, name + "-le")
    if asked.strip().lower().replace("_", "-") == "utf-8-sig":
        return _BOMS["utf-8"] + encoded(text, name)
    return encoded(text, name)


def encoded(text: str, codec: str) -> bytes:
    """The bytes of a text.

    Raises:
        ToolFailure: invalid_argument, naming the first character that the encoding does not have.
    """
    try:
        return encode(text, codec)
    except UnicodeEncodeError as error:
        character = text[error.start]
        line = text.count("\n", 0, error.start) + 1
        raise ToolFailure(
            Code.INVALID_ARGUMENT,
            f"The text has '{echo(character)}' (U+{ord(character):04X}, line {line}), which {codec} does not have. "
            "Nothing was changed.",
            line=line,
        ) from None


def _encoding(data: bytes, asked: str | None) -> Encoding:
    if asked is not None:
        return settle(known_name(asked), data[:SAMPLE_BYTES])
    found = settle("auto", data[:4])
    return found if found.bom else Encoding("utf-8")


def _no_text(encoding: Encoding, asked: str | None, path: str) -> str:
    hint = "" if asked is not None else " If it is in another encoding, name it with the argument encoding."
    return f"'{echo(path)}' is not text in {encoding.name}. Nothing was changed.{hint}"


def marked(text: str, head: bytes) -> bytes:
    """The bytes of a text that takes the place of a file beginning with `head`: with its byte-order mark, else UTF-8.

    Raises:
        ToolFailure: invalid_argument.
    """
    found = settle("auto", head)
    return head[: found.bom] + encoded(text.removeprefix("\ufeff") if found.bom else text, found.name)
