"""Private Unix sockets in the runtime folder: each server has one for each purpose, named after its process.

A server makes do with the built-in half of `socket` (workers.attached says why).
"""

import _socket
import contextlib
import os
from collections.abc import Callable, Iterator

from filewarden.broker.reactor import Reactor

BACKLOG = 16


class LocalSocket:
    """A listener, mode 0600."""

    def __init__(self, folder: str, suffix: str) -> None:
        self.path = os.path.join(folder, f"{os.getpid()}{suffix}")
        self._watched_by: Reactor | None = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        old_mask = os.umask(0o177)
        try:
            with _short_path(self.path) as path:
                self._listener.bind(path)
        finally:
            os.umask(old_mask)
        self._listener.listen(BACKLOG)

    def start(self, reactor: Reactor, hear: Callable[[_socket.socket], None]) -> None:
        """Hand every connection to `hear` from now on, which closes it."""
        self._watched_by = reactor
        reactor.watch(self._listener.fileno(), lambda: self._accept(hear))

    def _accept(self, hear: Callable[[_socket.socket], None]) -> None:
        with contextlib.suppress(OSError):  # a caller that left again
            fd, _address = self._listener._accept()  # type: ignore[attr-defined] # noqa: SLF001 # what this half has of it
            connection = _socket.socket(fileno=fd)
            connection.setblocking(False)
            hear(connection)

    def close(self) -> None:
        """Hear nobody more; the launcher takes the socket away."""
        if self._watched_by is not None:
            self._watched_by.forget(self._listener.fileno())
        self._listener.close()


def query(path: str, timeout_s: float) -> bytes:
    """What the server behind `path` says to whoever connects; `timeout_s` is for each part of it.

    Raises:
        OSError: nobody answers there in time.
    """
    import socket

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
