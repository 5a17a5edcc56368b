"""The watcher processes of a server: one for each lookout that wants to hear of anything, replaced when it is lost."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
from collections.abc import Callable, Iterator

from filewarden.broker.backoff import Backoff
from filewarden.broker.breach import FORBIDDEN_CALL, Breach
from filewarden.broker.forkserver import is_dead_within
from filewarden.broker.heard_links import HeardLinks
from filewarden.broker.launcher import EditionLauncher
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.link import LinkError, Links
from filewarden.broker.lookout import Lookout
from filewarden.broker.memory import resident_bytes
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.reactor import Reactor
from filewarden.broker.watcher import Told, Watcher
from filewarden.workers.errors import Code
from filewarden.workers.wire import Ready, Report

MOST_THREADS = 32
"""Of a watcher: an honest one has a few, two or three of them to listen."""
STEADY_S = 10.0
"""A watcher that has lived so long is replaced at once; an earlier death counts as a failed start."""


class Crew:
    """Every watcher, and the zygote that forks them. `judge` says why one with this report may not serve, or None."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        links: Links,
        launcher: EditionLauncher,
        serials: Iterator[int],
        memory_bytes: int,
        start_timeout_s: float,
        judge: Callable[[Report], str | None],
        jitter: Callable[[], float],
        log: Callable[[str], None],
        on_breach: Callable[[Breach], None],
    ) -> None:
        self.unfit: Failed | None = None
        """Why nothing will ever be watched here."""
        self._reactor = reactor
        self._links = links
        self._serials = serials
        self._memory_bytes = memory_bytes
        self._start_timeout_s = start_timeout_s
        self._judge = judge
        self._jitter = jitter
        self._log = log
        self._on_breach = on_breach
        self._fork_server = launcher.fork_server("watch", self)
        self._zygote_backoff = Backoff(jitter)
        self._is_zygote_asked_for = False
        self._unmanned: dict[str, Lookout] = {}
        """Those that wait for a zygote."""
        self._backoffs: dict[str, Backoff] = {}
        self._watchers: dict[int, Watcher] = {}
        """Every process that is not known to be dead."""
        self._posts: dict[int, Lookout] = {}
        """Whom each of them works for, as long as it does."""
        self._heard = HeardLinks(reactor, self._on_link)
        self._is_closing = False

    def watchers(self) -> list[tuple[Watcher, Lookout | None]]:
        """Every process that is not known to be dead, and whom it works for."""
        return [(watcher, self._posts.get(watcher.serial)) for watcher in self._watchers.values()]

    # What the subscriptions need.

    def man(self, lookout: Lookout) -> None:
        """See to it that there is a watcher where one is wanted; ask again every now and then."""
        if self._is_closing or self.unfit is not None or lookout.watcher is not None or not lookout.count:
            return
        now = self._reactor.now()
        if not self._fork_server.is_ready:
            self._unmanned[lookout.principal] = lookout
            if not self._is_zygote_asked_for and self._zygote_backoff.may_start(now):
                self._is_zygote_asked_for = True
                self._fork_server.ask_for_zygote()
            return
        backoff = self._backoffs.setdefault(lookout.principal, Backoff(self._jitter))
        if backoff.may_start(now):
            backoff.started()
            self._start(lookout, now)

    def _start(self, lookout: Lookout, now: float) -> None:
        watcher = Watcher(next(self._serials), self._links.endpoint(), now)
        self._watchers[watcher.serial] = watcher
        self._posts[watcher.serial] = lookout
        lookout.began(watcher)
        self._fork_server.spawn(watcher.serial, watcher.endpoint, watcher.secret, watcher.open_gate())

    def guarded(self, lookout: Lookout, action: Callable[[], None]) -> None:
        """Do something with a watcher that may show that it is gone, or must go."""
        watcher = lookout.watcher
        try:
            action()
        except Violation as violation:
            if watcher is not None:
                self._tell_breach(lookout, violation.what)
                self._end_for(watcher, str(violation))
        except LinkLost:
            if watcher is not None:
                self._end_for(watcher, "its link ended")
        else:
            if watcher is not None:
                self._heard.look_again(watcher)

    def _tell_breach(self, lookout: Lookout | None, reason: str) -> None:
        principal = "" if lookout is None else lookout.principal
        self._on_breach(Breach(worker="watcher", role="watch", reason=reason, principal=principal))

    def dismiss(self, lookout: Lookout) -> None:
        """Nobody wants to hear of anything any more."""
        if lookout.watcher is not None:
            self._end(lookout.watcher, Exit.RECYCLED)
        self._backoffs.pop(lookout.principal, None)
        self._unmanned.pop(lookout.principal, None)

    def examine(self, now: float) -> None:
        """End what takes too long to become ready, holds too much memory, or runs too many threads."""
        for watcher in tuple(self._watchers.values()):
            if watcher.state is State.STARTING and now - watcher.started_at > self._start_timeout_s:
                if watcher.pid is None:
                    self._fork_server.give_up_zygote("it does not answer")
                    return
                self._end_for(watcher, f"it was not ready within {self._start_timeout_s} s")
            elif watcher.pid is not None and resident_bytes(watcher.pid) > self._memory_bytes:
                self._end_for(watcher, "it holds too much memory")
            elif watcher.state is State.IDLE and watcher.pid is not None and _threads(watcher.pid) > MOST_THREADS:
                self._tell_breach(self._posts.get(watcher.serial), _TOO_MANY_THREADS)
                self._end_for(watcher, _TOO_MANY_THREADS)

    def end_all(self, reason: str) -> None:
        """Replace every watcher: one of them may be to blame for something."""
        for watcher in tuple(self._watchers.values()):
            self._tell_breach(self._posts.get(watcher.serial), reason)
            self._end_for(watcher, reason)

    def close(self) -> None:
        """Kill every watcher; no other is started."""
        self._is_closing = True
        for watcher in tuple(self._watchers.values()):
            self._end(watcher, Exit.RECYCLED)

    def retire(self) -> None:
        """Likewise, while others go on: no zygote is needed for them any more."""
        self.close()
        self._fork_server.give_up()

    def await_deaths(self, timeout_s: float) -> bool:
        """Wait for the processes of ended watchers; False when one outlives the time."""
        give_up_at = self._reactor.now() + timeout_s
        for watcher in tuple(self._watchers.values()):
            if watcher.pidfd is not None and not is_dead_within(watcher.pidfd, give_up_at - self._reactor.now()):
                return False
            self._on_death(watcher)
        return True

    # What the fork server tells.

    def on_zygote(self) -> None:
        """A zygote takes spawn messages."""
        self._is_zygote_asked_for = False
        unmanned, self._unmanned = self._unmanned, {}
        for lookout in unmanned.values():
            self.man(lookout)

    def on_spawned(self, serial: int, pid: int, pidfd: int) -> None:
        """A watcher process exists and waits at its gate."""
        watcher = self._watchers.get(serial)
        if watcher is None:
            os.close(pidfd)
            return
        self._reactor.watch(pidfd, lambda: self._on_death(watcher))
        try:
            watcher.spawned(pid, pidfd, self._links)
        except LinkError as error:
            self._end_for(watcher, str(error))
        self._heard.watch(watcher)

    def on_exited(self, serial: int, status: int) -> None:
        """A watcher was reaped; its handle tells that too, but not of what it died."""
        if status == -_signal.SIGSYS:
            self._log(f"watcher number {serial} was killed for {FORBIDDEN_CALL}")
            self._tell_breach(self._posts.get(serial), FORBIDDEN_CALL)

    def on_zygote_lost(self, reason: str) -> None:
        """Every watcher dies with its zygote."""
        if self._is_closing:
            return
        self._log(f"the zygote of the watchers ended: {reason}")
        self._is_zygote_asked_for = False
        self._zygote_backoff.failed(self._reactor.now())  # a later `man` asks for another
        self._lose_all()

    def on_unusable(self, reason: str) -> None:
        """No zygote will ever serve this profile."""
        self._give_up(reason)
        self._lose_all()

    def _lose_all(self) -> None:
        """Nobody bears those any more that were on their way."""
        for watcher in tuple(self._watchers.values()):
            self._end(watcher, Exit.CRASH)
            if watcher.pidfd is None:
                self._bury(watcher)

    # Frames.

    def _on_link(self, watcher: Watcher) -> None:
        lookout = self._posts.get(watcher.serial)
        if lookout is None:
            return

        def act() -> None:
            for frame in watcher.receive():
                self._on_frame(watcher, lookout, frame)

        self.guarded(lookout, act)

    def _on_frame(self, watcher: Watcher, lookout: Lookout, frame: Ready | Told) -> None:
        now = self._reactor.now()
        if watcher.state is State.STOPPING:  # by what a subscriber did on hearing the frame before
            return
        if not isinstance(frame, Ready):
            if watcher.state is not State.IDLE:
                raise Violation("it speaks before it is confined")
            lookout.heard(frame, now)
            return
        objection = self._judge(watcher.confined(frame, now))
        if objection is not None:
            self._give_up(objection)
            return
        self._zygote_backoff.succeeded()
        lookout.ready(now)

    # Endings.

    def _give_up(self, reason: str) -> None:
        self._log(f"nothing can be watched: {reason}")
        self.unfit = Failed(Code.UNSUPPORTED, "Watching is not possible here. The server's log says why.", {})
        for watcher in tuple(self._watchers.values()):
            self._end(watcher, Exit.PROTOCOL)

    def _end_for(self, watcher: Watcher, reason: str) -> None:
        if watcher.state not in (State.STOPPING, State.DEAD):
            self._log(f"watcher {watcher.pid} was ended: {reason}")
            self._end(watcher, Exit.PROTOCOL)

    def _end(self, watcher: Watcher, cause: Exit) -> None:
        if watcher.state in (State.STOPPING, State.DEAD):
            return
        self._heard.unwatch(watcher)
        watcher.end(cause)
        self._leave_post(watcher)

    def _on_death(self, watcher: Watcher) -> None:
        self._heard.unwatch(watcher)
        if watcher.pidfd is not None:
            self._reactor.forget(watcher.pidfd)
        watcher.ended()
        if not self._is_closing and watcher.exit is Exit.CRASH:
            self._log(f"watcher {watcher.pid} died")
        self._bury(watcher)
        self._leave_post(watcher)

    def _leave_post(self, watcher: Watcher) -> None:
        """Its principal needs another, if it still wants to hear of anything."""
        lookout = self._posts.pop(watcher.serial, None)
        if lookout is None or lookout.watcher is not watcher:
            return
        lookout.lost()
        now = self._reactor.now()
        backoff = self._backoffs[lookout.principal]
        if watcher.ready_at is not None and now - watcher.ready_at > STEADY_S:
            backoff.succeeded()
        else:
            backoff.failed(now)
        self.man(lookout)

    def _bury(self, watcher: Watcher) -> None:
        self._watchers.pop(watcher.serial, None)


_TOO_MANY_THREADS = "it runs too many threads"


def _threads(pid: int) -> int:
    """How many threads a process has, by the links of a folder with one for each (proc(5)); 0 when it is gone."""
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0
