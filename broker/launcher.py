"""The broker's side of the launcher: its zygotes are handed to whoever asked for them, its words to the log."""

import os
from collections.abc import Callable

from filewarden.broker.forkserver import ForkServer, Listener, is_dead_within
from filewarden.broker.launch import Launched
from filewarden.broker.reactor import Reactor
from filewarden.workers import attached
from filewarden.workers.profile import CONTROL_BYTES, Role, label_of

OnReading = Callable[[int, bytes | str], None]
"""Gets the number of what was read and its document (broker.charter), or 0 and why it is refused."""
MOST_DOCUMENT_BYTES = 64 * 1024 * 1024
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
        self.on_reading: OnReading | None = None
        """Who asked for the configuration to be read again."""

    def fork_server(self, label: str, listener: Listener) -> ForkServer:
        """The one place where the zygotes of a label arrive."""
        server = ForkServer(
            self._reactor,
            lambda: self._launched.ask_for_zygote(label),
            lambda: self._give_up(label, server),
            listener,
        )
        self._fork_servers[label.encode()] = server
        return server

    def edition(self, number: int, profile: str = "") -> "EditionLauncher":
        """The zygotes of a profile, of what was read as `number`; 1 is the start."""
        return EditionLauncher(self, number, profile)

    def _give_up(self, label: str, server: ForkServer) -> None:
        """No zygote of that label is needed any more, unless it is another one's by now."""
        if self._fork_servers.get(label.encode()) is server:
            del self._fork_servers[label.encode()]
            self._launched.give_up_zygote(label)

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
            data, fds = attached.receive(self._launched.control, CONTROL_BYTES)
        except OSError:  # it died with something of ours unread
            data, fds = b"", []
        kind, rest = data[:1], data[1:]
        if not kind:
            self._reactor.forget(self._launched.control.fileno())
            self._on_lost()
        elif kind == b"A":
            if self.on_audit_file is not None:
                self.on_audit_file(fds[0] if fds else None, rest.decode())
        elif kind == b"Z":
            self._adopt(rest, fds[0])
        elif self.on_reading is not None:
            if kind == b"N":
                self.on_reading(int(rest), _whole(fds[0]))
            else:
                self.on_reading(0, rest.decode("utf-8", "replace"))

    def _adopt(self, label: bytes, fd: int) -> None:
        zygote = attached.Socket(fileno=fd)
        server = self._fork_servers.get(label)
        if server is None:  # it was given up while it was on its way
            zygote.close()
        else:
            server.adopt(zygote)

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


class EditionLauncher:
    """The launcher, for those who want zygotes of one profile, in one edition of the configuration."""

    def __init__(self, launcher: Launcher, number: int, profile: str) -> None:
        self._launcher = launcher
        self._number = number
        self._profile = profile

    def fork_server(self, role: Role, listener: Listener) -> ForkServer:
        """The one place where a role's zygotes arrive."""
        name = label_of(role, self._profile)
        return self._launcher.fork_server(name if self._number == 1 else f"{name}.{self._number}", listener)


def _whole(fd: int) -> bytes:
    try:
        return os.pread(fd, MOST_DOCUMENT_BYTES, 0)
    finally:
        os.close(fd)


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
