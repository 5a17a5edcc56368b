"""What a service manager does, for tests: it listens for the server, hands sockets over, and hears how it is."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.drivers.http import HttpServer

HANDED_OVER = """
import os
handed = int(os.environ["HANDED"])
os.dup2(handed, 3)
if handed != 3:
    os.close(handed)
os.environ["LISTEN_PID"] = str(os.getpid())
from filewarden.transports.cli import main
raise SystemExit(main())
"""
"""A server that finds sockets where a manager leaves them, once they have been moved there."""
TIMEOUT_S = 40.0


class Ear:
    """The socket that a server tells its state to."""

    def __init__(self, path: Path, *, is_abstract: bool = False) -> None:
        self.address = f"@filewarden-test-{os.getpid()}-{path.name}" if is_abstract else str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.address[1:]}" if is_abstract else self.address)
        if not is_abstract:
            path.chmod(0o666)
        self.heard: list[dict[str, str]] = []

    def next(self, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
        """What is told next, by its names."""
        self._socket.settimeout(timeout_s)
        lines = self._socket.recv(4096).decode().split("\n")
        message = dict(line.split("=", 1) for line in lines)
        self.heard.append(message)
        return message

    def wait_for(self, is_it: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """The next message that is the one."""
        give_up_at = time.monotonic() + TIMEOUT_S
        while not is_it(message := self.next(max(0.01, give_up_at - time.monotonic()))):
            pass
        return message

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing comes in that time."""
        with contextlib.suppress(TimeoutError):
            self.next(seconds)
            return False
        return True

    def close(self) -> None:
        self._socket.close()


class Manager:
    """Keeps one listening socket, and starts servers on it."""

    def __init__(self, folder: Path, root: Path, environ: dict[str, str], listener: socket.socket) -> None:
        self._folder = folder
        self._root = root
        self._environ = environ
        self._listener = listener
        self._servers: list[HttpServer] = []
        self._ears: list[Ear] = []

    def start(self, *arguments: str, wait: bool = True, **variables: str) -> tuple[HttpServer, Ear]:
        """A server, once it has said that it is ready, and where it can be heard."""
        ear = Ear(self._folder / f"notify-{len(self._ears)}")
        self._ears.append(ear)
        fd = self._listener.fileno()
        environ = {**self._environ, "HANDED": str(fd), "LISTEN_FDS": "1", "NOTIFY_SOCKET": ear.address, **variables}
        server = HttpServer((str(self._root), *arguments), environ, ("-c", HANDED_OVER), descriptors=(fd,))
        server.root = self._root
        self._servers.append(server)
        if wait:
            assert ear.next()["READY"] == "1"
            server.wait_until_listening()
        return server, ear

    def close(self) -> None:
        for server in self._servers:
            server.kill()
        for ear in self._ears:
            ear.close()


@contextlib.contextmanager
def managing(
    folder: Path, root: Path, environ: dict[str, str], listener: socket.socket | None = None
) -> Iterator[Manager]:
    """A manager with a socket on loopback, or another one; its servers are gone afterwards."""
    with listener or socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        manager = Manager(folder, root, environ, listening)
        try:
            yield manager
        finally:
            manager.close()
