"""The zygotes of a launcher, by their labels: forked, given their profiles, announced to the front-end, and killed."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
import sys

from filewarden.workers import attached

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself is not imported here
    from collections.abc import Callable

    from filewarden.workers.confine.namespaces import Isolation
    from filewarden.workers.editions import Profile

    ServeZygote = Callable[[attached.Socket, Isolation], None]


class Zygotes:
    """The processes. One may be started before its profile is known, the early one: it has its imports to do."""

    def __init__(
        self, front_end: attached.Socket, serve_zygote: "ServeZygote", leave_behind: "Callable[[], None]"
    ) -> None:
        """`leave_behind` closes, in a new process, what a zygote must not have of its launcher."""
        self._front_end = front_end
        self._serve_zygote = serve_zygote
        self._leave_behind = leave_behind
        self._pid = os.getpid()
        self._processes: dict[bytes, int] = {}
        """The process of each label's zygote, or the one that waits for it."""
        self._early: attached.Socket | None = None
        """The control socket of the early one."""
        self._early_label = b""

    def start(self, label: bytes, profile: "Profile | None") -> None:
        """Fork a zygote; without a profile it is the early one."""
        ours, theirs = attached.pair()
        pid = os.fork()
        if pid == 0:
            self._become_zygote(theirs, ours, wants_namespaces=profile is None or profile.wants_namespaces)
        theirs.close()
        self._processes[label] = pid
        if profile is None:
            self._early, self._early_label = ours, label
        else:
            self._hand_over(label, profile, ours)

    def begin_early(self, label: bytes, profile: "Profile") -> None:
        """The profile of a label has come, for which the early one may wait."""
        early = self._early
        if early is None or label != self._early_label:
            return
        if profile.wants_namespaces:
            self._hand_over(label, profile, early)
        else:  # it was started in the belief that they are wanted
            early.close()
            self.kill(label)
            self.start(label, profile)
        self._early = None

    def end_early(self) -> None:
        """Nobody is served by the profile that the early one waits for."""
        if self._early is not None:
            self._early.close()
            self._early = None
            self.kill(self._early_label)

    def kill(self, label: bytes) -> None:
        """End what is left of one, living or dead: the front-end asks for another when one is lost or hangs."""
        if (pid := self._processes.pop(label, None)) is not None:
            os.kill(pid, _signal.SIGKILL)
            os.waitpid(pid, 0)

    def kill_all(self) -> None:
        """Kill and reap every one; their workers die with them."""
        for label in tuple(self._processes):
            self.kill(label)

    def _hand_over(self, label: bytes, profile: "Profile", channel: attached.Socket) -> None:
        """Give a zygote its profile, then its control socket to the front-end: in this order, whoever is faster."""
        try:  # noqa: SIM105 - nothing is imported for it here
            channel.send(profile.encoded)
        except OSError:
            pass  # it died meanwhile; the front-end sees its socket closed
        try:
            attached.send(self._front_end, b"Z" + label, channel.fileno())
        finally:
            channel.close()

    # In the new process.

    def _become_zygote(self, control: attached.Socket, theirs: attached.Socket, *, wants_namespaces: bool) -> None:
        status = 1
        try:
            theirs.close()
            self._front_end.close()
            if self._early is not None:
                self._early.close()
            self._leave_behind()
            status = self._live_as_zygote(control, wants_namespaces=wants_namespaces)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

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
