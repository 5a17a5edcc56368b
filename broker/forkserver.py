"""The broker's side of one zygote: spawn messages go there, handles on new workers come back."""

import os
from collections.abc import Callable
from typing import Protocol

import msgspec

from filewarden.broker.reactor import Reactor
from filewarden.workers import attached, profile as messages
from filewarden.workers.profile import CONTROL_BYTES, Exited, Spawn, Spawned, Unusable


class Listener(Protocol):
    """What becomes of spawn messages."""

    def on_zygote(self) -> None:
        """A zygote is there and takes spawn messages."""

    def on_spawned(self, serial: int, pid: int, pidfd: int) -> None:
        """A worker process exists; `pid` is as this process sees it, `pidfd` is the listener's to close."""

    def on_exited(self, serial: int, status: int) -> None:
        """A worker was reaped; `status` is an exit code, or minus the signal's number."""

    def on_zygote_lost(self, reason: str) -> None:
        """The zygote is gone, and every worker of it with it."""

    def on_unusable(self, reason: str) -> None:
        """No zygote will ever serve this profile."""


class ForkServer:
    """The zygote of one role.

    `ask_for_zygote` lets the launcher start another in place of the one before, `no_more` end it for good.
    """

    def __init__(
        self, reactor: Reactor, ask_for_zygote: Callable[[], None], no_more: Callable[[], None], listener: Listener
    ) -> None:
        self._reactor = reactor
        self._ask_for_zygote = ask_for_zygote
        self._no_more = no_more
        self._listener = listener
        self._zygote: attached.Socket | None = None

    @property
    def is_ready(self) -> bool:
        """Whether spawn messages are taken."""
        return self._zygote is not None

    def adopt(self, zygote: attached.Socket) -> None:
        """Take the control socket of a zygote that has just been started."""
        self.close()
        self._zygote = zygote
        zygote.setblocking(False)
        self._reactor.watch(zygote.fileno(), self._on_zygote)
        self._listener.on_zygote()

    def give_up_zygote(self, reason: str) -> None:
        """Take the zygote for lost: it hangs. The launcher kills it before it starts another."""
        self._lose_zygote(reason)

    def ask_for_zygote(self) -> None:
        """Ask for a zygote: the first one of this role, or another after one was lost."""
        self._ask_for_zygote()

    def spawn(self, serial: int, endpoint: str, secret: str, gate: int, *more: int) -> None:
        """Ask for a worker; `gate` is closed here, what it gets besides stays open."""
        try:
            if self._zygote is not None:
                spawn = messages.encode(Spawn(serial, os.path.basename(endpoint), secret))
                attached.send(self._zygote, spawn, gate, *more)
        except OSError:
            self._lose_zygote("its control socket is closed")
        finally:
            os.close(gate)

    def _on_zygote(self) -> None:
        if self._zygote is None:
            return
        try:
            data, fds = attached.receive(self._zygote, CONTROL_BYTES)
            message = messages.decode_from_zygote(data) if data else Unusable("it ended")
        except BlockingIOError:
            return
        except (OSError, msgspec.DecodeError) as error:
            data, fds, message = b"", [], Unusable(str(error))
        match message:
            case Spawned(serial=serial) if fds:
                self._listener.on_spawned(serial, _host_pid(fds[0]), fds[0])
            case Spawned():
                self._lose_zygote("it sent no handle")
            case Exited(serial=serial, status=status):
                self._listener.on_exited(serial, status)
            case Unusable(reason=reason) if data:
                self.close()
                self._listener.on_unusable(reason)
            case Unusable(reason=reason):
                self._lose_zygote(reason)

    def _lose_zygote(self, reason: str) -> None:
        if self._zygote is not None:
            self.close()
            self._listener.on_zygote_lost(reason)

    def give_up(self) -> None:
        """No zygote is needed here any more."""
        self.close()
        self._no_more()

    def close(self) -> None:
        """Leave the zygote, which ends it and its workers."""
        if self._zygote is not None:
            self._reactor.forget(self._zygote.fileno())
            self._zygote.close()
            self._zygote = None


def _host_pid(pidfd: int) -> int:
    """The process id behind a pidfd as this process sees it, whatever namespace it was made in (proc(5), fdinfo)."""
    with open(f"/proc/self/fdinfo/{pidfd}", "rb") as facts:
        for line in facts:
            if line.startswith(b"Pid:"):
                return int(line[4:])
    return -1


def is_dead_within(pidfd: int, timeout_s: float) -> bool:
    """Wait for the process behind `pidfd` to end (pidfd_open(2): it then polls as readable)."""
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout_s) * 1000))
