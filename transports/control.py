"""The private Unix socket of every server: whoever connects gets the status as one JSON document."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import msgspec

from filewarden.broker.reactor import Reactor
from filewarden.broker.status import Status

SUFFIX = ".sock"
BACKLOG = 16
SEND_BUFFER_BYTES = 1024 * 1024


class ControlSocket:
    """A listener in the runtime folder, mode 0600, named after this process."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, f"{os.getpid()}{SUFFIX}")
        self._watched_by: Reactor | None = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        old_mask = os.umask(0o177)
        try:
            with _short_path(self.path) as path:
                self._listener.bind(path)
        finally:
            os.umask(old_mask)
        self._listener.listen(BACKLOG)

    def start(self, status: Callable[[], Status], reactor: Reactor) -> None:
        """Answer from now on."""
        self._watched_by = reactor
        reactor.watch(self._listener.fileno(), lambda: self._answer(status))

    def _answer(self, status: Callable[[], Status]) -> None:
        with contextlib.suppress(OSError):  # a caller that left again
            connection, _address = self._listener.accept()
            with connection:
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                connection.send(msgspec.json.encode(status()) + b"\n")

    def close(self) -> None:
        """Answer no more; the launcher takes the socket away."""
        if self._watched_by is not None:
            self._watched_by.forget(self._listener.fileno())
        self._listener.close()


def query(path: str, timeout_s: float) -> bytes:
    """The status document of the server behind `path`.

    Raises:
        OSError: nobody answers there in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        with _short_path(path) as short:
            connection.connect(short)
        parts = []
        while data := connection.recv(65_536):
            parts.append(data)
    return b"".join(parts)


@contextlib.contextmanager
def _short_path(path: str) -> Iterator[str]:
    """A name for `path` that fits into a socket address whatever the length of its folder (unix(7): 107 bytes)."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)
