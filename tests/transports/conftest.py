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
from typing import Any

import psutil
import pytest

from tests.conftest import FAULTY, PRODUCT, ServerProcess

TIMEOUT_S = 20.0
BOTH = "application/json, text/event-stream"
CLIENT = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}

Json = dict[str, Any]


class Reply:
    """One HTTP response, read whole."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


class EventReader:
    """An open event stream."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self.connection = connection
        self.response = response

    def next(self) -> tuple[str, str]:
        """The next event's name and data; a comment has the name ":"."""
        name, data = "", ""
        while line := self.response.readline().decode().rstrip("\n"):
            key, _, value = line.partition(":")
            if not key:
                name, data = ":", value.strip()
            elif key == "event":
                name = value.strip()
            elif key == "data":
                data = value.strip()
        return name, data

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

    def start(**variables: str) -> HttpServer:
        folder = tmp_path_factory.mktemp("http")
        root = folder / "project"
        root.mkdir()
        root.chmod(0o755)
        (root / "README.md").write_text("# My Project\n")
        (root / "README.md").chmod(0o644)
        environ = {"HOME": str(folder), "PATH": os.defpath, "XDG_STATE_HOME": str(folder / "state"), **variables}
        server = HttpServer(root, (), environ, PRODUCT)
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
