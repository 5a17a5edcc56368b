"""A server over HTTP under measurement: its process, its port, and the token it wants."""

import os
import socket
import subprocess
import time

from bench.connection import PATIENCE_S, Broken, bare_environment
from bench.peers import Peer
from bench.results import OURS
from tests.drivers.tether import tie

LOOK_S = 0.02
HOST = "127.0.0.1"


class HttpServer:
    """A running server; leaving its context ends it."""

    def __init__(self, peer: Peer, home: str, settings: dict[str, str] | None = None) -> None:
        self.port = _free_port()
        self._peer, self._home, self._settings = peer, home, settings or {}

    def __enter__(self) -> "HttpServer":
        """Start it and wait until it listens."""
        more = ("--http", "--port", str(self.port)) if self._peer.name == OURS else (str(self.port),)
        self._process = subprocess.Popen(  # noqa: S603 - the peers are listed in bench/peers.py
            [*self._peer.command, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**bare_environment(os.environ, self._home), **self._settings},
            cwd=self._home,
        )
        tie(self._process.pid)
        give_up = time.perf_counter() + PATIENCE_S
        while not self._listens() or (self._peer.name == OURS and not self.token):
            if self._process.poll() is not None or time.perf_counter() > give_up:
                raise Broken(f"{self._peer.name} does not listen (status {self._process.poll()})")
            time.sleep(LOOK_S)
        return self

    def __exit__(self, *_: object) -> None:
        """Ask it to end, and see to it."""
        self._process.terminate()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def token(self) -> str:
        """What clients must show; "" where none is wanted."""
        try:
            with open(os.path.join(self._home, "state", "filewarden", "token"), encoding="ascii") as file:
                return file.read().strip() if self._peer.name == OURS else ""
        except FileNotFoundError:
            return ""

    def _listens(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), 1).close()
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
