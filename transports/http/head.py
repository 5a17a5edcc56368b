"""What is changed in the head of a request before anybody reads it. Pure."""

import re

Header = tuple[bytes, bytes]

_UPGRADE = re.compile(rb"(?<!\r\n)\r\nupgrade:", re.IGNORECASE)
_NO_UPGRADE = b"\r\nignored:"
_BEGUN = re.compile(rb"(?<!\r\n)\r\n(u|up|upg|upgr|upgra|upgrad|upgrade)\Z", re.IGNORECASE)
_TAIL_BYTES = len(b"\r\n\r\nupgrade")
_SEEN_BYTES = len(b"\r\n\r\n")
_AUTHORITY = re.compile(rb"[^:/?#]+://([^/?#]*)")


class Offers:
    """Ignores offers of another protocol, as a server may (RFC 9110, 7.8): the parser takes them, and drops the body.

    Clients that prefer HTTP/2 make that offer with their first request. No JSON text holds these bytes, should a body
    follow. A head may come in pieces that end anywhere: the beginning of the name is kept until the rest is there.
    """

    def __init__(self) -> None:
        self._passed = b""
        """The last bytes that were passed on, as many as matter."""
        self._kept = b""

    def ignored(self, data: bytes) -> bytes:
        """What is to be parsed of the next piece."""
        whole = self._passed + self._kept + data
        if b"\r\n" in whole and b"\r\nupgrade:" in whole.lower():  # a search that ignores case takes ten times as long
            whole = _UPGRADE.sub(_NO_UPGRADE, whole)
        tail = max(0, len(whole) - _TAIL_BYTES)
        begun = _BEGUN.search(whole, tail)
        end = len(whole) if begun is None else begun.start(1)
        passed, self._kept = whole[:end], whole[end:]
        found = passed[len(self._passed) :]
        self._passed = passed[-_SEEN_BYTES:]
        return found

    def kept(self) -> bytes:
        """What was kept and is no name, for the head had ended before: to be parsed now."""
        kept, self._kept = self._kept, b""
        return kept


def with_host_of(target: bytes, headers: list[Header]) -> list[Header]:
    """Have the Host field say what a target in absolute form says, whatever it said itself (RFC 9112, 3.2.2)."""
    if target[:1] in (b"/", b"*"):
        return headers
    found = _AUTHORITY.match(target)
    return [*(each for each in headers if each[0] != b"host"), (b"host", b"" if found is None else found[1])]
