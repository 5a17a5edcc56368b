"""File URIs (RFC 8089): from a client's text to a path as tools take it, decoded exactly once, and back."""

import re

from filewarden.workers.errors import Code, ToolFailure

MAX_URI_CHARS = 16_384
"""Three characters stand for a byte of a path, of which 4095 are allowed."""
TEMPLATE_END = "/{+path}"
"""Of a root's template (RFC 6570): what a client puts there keeps its slashes and escapes."""

_START = "file://"
_ESCAPE = rb"%([0-9A-Fa-f]{2})?"
_UNSAFE = rb"[^A-Za-z0-9/._~!$&'()*+,;=:@-]"


def uri_of(path: bytes) -> str:
    """Give the URI of an absolute path."""
    return _START + re.sub(_UNSAFE, _escape, path).decode("ascii")


def template_of(root: bytes) -> str:
    """Give the URI template of what lies in a root, of which the absolute path is given."""
    return uri_of(root) + TEMPLATE_END


def path_of(uri: str) -> str:
    """Give the path that a URI names, as every tool takes it; raises `ToolFailure`, never touching the file system."""
    from filewarden.workers.paths.names import show

    if uri[: len(_START)].lower() != _START or len(uri) > MAX_URI_CHARS:
        raise _wrong(f"it must begin with file:/// and have at most {MAX_URI_CHARS} characters")
    host, slash, path = uri[len(_START) :].partition("/")
    if host.lower() not in ("", "localhost") or not slash:
        raise _wrong("it can name no host, port or user")
    if "?" in path or "#" in path:
        raise _wrong("it can have no query and no fragment; write ? as %3F and # as %23")
    names = [decoded(part) for part in path.split("/")]
    if b".." in names:
        raise _wrong("it must not climb with ..")
    return show(b"/" + b"/".join(names))


def decoded(segment: str) -> bytes:
    """Decode one segment of a path, once; raises `ToolFailure` for what no file name can be."""
    try:
        name = re.sub(_ESCAPE, _unescape, segment.encode())
    except UnicodeEncodeError:
        raise _wrong("it holds half a surrogate pair") from None
    if b"\0" in name or b"/" in name:
        raise _wrong("a name in it holds NUL or a slash")
    return name


def expansion_of(name: bytes) -> str:
    """Spell a name as the value of a template's path: readable, escaped only where expanding would not escape it."""
    from filewarden.workers.paths.names import HIDDEN

    return re.sub(f"[%?#{HIDDEN}]", _escape_character, name.decode("utf-8", "surrogateescape"))


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _escape_character(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        raise _wrong("a % must be followed by two hexadecimal digits")
    return bytes((int(found[1], 16),))


def _wrong(why: str) -> ToolFailure:
    return ToolFailure(Code.INVALID_ARGUMENT, f"The address is no file URI of this server: {why}.")
