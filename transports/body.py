"""The body of a request, read whole and never beyond its limit."""

from starlette.types import Receive


class TooLargeError(Exception):
    """The body is longer than a message may be."""


class GoneError(Exception):
    """The client left before its request was complete."""


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """Read everything.

    Raises:
        TooLargeError: as soon as the limit is passed.
        GoneError: nobody waits for an answer.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > limit_bytes:
            raise TooLargeError
        return whole
    parts = bytearray()
    while message["type"] == "http.request":
        parts += message.get("body", b"")
        if len(parts) > limit_bytes:
            raise TooLargeError
        if not message.get("more_body", False):
            return bytes(parts)
        message = await receive()
    raise GoneError
