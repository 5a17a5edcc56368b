"""The launcher: the small process beside the front-end that forks zygotes and restarts them.

It is a fresh interpreter that reads nothing untrusted, holds no network, and imports next to nothing, so that the first
zygote starts its own imports within milliseconds. It keeps the privileges that the server was started with: opening a
root below a private folder needs them, also when a zygote has to be replaced later. Its protocol on the control
socket (SEQPACKET, unix(7)) has these messages:

    PN<profile>  what zygotes are for; once, later ones are ignored, so that a captured front-end cannot widen it
    P-<profile>  the same, without namespaces: the sandbox is switched off
    Z            start a zygote, and end the one before; answered with Z<pid> and the zygote's control socket attached
    T<path>      take away this socket, or this folder of sockets, when the front-end is gone, however it went

The first zygote starts before the profile arrives, and is sent once it has it.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Callable

from filewarden.workers.leftovers import remove_sockets

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from filewarden.workers.confine.namespaces import Isolation

CONTROL_FD = 3
PROFILE_BYTES = 262_144

ServeZygote = Callable[[socket.socket, "Isolation"], None]


def serve_product(control: socket.socket, isolation: "Isolation") -> None:
    """Become a zygote that knows the product's tools."""
    from filewarden.workers.catalogue import CATALOGUE
    from filewarden.workers.zygote import serve

    serve(control, isolation, CATALOGUE)


def main(serve_zygote: ServeZygote = serve_product) -> None:
    """Serve the control socket until the front-end closes it or dies; then leave no process behind."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # one for the whole group is the front-end's to answer: it lets calls finish
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a starter that ignores it would leave us no child to wait for
    control = socket.socket(fileno=CONTROL_FD)
    launcher = Launcher(control, serve_zygote)
    try:
        launcher.start_zygote()
        while message := control.recv(PROFILE_BYTES):
            launcher.handle(message)
    except OSError:
        pass  # the front-end is gone: the end of this process is the answer
    finally:
        launcher.end()


class Launcher:
    """The zygotes of one server."""

    def __init__(self, control: socket.socket, serve_zygote: ServeZygote) -> None:
        self._control = control
        self._serve_zygote = serve_zygote
        self._pid = os.getpid()
        self._profile: bytes | None = None
        self._wants_namespaces = True
        self._zygotes: dict[int, socket.socket] = {}
        self._waiting: list[int] = []
        self._leftovers: list[bytes] = []

    def handle(self, message: bytes) -> None:
        """Obey one message of the front-end."""
        if message[:1] == b"P" and self._profile is None:
            self._wants_namespaces = message[1:2] == b"N"
            self._profile = message[2:]
            if not self._wants_namespaces:
                self._start_over()
            for pid in self._waiting:
                self._hand_over(pid, self._profile)
            self._waiting.clear()
        elif message[:1] == b"Z":
            self._kill_zygotes()
            self.start_zygote()
        elif message[:1] == b"T" and self._profile is None:
            self._leftovers.append(message[1:])

    def start_zygote(self) -> None:
        """Fork a zygote; without a profile it has its imports to do and is handed over later."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            self._become_zygote(theirs, ours)
        theirs.close()
        self._zygotes[pid] = ours
        if self._profile is None:
            self._waiting.append(pid)
        else:
            self._hand_over(pid, self._profile)

    def _start_over(self) -> None:
        """Replace the zygotes that were started in the belief that namespaces are wanted."""
        for pid in self._waiting:
            self._zygotes.pop(pid).close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._waiting.clear()
        self.start_zygote()

    def _hand_over(self, pid: int, profile: bytes) -> None:
        """Give a zygote its profile, then its control socket to the front-end: in this order, whoever is faster."""
        with self._zygotes[pid] as channel:
            with contextlib.suppress(OSError):  # it died meanwhile; the front-end sees its socket closed
                channel.send(profile)
            socket.send_fds(self._control, [b"Z%d" % pid], [channel.fileno()])

    def _become_zygote(self, control: socket.socket, front_end: socket.socket) -> None:
        status = 1
        try:
            front_end.close()
            self._control.close()
            for channel in self._zygotes.values():
                channel.close()
            status = self._live_as_zygote(control)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _live_as_zygote(self, control: socket.socket) -> int:
        """Become the zygote itself or, in namespaces of its own, the parent that waits for it; the exit status."""
        from filewarden.workers.confine.namespaces import Isolation, isolate
        from filewarden.workers.confine.privileges import die_with_parent

        isolation = isolate() if self._wants_namespaces else Isolation(is_active=False, why="switched off")
        if isolation.is_active and (child := os.fork()):
            control.close()
            die_with_parent(self._pid)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF
        self._serve_zygote(control, isolation)
        return 0

    def _kill_zygotes(self) -> None:
        """End those that are left, living or dead: the front-end asks for another when one is lost or hangs."""
        for pid in self._zygotes:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._zygotes.clear()

    def end(self) -> None:
        """Kill and reap every zygote, their workers die with them; then remove the sockets that are left."""
        self._kill_zygotes()
        for path in self._leftovers:
            with contextlib.suppress(OSError):
                remove_sockets(path)
