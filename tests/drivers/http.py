"""A server over HTTP, and the smallest client that can send it anything."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.drivers.messages import CLIENT, Json, enveloped, routing, rpc
from tests.drivers.process import LISTENS, ServerProcess

TIMEOUT_S = 20.0
BOTH = "application/json, text/event-stream"


class Reply:
    """One HTTP response, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Json:
        """The document, or the last message where the answer is a stream."""
        return self.messages[-1]

    @property
    def messages(self) -> list[Json]:
        return [json.loads(text) for text in self.texts]

    @property
    def texts(self) -> list[bytes]:
        """The document, or the messages of a stream, as they came."""
        if self.headers["content-type"] != "text/event-stream":
            return [self.body]
        lines = (line.partition(b"data: ") for line in self.body.split(b"\n"))
        return [text for before, found, text in lines if found and not before and text]


class Event(NamedTuple):
    """One event of a stream; a comment has the name ":", and the end of the stream has none."""

    name: str = ""
    data: str = ""
    id: str = ""
    retry: str = ""


class EventReader:
    """An open event stream."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self.connection = connection
        self.response = response

    def event(self) -> Event:
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().rstrip("\n"):
            key, _, value = line.partition(":")
            fields.update({key: value.strip()} if key else {"event": ":", "data": value.strip()})
        name = fields.pop("event", "message" if fields else "")
        return Event(name, **fields)

    def next(self) -> tuple[str, str]:
        """The next event's name and data."""
        return self.event()[:2]

    def message(self) -> Json:
        name, data = self.next()
        assert name == "message"
        document: Json = json.loads(data)
        return document

    def close(self) -> None:
        self.response.close()
        self.connection.close()


class HttpServer(ServerProcess):
    """A server that listens, and its client."""

    root = Path()
    """What it serves, where its test wants to know."""
    timeout_s = TIMEOUT_S

    def __init__(
        self,
        arguments: Sequence[str],
        environ: dict[str, str],
        program: tuple[str, ...],
        *,
        descriptors: Sequence[int] = (),
    ) -> None:
        port = () if "--port" in arguments else ("--port", "0")
        super().__init__((*arguments, "--http", *port), environ, program, descriptors=descriptors)
        self.token_path = Path(environ["XDG_STATE_HOME"]) / "filewarden" / "token"
        self.streams: list[EventReader] = []
        self.token: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_listening(self, *, auth: bool = True) -> None:
        assert self.is_listening.wait(self.timeout_s)
        assert LISTENS in self.errors, self.errors
        if auth:
            self.token = self.token_path.read_text().strip()

    def wait_until_ready(self, *, auth: bool = True) -> None:
        self.wait_until_listening(auth=auth)
        give_up_at = time.monotonic() + TIMEOUT_S
        while self.get("/readyz").status != 200:
            assert time.monotonic() < give_up_at, self.errors
            threading.Event().wait(0.02)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Json | list[Any] | None = None,
        *,
        auth: bool = True,
        port: int | None = None,
        **headers: str,
    ) -> Reply:
        """Send one request. Header names have `_` for `-`; an empty value leaves a usual header out."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=self.timeout_s)
        with contextlib.closing(connection):
            connection.request(method, path, encoded(body), self.headers(body, headers, auth=auth))
            return Reply(connection.getresponse())

    def headers(self, body: object, given: dict[str, str], *, auth: bool = True) -> dict[str, str]:
        usual = {"accept": BOTH}
        if body is not None:
            usual["content-type"] = "application/json"
        if auth and self.token is not None:
            usual["authorization"] = f"Bearer {self.token}"
        named = {name.replace("_", "-").lower(): value for name, value in given.items()}
        return {name: value for name, value in {**usual, **named}.items() if value}

    def get(self, path: str, **headers: Any) -> Reply:
        return self.request("GET", path, **headers)

    def post(self, body: bytes | Json | list[Any], **headers: Any) -> Reply:
        return self.request("POST", "/mcp", body, **headers)

    def send_bytes(self, data: bytes, timeout_s: float = 5.0) -> bytes:
        """Send bytes as they are; what comes back until the server closes, or the head and body it has sent so far."""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            parts = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                while chunk := connection.recv(65_536):
                    parts += chunk
            return parts

    def open_session(self, revision: str = "2025-06-18") -> str:
        reply = self.post(rpc("initialize", {**CLIENT, "protocolVersion": revision}))
        assert reply.status == 200, reply.body
        return str(reply.headers["Mcp-Session-Id"])

    def open_stream(self, accept: str = "text/event-stream", **headers: str) -> EventReader:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        connection.request("GET", "/sse", headers=self.headers(None, {"accept": accept, **headers}))
        response = connection.getresponse()
        assert response.status == 200, response.read()
        reader = EventReader(connection, response)
        self.streams.append(reader)
        return reader

    def open_events(self, method: str, body: Json | None = None, **headers: str) -> EventReader:
        """Begin a request to the endpoint of Streamable HTTP that is answered by events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        usual = {"accept": "text/event-stream"} if method == "GET" else {}
        connection.request(method, "/mcp", encoded(body), self.headers(body, {**usual, **headers}))
        response = connection.getresponse()
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream"), response.read()
        reader = EventReader(connection, response)
        self.streams.append(reader)
        return reader

    def modern(self, method: str, params: Json | None = None, request_id: int | str = 1, **headers: str) -> Reply:
        """Send a request of the modern era. Keywords replace header fields, or leave them out."""
        body = enveloped(method, params, request_id)
        return self.post(body, **{**routing(body), **headers})

    def open_modern(self, method: str, params: Json | None = None, request_id: int | str = 1) -> EventReader:
        """Begin a request of the modern era that is answered by events."""
        body = enveloped(method, params, request_id)
        return self.open_events("POST", body, **routing(body))

    def status(self) -> Json:
        return self.get("/status").json

    def descendants(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.pid).children(recursive=True)
        return found

    def kill(self) -> None:
        for stream in self.streams:
            stream.close()
        super().kill()


def encoded(body: bytes | Json | list[Any] | None) -> bytes | None:
    return body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
