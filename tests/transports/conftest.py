"""Real HTTP servers on free ports."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.http import HttpServer
from tests.drivers.messages import Json, calling, enveloped, rpc
from tests.drivers.process import FAULTY, PRODUCT


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
        server = HttpServer((str(tree), *arguments), {**environ, **variables}, FAULTY if faulty else program)
        server.root = tree
        servers.append(server)
        if wait:
            server.wait_until_ready(auth=auth)
        return server

    yield start
    for server in servers:
        server.kill()


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
        server = HttpServer((str(root),), environ, FAULTY if faulty else PRODUCT)
        server.root = root
        servers.append(server)
        server.wait_until_ready()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module", name="http")
def shared_server(start_shared_http: Callable[..., HttpServer]) -> HttpServer:
    """One server for all tests of a module that leave no trace."""
    return start_shared_http()


@pytest.fixture(scope="module")
def talking(start_shared_http: Callable[..., HttpServer]) -> HttpServer:
    """Likewise, with tools that take their time, report and ask; a silent call's stream is soon closed."""
    return start_shared_http(faulty=True, FILEWARDEN_HTTP_POLL_AFTER_S="1")
