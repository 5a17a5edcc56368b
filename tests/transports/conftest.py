"""Real HTTP servers on free ports, and the smallest client that can send them anything."""

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.conftest import FAULTY, PRODUCT, ServerProcess

TIMEOUT_S = 20.0
BOTH = "application/json, text/event-stream"
CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}

Json = dict[str, Any]


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
        if self.headers["content-type"] != "text/event-stream":
            return [json.loads(self.body)]
        lines = self.body.decode().splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


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

    def __init__(
        self, root: Path, arguments: tuple[str, ...], environ: dict[str, str], program: tuple[str, ...]
    ) -> None:
        super().__init__((str(root), "--http", "--port", "0", *arguments), environ, program, is_stdio=False)
        self.root = root
        self.token_path = Path(environ["XDG_STATE_HOME"]) / "filewarden" / "token"
        self.streams: list[EventReader] = []
        self.token: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self, *, auth: bool = True) -> None:
        assert self.is_listening.wait(TIMEOUT_S)
        assert self.process.poll() is None, self.errors
        if auth:
            self.token = self.token_path.read_text().strip()
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
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=TIMEOUT_S)
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

    def raw(self, data: bytes, timeout_s: float = 5.0) -> bytes:
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

    def open_stream(self, accept: str = "text/event-stream") -> EventReader:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        connection.request("GET", "/sse", headers=self.headers(None, {"accept": accept}))
        response = connection.getresponse()
        assert response.status == 200, response.read()
        reader = EventReader(connection, response)
        self.streams.append(reader)
        return reader

    def open_events(self, method: str, body: Json | None = None, **headers: str) -> EventReader:
        """Begin a request to the endpoint of Streamable HTTP that is answered by events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
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

    def stop(self) -> None:
        for stream in self.streams:
            stream.close()
        self.kill()


def encoded(body: bytes | Json | list[Any] | None) -> bytes | None:
    return body if isinstance(body, bytes) or body is None else json.dumps(body).encode()


def rpc(method: str, params: Json | None = None, request_id: int | str | None = 1) -> Json:
    """A request; a notification without an id."""
    message: Json = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return message if request_id is None else {**message, "id": request_id}


def enveloped(method: str, params: Json | None = None, request_id: int | str = 1) -> Json:
    """A request of the modern era."""
    meta = {**ENVELOPE, **(params or {}).get("_meta", {})}
    return rpc(method, {**(params or {}), "_meta": meta}, request_id)


def routing(body: Json) -> dict[str, str]:
    """The header fields that repeat what a modern request says."""
    params = body["params"]
    version = params["_meta"]["io.modelcontextprotocol/protocolVersion"]
    fields = {"mcp_protocol_version": version, "mcp_method": body["method"]}
    name = params.get("name") or params.get("uri") or params.get("taskId")
    return {**fields, "mcp_name": name} if name else fields


def calling(tool: str, request_id: int | str = 1, *, token: int | str | None = None, **arguments: object) -> Json:
    """A tool call; with `token` its client listens to progress."""
    params: Json = {"name": tool, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return rpc("tools/call", params, request_id)


@pytest.fixture(scope="session")
def call_body() -> Callable[..., Json]:
    """Makes tool calls."""
    return calling


@pytest.fixture(scope="session")
def modern_body() -> Callable[..., Json]:
    """Makes requests of the modern era."""
    return enveloped


@pytest.fixture(scope="session")
def request_body() -> Callable[..., Json]:
    """Makes JSON-RPC requests and notifications."""
    return rpc


@pytest.fixture
def start_http(tree: Path, environ: dict[str, str]) -> Iterator[Callable[..., HttpServer]]:
    """Start servers over HTTP; each is gone after the test. Keywords are environment variables."""
    servers: list[HttpServer] = []

    def start(
        *arguments: str,
        faulty: bool = False,
        auth: bool = True,
        wait: bool = True,
        program: tuple[str, ...] = PRODUCT,
        **variables: str,
    ) -> HttpServer:
        server = HttpServer(tree, arguments, {**environ, **variables}, FAULTY if faulty else program)
        servers.append(server)
        if wait:
            server.wait_until_ready(auth=auth)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def start_shared_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., HttpServer]]:
    """Start servers for all tests of a module that leave no trace. Keywords are environment variables."""
    servers: list[HttpServer] = []

    def start(*, faulty: bool = False, **variables: str) -> HttpServer:
        folder = tmp_path_factory.mktemp("http")
        root = folder / "project"
        root.mkdir()
        root.chmod(0o755)
        (root / "README.md").write_text("# My Project\n")
        (root / "README.md").chmod(0o644)
        environ = {"HOME": str(folder), "PATH": os.defpath, "XDG_STATE_HOME": str(folder / "state"), **variables}
        server = HttpServer(root, (), environ, FAULTY if faulty else PRODUCT)
        servers.append(server)
        server.wait_until_ready()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module", name="http")
def shared_server(start_shared_http: Callable[..., HttpServer]) -> HttpServer:
    """One server for all tests of a module that leave no trace."""
    return start_shared_http()


@pytest.fixture(scope="module")
def talking(start_shared_http: Callable[..., HttpServer]) -> HttpServer:
    """Likewise, with tools that take their time, report and ask; a silent call's stream is soon closed."""
    return start_shared_http(faulty=True, FILEWARDEN_HTTP_POLL_AFTER_S="1")
