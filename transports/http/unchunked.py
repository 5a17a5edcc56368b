"""Answers to HTTP/1.0, which knows no chunks: one without a length ends with its connection (RFC 9112, 6.1)."""

from starlette.types import Message

from filewarden.transports.http.uvicorn_parts import RequestResponseCycle


class Unchunked:
    """Sends the answer of `cycle`, which closes the connection after it, in the place of its own `send`."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._has_length = True

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            self._has_length = any(name == b"content-length" for name, _ in message["headers"])
            if not self._has_length:
                self._cycle.chunked_encoding = False
        elif not self._has_length:
            self._cycle.expected_content_length = len(message["body"])
        await self._send(message)  # type: ignore[arg-type]  # their types are other names for the same
