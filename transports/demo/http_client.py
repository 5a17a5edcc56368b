"""The wires to a server over HTTP: Streamable HTTP on `/mcp`, and the original dialect on `/sse` and `/message`."""

import http.client
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from filewarden.transports.demo.client import PATIENCE_S, REVISION, answered
from filewarden.transports.demo.facts import DemoFailure, Facts

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream"


class Address(NamedTuple):
    """Where a server listens, and the token that it wants."""

    host: str
    port: int
    token: str

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection of one's own, kept open between requests."""
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)

    def headers(self, **more: str) -> dict[str, str]:
        """Headers that prove who we are."""
        return {"Authorization": f"Bearer {self.token}", **more}


class Pages:
    """The pages for operators."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = address.connect()

    def fetch(self, path: str) -> Facts:
        """One page as JSON."""
        response = _request(self._connection, "GET", path, None, self._address.headers())
        body = _read(response)
        if response.status != http.client.OK:
            raise DemoFailure(f"GET {path} was answered {response.status}")
        return Facts.decode(body, path)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class StreamableWire:
    """Streamable HTTP as of 2025-06-18: a POST for each message, answered with JSON or with a short stream."""

    def __init__(self, address: Address) -> None:
        self._headers = address.headers(
            **{"Content-Type": JSON_TYPE, "Accept": f"{JSON_TYPE}, {STREAM_TYPE}", "MCP-Protocol-Version": REVISION}
        )
        self._connection = address.connect()

    def exchange(self, message: bytes, ident: int) -> Facts:
        """Send a request and return its response."""
        response = _request(self._connection, "POST", "/mcp", message, self._headers)
        session = response.getheader("Mcp-Session-Id")
        if session is not None:
            self._headers["Mcp-Session-Id"] = session
        kind = response.getheader("Content-Type", "")
        if response.status != http.client.OK:
            raise DemoFailure(f"POST /mcp was answered {response.status}: {_read(response)[:120]!r}")
        if kind.startswith(STREAM_TYPE):
            answer = _response_among(_events(response), ident)
            _read(response)  # up to its end, or the connection could not be used again
            return answer
        return Facts.decode(_read(response), "the answer to POST /mcp")

    def tell(self, message: bytes) -> None:
        """Send a message that has no answer."""
        _read(_request(self._connection, "POST", "/mcp", message, self._headers))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class SseWire:
    """The original dialect: `connected` names the client, a POST is answered 202, responses are `message` events."""

    def __init__(self, address: Address) -> None:
        self._headers = address.headers(**{"Content-Type": JSON_TYPE})
        self._posts = address.connect()
        self._stream = address.connect()
        self._response = _request(self._stream, "GET", "/sse", None, address.headers())
        self._events = _events(self._response)
        name, greeting = next(self._events, ("none", b""))
        if name != "connected":
            raise DemoFailure(f"the first event was {name!r}, not connected")
        self.client_id = Facts.decode(greeting, "the event connected").text("client_id")
        self._target = f"/message?client_id={quote(self.client_id, safe='')}"

    def exchange(self, message: bytes, ident: int) -> Facts:
        """Send a request and return its response."""
        self.tell(message)
        return _response_among(self._events, ident)

    def tell(self, message: bytes) -> None:
        """Send a message; its answer, if any, comes on the stream."""
        response = _request(self._posts, "POST", self._target, message, self._headers)
        body = _read(response)
        if response.status != http.client.ACCEPTED:
            raise DemoFailure(f"POST /message was answered {response.status}: {body[:120]!r}")

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._stream.close()
        self._posts.close()


def _request(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> http.client.HTTPResponse:
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailure(f"{method} {path.partition('?')[0]} failed: {_reason(error)}") from None


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailure(f"the answer broke off: {_reason(error)}") from None


def _response_among(events: Iterator[tuple[str, bytes]], ident: int) -> Facts:
    for name, data in events:
        if name == "message":
            facts = Facts.decode(data, "a message event")
            if answered(facts, ident):
                return facts
    raise DemoFailure("the event stream ended without the response")


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, bytes]]:
    name, data = "message", b""
    try:
        for line in response:
            field, _, value = line.rstrip(b"\r\n").partition(b":")
            if field == b"event":
                name = value.strip().decode(errors="replace")
            elif field == b"data":
                data += value.strip()
            elif not line.strip() and data:
                yield name, data
                name, data = "message", b""
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailure(f"the event stream broke off: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came within {PATIENCE_S:.0f} s"
    return str(error) or type(error).__name__
