"""Three replicas on one folder with the same keys, and a real HAProxy before them with our configuration."""

import contextlib
import http.client
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.http import HttpServer
from tests.drivers.process import PRODUCT

DEPLOY = Path(__file__).parent.parent.parent / "deploy" / "haproxy"
NAMES = ("a", "b", "c")
PATIENCE_S = 20.0
INSTALL_S = 240


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The program; as root on Debian it is installed at first need."""
    program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None and os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        command = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq haproxy"
        subprocess.run(["/bin/sh", "-c", command], check=True, timeout=INSTALL_S, capture_output=True)
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("HAProxy is not installed")
        pytest.skip("HAProxy is not installed")
    return program


def free_port() -> int:
    """Not one of those that the kernel gives to whoever connects: other tests do, before it is taken."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Replicas:
    """Three servers that can be stopped and started again at their addresses."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "data"
        self.root.mkdir()
        self.root.chmod(0o755)
        for number in range(300):
            (self.root / f"file{number:03}.txt").write_text(f"text {number}\n")
        self._folder = folder
        keys = folder / "keys"
        keys.write_text(secrets.token_hex(32) + "\n")
        token = folder / "token"
        token.write_text(secrets.token_urlsafe(32) + "\n")
        for private in (keys, token):
            private.chmod(0o600)
        self.token = token.read_text().strip()
        self.ports = {name: free_port() for name in NAMES}
        self.entrance = free_port()
        self.servers: dict[str, HttpServer] = {}

    def start(self, name: str) -> HttpServer:
        """Start one and wait until it is ready."""
        environ = {
            "HOME": str(self._folder),
            "PATH": os.defpath,
            "XDG_STATE_HOME": str(self._folder / f"state-{name}"),
            "FILEWARDEN_HTTP_TOKEN_FILE": str(self._folder / "token"),
            "FILEWARDEN_HTTP_SEALING_KEYS_FILE": str(self._folder / "keys"),
            "FILEWARDEN_HTTP_ALLOWED_HOSTS": f"127.0.0.1:{self.entrance}",
            "FILEWARDEN_HTTP_REPLICA": name,
            "FILEWARDEN_POOL_WORKERS": "2",
            "FILEWARDEN_WRITES_CONFIRM": "destructive",
        }
        arguments = (str(self.root), "--allow-write", "--port", str(self.ports[name]))
        server = HttpServer(arguments, environ, PRODUCT)
        server.token_path = self._folder / "token"
        server.wait_until_ready()
        self.servers[name] = server
        return server


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """All three, ready."""
    made = Replicas(tmp_path_factory.mktemp("replicas"))
    try:
        for name in NAMES:
            made.start(name)
        yield made
    finally:
        for server in made.servers.values():
            server.kill()


class Entrance:
    """What clients see: one address, whatever stands behind it."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self._token = token

    def connect(self) -> http.client.HTTPConnection:
        """A connection of a client's own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def headers(self, **given: str) -> dict[str, str]:
        """What every client sends; `_` stands for `-`."""
        return {
            "authorization": f"Bearer {self._token}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in given.items()},
        }


@pytest.fixture(scope="module")
def entrance(replicas: Replicas, haproxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """HAProxy with our own configuration, once it sees all three."""
    made = Entrance(replicas.entrance, replicas.token)
    with balanced(haproxy, made, replicas.ports, tmp_path_factory.mktemp("haproxy") / "log"):
        yield made


@contextlib.contextmanager
def balanced(haproxy: str, entrance: Entrance, ports: Mapping[str, int], log: Path) -> Iterator[None]:
    """Run HAProxy with our own configuration before servers at these ports, once one of them answers."""
    environ = {
        "FILEWARDEN_BIND": f"127.0.0.1:{entrance.port}",
        "FILEWARDEN_NAME": f"127.0.0.1:{entrance.port}",
        "FILEWARDEN_READERS": str(DEPLOY / "readers.lst"),
        **{f"FILEWARDEN_{name.upper()}": f"127.0.0.1:{ports[name]}" for name in NAMES},
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [haproxy, "-db", "-f", str(DEPLOY / "haproxy.cfg")], env=environ, stdout=output, stderr=output
        )
    try:
        give_up_at = time.monotonic() + PATIENCE_S
        while not _answers(entrance):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up_at, log.read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def _answers(entrance: Entrance) -> bool:
    connection: Any = entrance.connect()
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/health", headers=entrance.headers())
        return bool(connection.getresponse().status == 200)
    return False
