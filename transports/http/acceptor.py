"""Accepts connections, also where there is no descriptor left for them: without spinning, and not without a word.

A listening socket stays readable while a connection waits that cannot be accepted, so a loop that only tries again
spins. One descriptor is kept in reserve: it is given up for a moment, and the client hears that it should come back.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable

from filewarden.transports.http.answer import RETRY_AFTER, on_the_wire, problem

ACCEPTS_AT_ONCE = 64
"""How many connections one look takes, so that a flood does not keep the loop."""
REST_S = 0.5
"""How long nothing is accepted where not even the reserve helps."""
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_ROOM = problem(503, "the server has no descriptors left for connections; try again", RETRY_AFTER)


class Acceptor:
    """One listening socket. `on_exhausted` is told, with the reason, of each connection that found no room."""

    def __init__(
        self, listener: socket.socket, make: Callable[[], asyncio.Protocol], on_exhausted: Callable[[str], None]
    ) -> None:
        self._listener = listener
        self._make = make
        self._on_exhausted = on_exhausted
        self._loop = asyncio.get_running_loop()
        self._reserve: int | None = os.dup(listener.fileno())
        self._rest: asyncio.TimerHandle | None = None
        self._greetings: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Accept from now on."""
        self._rest = None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    @property
    def is_busy(self) -> bool:
        """Whether a connection was accepted that nobody counts yet."""
        return bool(self._greetings)

    def close(self) -> None:
        """Accept no more, and leave the socket."""
        if self._rest is not None:
            self._rest.cancel()
        if self._listener.fileno() == -1:
            return
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        self._give_up_reserve()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._turn_away(error.strerror or "")
                    return
                continue  # the client has left already (accept(2))
            connection.setblocking(False)
            self._greet(connection)

    def _greet(self, connection: socket.socket) -> None:
        greeting = self._loop.create_task(self._loop.connect_accepted_socket(self._make, connection))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)

    def _turn_away(self, reason: str) -> None:
        self._on_exhausted(reason)
        if self._reserve is None:
            self._pause()
            return
        self._give_up_reserve()
        with contextlib.suppress(OSError):
            connection, _address = self._listener.accept()
            with connection:
                connection.setblocking(False)
                connection.send(on_the_wire(NO_ROOM))
                connection.shutdown(socket.SHUT_WR)
        try:
            self._reserve = os.dup(self._listener.fileno())
        except OSError:
            self._pause()

    def _pause(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._rest = self._loop.call_later(REST_S, self._refill)

    def _refill(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve = os.dup(self._listener.fileno()) if self._reserve is None else self._reserve
        self.start()

    def _give_up_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
