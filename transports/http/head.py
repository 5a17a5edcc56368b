"""What is changed in the head of a request before anybody reads it. Pure."""

import re

Header = tuple[bytes, bytes]

_UPGRADE = re.compile(rb"(?<!\r\n)\r\nupgrade:", re.IGNORECASE)
_NO_UPGRADE = b"\r\nignored:"
_BEGUN = re.compile(rb"(?<!\r\n)\r\n(u|up|upg|upgr|upgra|upgrad|upgrade)\Z", re.IGNORECASE)
_TAIL_BYTES = len(b"\r\n\r\nupgrade")
_SIZE_OF_CHUNK = re.compile(rb"[0-9a-f]+[ \t]*(;[^\r\n]*)?", re.IGNORECASE)
_SEEN_BYTES = 64
"""Of what was passed on: the line before, where it says how long a chunk is, and is no longer than anybody makes it."""
_AUTHORITY = re.compile(rb"[^:/?#]+://([^/?#]*)")


class Offers:
    """Ignores offers of another protocol, as a server may (RFC 9110, 7.8): the parser takes them, and drops the body.

    Clients that prefer HTTP/2 make that offer with their first request. No JSON text holds these bytes, should a body
    follow, but a chunk of one may begin with the name: that comes after a line that no head has. A head may come in
    pieces that end anywhere: the beginning of the name is kept until the rest is there.
    """

    def __init__(self) -> None:
        self._passed = b""
        """The last bytes that were passed on, as many as matter."""
        self._kept = b""

    def ignored(self, data: bytes) -> bytes:
        """What is to be parsed of the next piece."""
        whole = self._passed + self._kept + data
        if b"\r\n" in whole and b"\r\nupgrade:" in whole.lower():  # a search that ignores case takes ten times as long
            whole = _UPGRADE.sub(_without_offer, whole)
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


def _without_offer(found: re.Match[bytes]) -> bytes:
    """What is to stand there instead."""
    before = found.string.rfind(b"\r\n", 0, found.start())
    is_chunk = before >= 0 and _SIZE_OF_CHUNK.fullmatch(found.string, before + 2, found.start())
    return found[0] if is_chunk else _NO_UPGRADE


def with_host_of(target: bytes, headers: list[Header]) -> list[Header]:
    """Have the Host field say what a target in absolute form says, whatever it said itself (RFC 9112, 3.2.2)."""
    if target[:1] in (b"/", b"*"):
        return headers
    found = _AUTHORITY.match(target)
    return [*(each for each in headers if each[0] != b"host"), (b"host", b"" if found is None else found[1])]
