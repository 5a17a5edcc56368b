"""The launcher: the small process beside the front-end that forks zygotes and restarts them.

It is a fresh interpreter that reads nothing untrusted, holds no network, and imports next to nothing, so that the first
zygote starts its own imports within milliseconds. It keeps the privileges that the server was started with: opening a
root below a private folder needs them, also when a zygote has to be replaced later. There is one zygote for each role
that is in use (profile.Role). The protocol on the control socket (SEQPACKET, unix(7)):

    PN <role> <profile>  what the zygotes of a role are for
    P- <role> <profile>  the same, without namespaces: the sandbox is switched off
    T<path>              take away this socket, or this folder of sockets, when the front-end is gone, however it went
    A<keep> <path>       where the audit log is, and how many of its older files are kept
    E                    that was all: no profile and no path is taken any more, so that a captured front-end cannot
                         widen anything
    Z<role>              start a zygote of a role, and end the one before; a role without a profile has none
    F                    open the file of the audit log that is to be written; the next one where it is full

A file is answered with A and its descriptor, or A and why there is none. A zygote is announced by Z<role>, with its
control socket attached. The first one, of role "ro", starts before anything has arrived and is announced once its
profile is there; the others start when they are asked for.
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
FIRST_ROLE = b"ro"

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


class Profile:
    """What the zygotes of one role are for, as it came."""

    def __init__(self, encoded: bytes, *, wants_namespaces: bool) -> None:
        self.encoded = encoded
        self.wants_namespaces = wants_namespaces


class Launcher:
    """The zygotes of one server, one for each role at most."""

    def __init__(self, control: socket.socket, serve_zygote: ServeZygote) -> None:
        self._control = control
        self._serve_zygote = serve_zygote
        self._pid = os.getpid()
        self._profiles: dict[bytes, Profile] = {}
        self._is_sealed = False
        self._zygotes: dict[bytes, int] = {}
        """The process of each role's zygote, or the one that waits for it."""
        self._early: socket.socket | None = None
        """The control socket of the zygote that has no profile yet."""
        self._leftovers: list[bytes] = []
        self._audit: tuple[int, str, int] | None = None
        """The folder of the audit log, its name there, and how many older files are kept."""

    def handle(self, message: bytes) -> None:
        """Obey one message of the front-end."""
        kind, rest = message[:1], message[1:]
        if kind == b"Z" and rest in self._profiles:
            self._kill_zygote(rest)
            self.start_zygote(rest)
        elif kind == b"F":
            self._open_audit_file()
        elif self._is_sealed:
            return
        elif kind == b"P":
            mode, role, encoded = rest.split(b" ", 2)
            self._take_profile(role, Profile(encoded, wants_namespaces=mode == b"N"))
        elif kind == b"T":
            self._leftovers.append(rest)
        elif kind == b"A":
            keep, path = rest.split(b" ", 1)
            folder, name = os.path.split(os.fsdecode(path))
            self._audit = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), name, int(keep)
        elif kind == b"E":
            self._is_sealed = True

    def _open_audit_file(self) -> None:
        """Nobody else may: the front-end has given its rights to files up."""
        from filewarden.workers.audit.files import current, reason_of

        if self._audit is None:
            return
        try:
            fd = current(*self._audit)
        except OSError as error:
            self._control.send(b"A" + reason_of(error).encode())
            return
        socket.send_fds(self._control, [b"A"], [fd])
        os.close(fd)

    def _take_profile(self, role: bytes, profile: Profile) -> None:
        self._profiles[role] = profile
        if role != FIRST_ROLE or self._early is None:
            return
        if profile.wants_namespaces:
            self._hand_over(role, self._early)
        else:  # it was started in the belief that they are wanted
            self._early.close()
            self._kill_zygote(role)
            self.start_zygote(role)
        self._early = None

    def start_zygote(self, role: bytes = FIRST_ROLE) -> None:
        """Fork a zygote; without a profile it has its imports to do and is handed over later."""
        profile = self._profiles.get(role)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            self._become_zygote(theirs, ours, wants_namespaces=profile is None or profile.wants_namespaces)
        theirs.close()
        self._zygotes[role] = pid
        if profile is None:
            self._early = ours
        else:
            self._hand_over(role, ours)

    def _hand_over(self, role: bytes, channel: socket.socket) -> None:
        """Give a zygote its profile, then its control socket to the front-end: in this order, whoever is faster."""
        with channel:
            with contextlib.suppress(OSError):  # it died meanwhile; the front-end sees its socket closed
                channel.send(self._profiles[role].encoded)
            socket.send_fds(self._control, [b"Z" + role], [channel.fileno()])

    def _become_zygote(self, control: socket.socket, front_end: socket.socket, *, wants_namespaces: bool) -> None:
        status = 1
        try:
            front_end.close()
            self._control.close()
            if self._early is not None:
                self._early.close()
            if self._audit is not None:
                os.close(self._audit[0])
            status = self._live_as_zygote(control, wants_namespaces=wants_namespaces)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _live_as_zygote(self, control: socket.socket, *, wants_namespaces: bool) -> int:
        """Become the zygote itself or, in namespaces of its own, the parent that waits for it; the exit status."""
        from filewarden.workers.confine.namespaces import Isolation, isolate
        from filewarden.workers.confine.privileges import die_with_parent

        isolation = isolate() if wants_namespaces else Isolation(is_active=False, why="switched off")
        if isolation.is_active and (child := os.fork()):
            control.close()
            die_with_parent(self._pid)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF
        self._serve_zygote(control, isolation)
        return 0

    def _kill_zygote(self, role: bytes) -> None:
        """End what is left of it, living or dead: the front-end asks for another when one is lost or hangs."""
        if (pid := self._zygotes.pop(role, None)) is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def end(self) -> None:
        """Kill and reap every zygote, their workers die with them; then remove the sockets that are left."""
        for role in tuple(self._zygotes):
            self._kill_zygote(role)
        for path in self._leftovers:
            with contextlib.suppress(OSError):
                remove_sockets(path)
