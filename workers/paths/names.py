r"""The shown form of a file name: reversible, printable text for any bytes, with `\xHH` for what cannot be shown.

A name on disk is bytes. What a client sees is those bytes as UTF-8, except that bytes which are not UTF-8, control
characters and characters that change how text looks (bidirectional, zero-width, tags, separators) stand as `\xHH`, one
escape a byte. `parse(show(name)) == name` for every name. An ordinary backslash stays one; it is written `\x5C` only
where it would read as an escape, or where a name would begin with two, which no path may.
"""

import re

from filewarden.workers.errors import Code, ToolFailure

ECHO_CHARS = 200

HIDDEN = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # drawn as nothing
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, separators, bidirectional
    "\ufe00-\ufe0f\U000e0000-\U000e01ef"  # variation selectors, tags
    "\ud800-\udfff"  # a byte that is not UTF-8, as surrogateescape decodes it
)
_UNSHOWABLE = rf"[{HIDDEN}]"
_AMBIGUOUS = rf"[{HIDDEN}]|\\(?=x[0-9A-Fa-f]{{2}}|[{HIDDEN}])|(?<![^/])\\(?=\\)"
"""Compiled, and kept by `re`, when a name first needs it: most are plain."""
_PLAIN = bytes(range(0x20, 0x7F)).replace(b"\\", b"")
"""What is shown as it is, whatever stands beside it."""
_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})")


def show(name: bytes) -> str:
    """Give the shown form of a name, or of a path in bytes."""
    text = name.decode("utf-8", "surrogateescape")
    return text if text.isprintable() and "\\" not in text and text.isascii() else re.sub(_AMBIGUOUS, _escape, text)


def show_all(names: list[bytes]) -> list[str]:
    """Give the shown forms of many names in folders, all at once where they are plain."""
    joined = b"/".join(names)
    if not joined or joined.translate(None, _PLAIN):
        return [show(name) for name in names]
    return joined.decode("ascii").split("/")


def show_path(names: tuple[bytes, ...]) -> str:
    """Give the shown form of a path beneath a root; the root itself is `.`."""
    return show(b"/".join(names)) if names else "."


def parse(text: str) -> bytes:
    r"""Give the bytes that a client's text names.

    Only what cannot be written plainly may be escaped: bytes from 0x80, control characters and the backslash. An
    escape of NUL, `/` or any other printable character is refused, so no name has a hidden spelling that a reader of
    the request would miss.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise ToolFailure(
            Code.INVALID_ARGUMENT,
            f"The text '{echo(text)}' holds half a surrogate pair. Write a byte that is not UTF-8 as \\xHH.",
        ) from None
    if b"\\x" not in raw:
        return raw
    return _ESCAPE.sub(_unescape, raw)


def echo(text: str) -> str:
    """Make a client's own text fit for an error sentence: nothing invisible, at most 200 characters."""
    cut = text[:ECHO_CHARS]
    shown = re.sub(_UNSHOWABLE, _escape, cut)
    if len(text) > ECHO_CHARS or len(shown) > ECHO_CHARS:
        return shown[: ECHO_CHARS - 1] + "…"
    return shown


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    # A lone surrogate that is no escaped byte (it came in a request, not from disk) has no surrogateescape form.
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02X}" for byte in character.encode("utf-8", errors))


def _unescape(found: re.Match[bytes]) -> bytes:
    byte = int(found[1], 16)
    if byte >= 0x80 or 0 < byte < 0x20 or byte in (0x7F, 0x5C):
        return bytes((byte,))
    raise ToolFailure(
        Code.INVALID_ARGUMENT,
        f"The escape {found[0].decode()} is not allowed in a name: write the character itself, "
        "or the backslash before it as \\x5C.",
    )
