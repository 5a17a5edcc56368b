"""The launcher: the small process beside the front-end that forks zygotes and restarts them.

It is a fresh interpreter that reads nothing untrusted, holds no network, and imports next to nothing, so that the first
zygote starts its own imports within milliseconds. It keeps the privileges that the server was started with: opening a
root below a private folder needs them, also when a zygote has to be replaced later. There is one zygote for each role
that is in use (profile.Role). The protocol on the control socket (SEQPACKET, unix(7)):

    PN <label> <profile> what the zygotes of a label are for
    P- <label> <profile> the same, without namespaces: the sandbox is switched off
    L<seconds>           how long they may live on when the configuration was read again
    T<path>              take away this socket, or this folder of sockets, when the front-end is gone, however it went
    A<keep> <path>       where the audit log is, and how many of its older files are kept
    C                    by what the configuration is read again, as a document that is attached
    E                    that was all: none of these is taken any more, so that a captured front-end cannot widen
                         anything
    Z<label>             start a zygote, and end the one before of that label; a label without a profile has none
    G<label>             that zygote is not needed any more
    F                    open the file of the audit log that is to be written; the next one where it is full
    R                    read the configuration again (workers.editions), unless that is under way
    K<number>            what was read counts from now on; what counted before starts no zygote any more, and those it
                         has end with their calls, or when L is over
    D<number>            forget what was read, with its zygotes

A file is answered with A and its descriptor, or A and why there is none; a reading with N<number> and the new document,
or X and why it is refused. A zygote is announced by Z<label>, with its control socket attached. Its label is its role,
or <name>/<role> for a profile of the settings, and after a reading either with .<number> behind it. The first one,
"ro", starts before anything has arrived and is announced once its profile is there, or ended at the seal when none has
come; the others start when they are asked for.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
import sys
import time

from filewarden.workers import attached
from filewarden.workers.editions import PROFILE_BYTES, Edition, Profile, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Callable

    from filewarden.workers.confine.namespaces import Isolation
    from filewarden.workers.editions import Reread

    ServeZygote = Callable[[attached.Socket, Isolation], None]

CONTROL_FD = 3
FIRST_ROLE = b"ro"


def serve_product(control: attached.Socket, isolation: "Isolation") -> None:
    """Become a zygote that knows the product's tools."""
    from filewarden.config.first_imports import begin

    begin()
    from filewarden.workers.catalogue import CATALOGUE
    from filewarden.workers.zygote import serve

    serve(control, isolation, CATALOGUE)


def main(serve_zygote: "ServeZygote" = serve_product, reread: "Reread | None" = None) -> None:
    """Serve the control socket until the front-end closes it or dies; then leave no process behind.

    Without `reread` the configuration is read once only.
    """
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
        # One for the whole group is the front-end's to answer: it lets calls finish.
        _signal.signal(number, _signal.SIG_IGN)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # a starter that ignores it would leave us no child to wait for
    control = attached.Socket(fileno=CONTROL_FD)
    launcher = Launcher(control, serve_zygote, reread)
    try:
        launcher.start_zygote()
        launcher.serve()
    except OSError:
        pass  # the front-end is gone: the end of this process is the answer
    finally:
        launcher.end()


class Launcher:
    """The zygotes of one server, one for each role at most in each edition of the configuration."""

    def __init__(self, control: attached.Socket, serve_zygote: "ServeZygote", reread: "Reread | None") -> None:
        self._control = control
        self._serve_zygote = serve_zygote
        self._reread = reread
        self._pid = os.getpid()
        self._edition = Edition(1)
        """What counts."""
        self._offered: Edition | None = None
        """What was read, and neither taken nor dropped."""
        self._latest = 1
        self._reading: Reading | None = None
        self._overdue: list[tuple[float, bytes]] = []
        """When which zygotes of earlier editions are ended, the earliest first."""
        self._is_sealed = False
        self._zygotes: dict[bytes, int] = {}
        """The process of each label's zygote, or the one that waits for it."""
        self._early: attached.Socket | None = None
        """The control socket of the zygote that has no profile yet."""
        self._leftovers: list[bytes] = []
        self._audit: tuple[int, str, int] | None = None
        """The folder of the audit log, its name there, and how many older files are kept."""

    def serve(self) -> None:
        """Obey until the front-end is gone."""
        while True:
            if (self._reading is not None or self._overdue) and not self._attend():
                continue
            message, fds = attached.receive(self._control, PROFILE_BYTES)
            if not message:
                return
            for fd in fds:
                if message[:1] != b"C" or self._is_sealed:
                    os.close(fd)
                else:
                    self._edition.document = fd
            self.handle(message)

    def _attend(self) -> bool:
        """Wait, and look after what is under way; whether the front-end has said something."""
        import select

        poll = select.poll()
        poll.register(self._control.fileno(), select.POLLIN)
        until = self._overdue[0][0] if self._overdue else float("inf")
        if self._reading is not None:
            poll.register(self._reading.channel.fileno(), select.POLLIN)
            until = min(until, self._reading.give_up_at)
        ready = [fd for fd, _event in poll.poll(max(0.0, until - time.monotonic()) * 1000)]
        if self._reading is not None:
            self._hear(self._reading, can_hear=self._reading.channel.fileno() in ready)
        while self._overdue and time.monotonic() >= self._overdue[0][0]:
            self._kill_zygote(self._overdue.pop(0)[1])
        return self._control.fileno() in ready

    def handle(self, message: bytes) -> None:
        """Obey one message of the front-end."""
        kind, rest = message[:1], message[1:]
        if kind == b"Z":
            if self._profile(rest) is not None:
                self._kill_zygote(rest)
                self.start_zygote(rest)
        elif kind == b"G":
            self._kill_zygote(rest)
        elif kind == b"F":
            self._open_audit_file()
        elif kind == b"R":
            self._read_again()
        elif kind in b"KD":
            self._decide(rest, is_taken=kind == b"K")
        elif not self._is_sealed:
            self._prepare(kind, rest)

    def _prepare(self, kind: bytes, rest: bytes) -> None:
        """Obey what is obeyed before the seal only."""
        if kind == b"T":
            self._leftovers.append(rest)
        elif kind == b"A":
            keep, path = rest.split(b" ", 1)
            folder, name = os.path.split(os.fsdecode(path))
            self._audit = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), name, int(keep)
        elif kind == b"E":
            self._is_sealed = True
            if self._early is not None:  # nobody is served by the profile that it was for
                self._early.close()
                self._early = None
                self._kill_zygote(FIRST_ROLE)
        elif self._edition.take(kind, rest) == FIRST_ROLE and self._early is not None:
            self._hand_over_early(self._early)

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
        attached.send(self._control, b"A", fd)
        os.close(fd)

    # Reading the configuration again.

    def _read_again(self) -> None:
        if self._reading is not None:
            return
        if self._reread is None or self._edition.document < 0:
            self._control.send(b"Xthis server cannot read its configuration again; restart it")
            return
        self._forget_offer()
        self._latest += 1
        self._reading = Reading(self._latest, self._edition.document, self._reread, self._control)

    def _hear(self, reading: Reading, *, can_hear: bool) -> None:
        """Take what the child says, and pass on what came of it."""
        heard: Edition | str | None = None
        if can_hear:
            heard = reading.hear()
        elif time.monotonic() >= reading.give_up_at:
            heard = "reading took too long: a root or a file may lie on a file system that does not answer"
        if heard is None:
            return
        reading.end(has_answered=can_hear)
        self._reading = None
        if isinstance(heard, str):
            self._control.send(b"X" + heard.encode())
            return
        self._offered = heard
        attached.send(self._control, b"N%d" % heard.number, heard.document)

    def _decide(self, number: bytes, *, is_taken: bool) -> None:
        offered, before = self._offered, self._edition
        if offered is None or number != b"%d" % offered.number:
            return
        if not is_taken:
            self._forget_offer()
            return
        self._edition, self._offered = offered, None
        end_at = time.monotonic() + before.outlived_s
        self._overdue = sorted([*self._overdue, *((end_at, label) for label in before.profiles)])
        before.forget()

    def _forget_offer(self) -> None:
        if self._offered is not None:
            for label in self._offered.profiles:
                self._kill_zygote(label)
            self._offered.forget()
            self._offered = None

    # Zygotes.

    def _profile(self, label: bytes) -> Profile | None:
        """What a zygote of that label is for, where it may be started."""
        offered = {} if self._offered is None else self._offered.profiles
        return self._edition.profiles.get(label) or offered.get(label)

    def _hand_over_early(self, early: attached.Socket) -> None:
        """The profile of the first zygote has come."""
        if self._edition.profiles[FIRST_ROLE].wants_namespaces:
            self._hand_over(FIRST_ROLE, early)
        else:  # it was started in the belief that they are wanted
            early.close()
            self._kill_zygote(FIRST_ROLE)
            self.start_zygote(FIRST_ROLE)
        self._early = None

    def start_zygote(self, label: bytes = FIRST_ROLE) -> None:
        """Fork a zygote; without a profile it has its imports to do and is handed over later."""
        profile = self._profile(label)
        ours, theirs = attached.pair()
        pid = os.fork()
        if pid == 0:
            self._become_zygote(theirs, ours, wants_namespaces=profile is None or profile.wants_namespaces)
        theirs.close()
        self._zygotes[label] = pid
        if profile is None:
            self._early = ours
        else:
            self._hand_over(label, ours)

    def _hand_over(self, label: bytes, channel: attached.Socket) -> None:
        """Give a zygote its profile, then its control socket to the front-end: in this order, whoever is faster."""
        profile = self._profile(label)
        try:
            if profile is not None:
                channel.send(profile.encoded)
        except OSError:
            pass  # it died meanwhile; the front-end sees its socket closed
        try:
            attached.send(self._control, b"Z" + label, channel.fileno())
        finally:
            channel.close()

    def _become_zygote(self, control: attached.Socket, front_end: attached.Socket, *, wants_namespaces: bool) -> None:
        status = 1
        try:
            front_end.close()
            self._leave_behind()
            status = self._live_as_zygote(control, wants_namespaces=wants_namespaces)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _leave_behind(self) -> None:
        """Close what a zygote must not have of its launcher."""
        self._control.close()
        if self._early is not None:
            self._early.close()
        if self._reading is not None:
            self._reading.channel.close()
        if self._audit is not None:
            os.close(self._audit[0])
        for edition in (self._edition, self._offered):
            if edition is not None:
                edition.forget()

    def _live_as_zygote(self, control: attached.Socket, *, wants_namespaces: bool) -> int:
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

    def _kill_zygote(self, label: bytes) -> None:
        """End what is left of it, living or dead: the front-end asks for another when one is lost or hangs."""
        if (pid := self._zygotes.pop(label, None)) is not None:
            os.kill(pid, _signal.SIGKILL)
            os.waitpid(pid, 0)

    def end(self) -> None:
        """Kill and reap every zygote, their workers die with them; then remove the sockets that are left."""
        if self._reading is not None:
            self._reading.end(has_answered=False)
        for label in tuple(self._zygotes):
            self._kill_zygote(label)
        self._take_away()

    def _take_away(self) -> None:
        from filewarden.workers.leftovers import remove_sockets

        for path in self._leftovers:
            try:
                remove_sockets(path)
            except OSError:
                continue
