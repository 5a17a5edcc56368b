"""The body of a request, read whole and never beyond its limit."""

from starlette.types import Receive

from filewarden.broker.holdings import Holdings

BODIES_AT_ONCE = 4
"""How many bodies of the largest size may be under way; many more of an ordinary size fit in."""


class TooLargeError(Exception):
    """The body is longer than a message may be."""


class GoneError(Exception):
    """The client left before its request was complete."""


class BusyError(Exception):
    """Too much is being sent by all clients together."""


class BodyReader:
    """Reads bodies of at most `limit_bytes` each; all that are under way share a budget."""

    def __init__(self, limit_bytes: int, holdings: Holdings) -> None:
        self.limit_bytes = limit_bytes
        self._holdings = holdings
        self._budget_bytes = BODIES_AT_ONCE * limit_bytes
        self._under_way_bytes = 0

    async def read(self, receive: Receive) -> bytes:
        """Read everything.

        Raises:
            TooLargeError: as soon as the limit is passed.
            BusyError: the budget is spent by others.
            GoneError: nobody waits for an answer.
        """
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            if len(whole) > self.limit_bytes:
                raise TooLargeError
            return whole
        parts = bytearray()
        try:
            while message["type"] == "http.request":
                self._keep(parts, message.get("body", b""))
                if not message.get("more_body", False):
                    return bytes(parts)
                message = await receive()
        finally:
            self._count(-len(parts))
        raise GoneError

    def _keep(self, parts: bytearray, piece: bytes) -> None:
        if len(parts) + len(piece) > self.limit_bytes:
            raise TooLargeError
        if self._under_way_bytes + len(piece) > self._budget_bytes:
            raise BusyError
        parts += piece
        self._count(len(piece))

    def _count(self, size: int) -> None:
        self._under_way_bytes += size
        self._holdings.add(size)
