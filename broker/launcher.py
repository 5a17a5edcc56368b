"""The broker's side of the launcher: its zygotes are handed to whoever asked for them, its words to the log."""

import os
import socket
from collections.abc import Callable

from filewarden.broker.forkserver import ForkServer, Listener, is_dead_within
from filewarden.broker.launch import Launched
from filewarden.broker.reactor import Reactor
from filewarden.workers.profile import CONTROL_BYTES, Role

AuditFile = Callable[[int | None, str], None]
"""Gets the descriptor of the audit log's file, or None and why there is none."""
LOG_LINES_PER_SECOND = 60
STDERR_CHUNK_BYTES = 65_536


class Launcher:
    """The launcher's control socket, and the pipe that it, the zygotes and the workers print to.

    `on_lost` is told when the process has ended: no zygote can be started any more.
    """

    def __init__(
        self, reactor: Reactor, launched: Launched, on_lost: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        self._reactor = reactor
        self._launched = launched
        self._on_lost = on_lost
        self._log = log
        self._fork_servers: dict[bytes, ForkServer] = {}
        self._log_budget = LOG_LINES_PER_SECOND
        self._log_second = 0
        self.on_audit_file: AuditFile | None = None
        """Who writes the audit log, where there is one."""

    def fork_server(self, role: Role, listener: Listener) -> ForkServer:
        """The one place where a role's zygotes arrive."""
        server = ForkServer(self._reactor, lambda: self._launched.ask_for_zygote(role), listener)
        self._fork_servers[role.encode()] = server
        return server

    def start(self) -> None:
        """Listen for the first zygote: it is on its way since the launcher got its profile."""
        self._reactor.watch(self._launched.control.fileno(), self._on_launcher)
        os.set_blocking(self._launched.errors_fd, False)
        self._reactor.watch(self._launched.errors_fd, self._on_stderr)

    def hear(self, timeout_s: float) -> bool:
        """Take one message of the launcher while no loop runs; False when none came in time."""
        import select

        poll = select.poll()
        poll.register(self._launched.control.fileno(), select.POLLIN)
        has_come = bool(poll.poll(timeout_s * 1000))
        if has_come:
            self._on_launcher()
        return has_come

    def _on_launcher(self) -> None:
        try:
            data, fds, _flags, _address = socket.recv_fds(self._launched.control, CONTROL_BYTES, 1)
        except OSError:  # it died with something of ours unread
            data, fds = b"", []
        if not data:
            self._reactor.forget(self._launched.control.fileno())
            self._on_lost()
            return
        if data[:1] == b"A":
            if self.on_audit_file is not None:
                self.on_audit_file(fds[0] if fds else None, data[1:].decode())
            return
        self._fork_servers[data[1:]].adopt(socket.socket(fileno=fds[0]))

    def _on_stderr(self) -> None:
        """Drain what the launcher, the zygotes and the workers print; pass a few lines a second on to the log."""
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
        for server in self._fork_servers.values():
            server.close()
        self._launched.control.close()
        os.close(self._launched.errors_fd)
        return _reap(self._launched.pid, timeout_s)


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
