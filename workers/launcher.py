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
import time

from filewarden.workers import attached
from filewarden.workers.editions import PROFILE_BYTES, Edition, Profile, Reading
from filewarden.workers.zygotes import Zygotes

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from filewarden.workers.confine.namespaces import Isolation
    from filewarden.workers.editions import Reread
    from filewarden.workers.zygotes import ServeZygote

CONTROL_FD = 3
FIRST_ROLE = b"ro"


def serve_product(control: attached.Socket, isolation: "Isolation") -> None:
    """Become a zygote that knows the product's tools."""
    from filewarden.config.first_imports import begin

    startup_cache = begin("start_of_zygote")
    from filewarden.workers.catalogue import CATALOGUE
    from filewarden.workers.zygote import serve

    serve(control, isolation, CATALOGUE, startup_cache)


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
        launcher.begin()
        launcher.serve()
    except OSError:
        pass  # the front-end is gone: the end of this process is the answer
    finally:
        launcher.end()


class Launcher:
    """The zygotes of one server, one for each role at most in each edition of the configuration."""

    def __init__(self, control: attached.Socket, serve_zygote: "ServeZygote", reread: "Reread | None") -> None:
        self._control = control
        self._reread = reread
        self._zygotes = Zygotes(control, serve_zygote, self._leave_behind)
        self._edition = Edition(1)
        """What counts."""
        self._offered: Edition | None = None
        """What was read, and neither taken nor dropped."""
        self._latest = 1
        self._reading: Reading | None = None
        self._overdue: list[tuple[float, bytes]] = []
        """When which zygotes of earlier editions are ended, the earliest first."""
        self._is_sealed = False
        self._leftovers: list[bytes] = []
        self._audit: tuple[int, str, int] | None = None
        """The folder of the audit log, its name there, and how many older files are kept."""

    def begin(self) -> None:
        """Start the first zygote, whose profile is on its way."""
        self._zygotes.start(FIRST_ROLE, None)

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
            self._zygotes.kill(self._overdue.pop(0)[1])
        return self._control.fileno() in ready

    def handle(self, message: bytes) -> None:
        """Obey one message of the front-end."""
        kind, rest = message[:1], message[1:]
        if kind == b"Z":
            if (profile := self._profile(rest)) is not None:
                self._zygotes.kill(rest)
                self._zygotes.start(rest, profile)
        elif kind == b"G":
            self._zygotes.kill(rest)
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
            self._zygotes.end_early()
        elif (role := self._edition.take(kind, rest)) is not None:
            self._zygotes.begin_early(role, self._edition.profiles[role])

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
                self._zygotes.kill(label)
            self._offered.forget()
            self._offered = None

    def _profile(self, label: bytes) -> Profile | None:
        """What a zygote of that label is for, where it may be started."""
        offered = {} if self._offered is None else self._offered.profiles
        return self._edition.profiles.get(label) or offered.get(label)

    def _leave_behind(self) -> None:
        """Close, in a new zygote, what it must not have of its launcher."""
        if self._reading is not None:
            self._reading.channel.close()
        if self._audit is not None:
            os.close(self._audit[0])
        for edition in (self._edition, self._offered):
            if edition is not None:
                edition.forget()

    def end(self) -> None:
        """Kill and reap every zygote, their workers die with them; then remove the sockets that are left."""
        if self._reading is not None:
            self._reading.end(has_answered=False)
        self._zygotes.kill_all()
        self._take_away()

    def _take_away(self) -> None:
        from filewarden.workers.leftovers import remove_sockets

        for path in self._leftovers:
            try:
                remove_sockets(path)
            except OSError:
                continue
