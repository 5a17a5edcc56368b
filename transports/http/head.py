"""What the head of a request says of its body and of its server, where the parser leaves that to us. Pure."""

import re
from collections.abc import Iterable

from filewarden.transports.http.answer import CLOSE, Answer, Header, problem

_CODING = b"transfer-encoding"
_FRAMING = (b"content-length", _CODING)
_AUTHORITY = re.compile(rb"[^:/?#]+://([^/?#]*)")


def head_of_body(fields: Iterable[Header], *, closes: bool) -> bytes:
    """A head that says of the body after it what these fields say, and nothing else of what they say.

    For a parser that takes an offer of another protocol, and ends the request with its head.
    """
    lines = [name + b": " + value for name, value in fields if name in _FRAMING]
    if closes:
        lines.append(b": ".join(CLOSE))
    return b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""])


def coding_problem(fields: Iterable[Header], version: str) -> Answer | None:
    """The answer to a body that is coded for its transfer in a way that is not known here (RFC 9112, 6.1)."""
    for name, value in fields:
        if name == _CODING and version == "1.0":
            return problem(400, "HTTP/1.0 has no Transfer-Encoding")
        if name == _CODING and value.lower() != b"chunked":
            return problem(501, "the only Transfer-Encoding that is understood is chunked")
    return None


def with_host_of(target: bytes, headers: list[Header]) -> list[Header]:
    """Have the Host field say what a target in absolute form says, whatever it said itself (RFC 9112, 3.2.2)."""
    if target[:1] in (b"/", b"*"):
        return headers
    found = _AUTHORITY.match(target)
    return [*(each for each in headers if each[0] != b"host"), (b"host", b"" if found is None else found[1])]
