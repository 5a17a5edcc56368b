"""The broker's side of the processes that make workers: the launcher, and the zygote it keeps for us."""

import os
import socket
from collections.abc import Callable
from typing import Protocol

import msgspec

from filewarden.broker.launch import Launched
from filewarden.broker.reactor import Reactor
from filewarden.workers import profile as messages
from filewarden.workers.profile import CONTROL_BYTES, Exited, Spawn, Spawned, Unusable

LOG_LINES_PER_SECOND = 60
STDERR_CHUNK_BYTES = 65_536


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

    def on_launcher_lost(self) -> None:
        """No zygote can be started any more."""


class ForkServer:
    """The launcher's control socket and the zygote's."""

    def __init__(self, reactor: Reactor, launched: Launched, listener: Listener, log: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._launched = launched
        self._listener = listener
        self._log = log
        self._zygote: socket.socket | None = None
        self._log_budget = LOG_LINES_PER_SECOND
        self._log_second = 0

    def start(self) -> None:
        """Listen for the first zygote: it is on its way since the launcher got its profile."""
        self._reactor.watch(self._launched.control.fileno(), self._on_launcher)
        os.set_blocking(self._launched.errors_fd, False)
        self._reactor.watch(self._launched.errors_fd, self._on_stderr)

    @property
    def is_ready(self) -> bool:
        """Whether spawn messages are taken."""
        return self._zygote is not None

    def give_up_zygote(self, reason: str) -> None:
        """Take the zygote for lost: it hangs. The launcher kills it before it starts another."""
        self._lose_zygote(reason)

    def restart_zygote(self) -> None:
        """Ask for another zygote after one was lost."""
        self._launched.ask_for_zygote()

    def spawn(self, serial: int, endpoint: str, secret: str, gate: int) -> None:
        """Ask for a worker; `gate` is closed here."""
        try:
            if self._zygote is not None:
                socket.send_fds(
                    self._zygote, [messages.encode(Spawn(serial, os.path.basename(endpoint), secret))], [gate]
                )
        except OSError:
            self._lose_zygote("its control socket is closed")
        finally:
            os.close(gate)

    def _on_launcher(self) -> None:
        try:
            data, fds, _flags, _address = socket.recv_fds(self._launched.control, CONTROL_BYTES, 1)
        except OSError:  # it died with something of ours unread
            data, fds = b"", []
        if not data:
            self._reactor.forget(self._launched.control.fileno())
            self._listener.on_launcher_lost()
            return
        self._zygote = socket.socket(fileno=fds[0])
        self._zygote.setblocking(False)
        self._reactor.watch(self._zygote.fileno(), self._on_zygote)
        self._listener.on_zygote()

    def _on_zygote(self) -> None:
        if self._zygote is None:
            return
        try:
            data, fds, _flags, _address = socket.recv_fds(self._zygote, CONTROL_BYTES, 1)
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
                self._close_zygote()
                self._listener.on_unusable(reason)
            case Unusable(reason=reason):
                self._lose_zygote(reason)

    def _lose_zygote(self, reason: str) -> None:
        if self._zygote is not None:
            self._close_zygote()
            self._listener.on_zygote_lost(reason)

    def _close_zygote(self) -> None:
        if self._zygote is not None:
            self._reactor.forget(self._zygote.fileno())
            self._zygote.close()
            self._zygote = None

    def _on_stderr(self) -> None:
        """Drain what the launcher, the zygote and the workers print; pass a few lines a second on to the log."""
        try:
            data = os.read(self._launched.errors_fd, STDERR_CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._reactor.forget(self._launched.errors_fd)
            return
        second = int(self._reactor.now())
        if second != self._log_second:
            self._log_second, self._log_budget = second, LOG_LINES_PER_SECOND
        for line in data.splitlines()[: self._log_budget]:
            self._log_budget -= 1
            self._log(ascii(line.decode("utf-8", "replace")[:400])[1:-1])

    def close(self, timeout_s: float) -> bool:
        """End the launcher and with it every process below; False when it did not end in time."""
        for fd in (self._launched.control.fileno(), self._launched.errors_fd):
            self._reactor.forget(fd)
        if self._zygote is not None:
            self._reactor.forget(self._zygote.fileno())
            self._zygote.close()
            self._zygote = None
        self._launched.control.close()
        os.close(self._launched.errors_fd)
        return _reap(self._launched.pid, timeout_s)


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


def _reap(pid: int, timeout_s: float) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:  # a system that no worker can live on: the launcher ends as soon as its socket is closed
        os.waitpid(pid, 0)
        return True
    try:
        if not is_dead_within(pidfd, timeout_s):
            return False
        os.waitpid(pid, 0)
    finally:
        os.close(pidfd)
    return True
