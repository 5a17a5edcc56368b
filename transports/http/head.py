"""What is changed in the head of a request before anybody reads it. Pure."""

import re

Header = tuple[bytes, bytes]

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_NO_UPGRADE = b"\r\nignored:"
_AUTHORITY = re.compile(rb"[^:/?#]+://([^/?#]*)")


def without_upgrade(data: bytes) -> bytes:
    """Ignore an offer of another protocol, as a server may (RFC 9110, 7.8): the parser takes it, and drops the body.

    Clients that prefer HTTP/2 make that offer with their first request. No JSON text holds these bytes, should a body
    follow.
    """
    return _UPGRADE.sub(_NO_UPGRADE, data) if b"\r\nupgrade:" in data.lower() else data


def with_host_of(target: bytes, headers: list[Header]) -> list[Header]:
    """Have the Host field say what a target in absolute form says, whatever it said itself (RFC 9112, 3.2.2)."""
    if target[:1] in (b"/", b"*"):
        return headers
    found = _AUTHORITY.match(target)
    return [*(each for each in headers if each[0] != b"host"), (b"host", b"" if found is None else found[1])]
