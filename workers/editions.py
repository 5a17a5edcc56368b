"""The editions of a server's configuration: what each means for its zygotes, and the process that reads the next one.

The launcher reads nothing itself. When the front-end asks for it, a child of the launcher, with the rights that the
server was started with, reads the same file with the same arguments and variables as at the start: they lie in the
document that the launcher got before it was sealed, so nobody chooses them later. The child says on a socket of its own

    PN <role> <profile>, P- <role> <profile>, L<seconds>    as the front-end does at the start (workers.launcher)
    S                    that was all, with the new document attached
    X<reason>            it is refused

and ends. An edition is offered to the front-end, which tries it with fresh workers and has it taken or dropped.
"""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
import sys
import time

from filewarden.workers import attached

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Callable

    Reread = Callable[[int, attached.Socket], None]
    """Read the configuration again: the descriptor of the document, and where to say what came of it."""

PROFILE_BYTES = 262_144
READING_S = 30.0
"""How long reading may take: a root may lie on a file system that does not answer."""


class Profile:
    """What the zygotes of one role are for, as it came."""

    def __init__(self, encoded: bytes, *, wants_namespaces: bool) -> None:
        self.encoded = encoded
        self.wants_namespaces = wants_namespaces


class Edition:
    """One reading of the configuration."""

    def __init__(self, number: int) -> None:
        self.number = number
        """The one of the start is 1."""
        self.profiles: dict[bytes, Profile] = {}
        """By the label of their zygotes."""
        self.document = -1
        """The descriptor of what the next reading goes by."""
        self.outlived_s = 0.0
        """How long its zygotes may live on when another one counts."""

    def take(self, kind: bytes, rest: bytes) -> bytes | None:
        """Take a message that adds to it; the role that has a profile now."""
        if kind == b"L":
            self.outlived_s = float(rest)
        if kind != b"P":
            return None
        mode, role, encoded = rest.split(b" ", 2)
        self.profiles[self.label(role)] = Profile(encoded, wants_namespaces=mode == b"N")
        return role

    def label(self, role: bytes) -> bytes:
        """What the zygotes of a role are called: several editions may have some at the same time."""
        return role if self.number == 1 else b"%s.%d" % (role, self.number)

    def forget(self) -> None:
        """Let go of its document."""
        if self.document >= 0:
            os.close(self.document)
            self.document = -1


class Reading:
    """The child that reads, and what it has said so far."""

    def __init__(self, number: int, document: int, reread: "Reread", inherited: attached.Socket) -> None:
        """Start it; `inherited` is what it must not keep."""
        self.give_up_at = time.monotonic() + READING_S
        self._edition = Edition(number)
        self.channel, theirs = attached.pair()
        launcher = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            self.channel.close()
            inherited.close()
            _read(document, theirs, reread, launcher)
        theirs.close()

    def hear(self) -> "Edition | str | None":
        """Take what the child has said: an edition when that was all, a sentence when there will be none, else None."""
        try:
            message, fds = attached.receive(self.channel, PROFILE_BYTES)
        except OSError as error:
            return f"the reading of the configuration failed: {error.strerror}"
        kind, rest = message[:1], message[1:]
        if kind == b"S" and fds:
            self._edition.document = fds[0]
            return self._edition
        for fd in fds:
            os.close(fd)
        if kind == b"X":
            return rest.decode("utf-8", "replace")
        if not message:
            return "the reading of the configuration ended without a word; the log of the server may say why"
        self._edition.take(kind, rest)
        return None

    def end(self, *, has_answered: bool) -> None:
        """Leave no process behind; one that may hang in the kernel is killed and not waited for."""
        self.channel.close()
        try:  # noqa: SIM105 - nothing is imported for it here
            os.kill(self._pid, _signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self._pid, 0 if has_answered else os.WNOHANG)


def _read(document: int, channel: attached.Socket, reread: "Reread", launcher: int) -> None:
    """Live as that child."""
    status = 1
    try:
        from filewarden.workers.confine.privileges import die_with_parent

        die_with_parent(launcher)
        reread(document, channel)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
