"""The local sockets of every server: one tells its status, the other has it read its configuration again.

Connecting is all that a caller does; each answers with one JSON document and closes.
"""

import _socket
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from filewarden.broker.charter import Charter
from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.transports.local_socket import LocalSocket

if TYPE_CHECKING:
    from filewarden.broker.reactor import Reactor
    from filewarden.broker.renewal import Follower
    from filewarden.broker.status import Status

STATUS_SUFFIX = ".sock"
RELOAD_SUFFIX = ".reload"
SEND_BUFFER_BYTES = 1024 * 1024
MOST_WAITING = 16
"""Callers that wait for the end of a reload; each costs a descriptor for as long as one takes."""


class Reloading(Protocol):
    """What reads its configuration again."""

    def reload(self) -> None:
        """Begin, or begin once more after the reload that is under way."""

    def reload_outcome(self) -> ReloadOutcome:
        """What became of the latest one."""

    def follow(self, follower: "Follower") -> None:
        """Tell of each one."""


class ControlSocket:
    """Both sockets of this process."""

    def __init__(self, folder: str) -> None:
        self._status = LocalSocket(folder, STATUS_SUFFIX)
        self._reload = LocalSocket(folder, RELOAD_SUFFIX)
        self._callers: Callers | None = None

    @property
    def paths(self) -> tuple[str, str]:
        """What is to be taken away when the process has ended."""
        return self._status.path, self._reload.path

    def start(self, status: "Callable[[], Status]", reloading: Reloading, reactor: "Reactor") -> None:
        """Answer from now on."""
        self._callers = Callers(reloading)
        self._status.start(reactor, lambda connection: _answer(connection, status()))
        self._reload.start(reactor, self._callers.hear)

    def close(self) -> None:
        """Answer no more; who waits is left without an answer."""
        self._status.close()
        self._reload.close()
        if self._callers is not None:
            self._callers.dismiss()


class Callers:
    """Who wants the configuration to be read again, and waits for what comes of it: of a reading that began later."""

    def __init__(self, reloading: Reloading) -> None:
        self._reloading = reloading
        self._next: list[_socket.socket] = []
        self._present: list[_socket.socket] = []
        reloading.follow(self)

    def hear(self, connection: _socket.socket) -> None:
        """Somebody wants it."""
        if len(self._next) + len(self._present) >= MOST_WAITING:
            connection.close()
            return
        self._next.append(connection)
        self._reloading.reload()

    def on_reloading(self) -> None:
        """Whoever has asked until now waits for this one."""
        self._present, self._next = self._next, []

    def on_reloaded(self, _charter: Charter) -> None:
        """It counts."""
        self._answer()

    def on_refused(self, _reason: str) -> None:
        """It does not."""
        self._answer()

    def _answer(self) -> None:
        while self._present:
            _answer(self._present.pop(), self._reloading.reload_outcome())

    def dismiss(self) -> None:
        """The server stops."""
        for connection in (*self._present, *self._next):
            connection.close()
        self._present, self._next = [], []


def _answer(connection: _socket.socket, document: msgspec.Struct) -> None:
    with contextlib.closing(connection), contextlib.suppress(OSError):  # a caller that left again
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        connection.send(msgspec.json.encode(document) + b"\n")
