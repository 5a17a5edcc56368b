"""The workers of one pool: started, watched, killed, replaced, as the lifecycle says."""

import os
import signal
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from filewarden.broker.backoff import Backoff, Breaker
from filewarden.broker.call import Call
from filewarden.broker.exits import REMEMBERED_CRASHES
from filewarden.broker.forkserver import ForkServer, is_dead_within
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.link import LinkError, Links
from filewarden.broker.memory import resident_bytes
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.roster import Roster
from filewarden.broker.worker import LinkLost, Violation, Worker
from filewarden.config.settings import PoolSettings
from filewarden.workers.wire import Aside, Ending, Ready, Report

SIGSYS_STATUS = -31
ENDED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT)
"""Ways to die that say nothing about the call."""
STARTS_AT_ONCE = 2


class Client(Protocol):
    """Whom the supervisor serves."""

    def on_idle(self) -> None:
        """At least one worker can take a call."""

    def on_frame(self, worker: Worker, frame: Ending | Aside) -> None:
        """A worker answered, or said something on the way; the views in `frame` are valid during this call only.

        Raises:
            Violation: the frame is not about what that worker runs.
        """

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""

    def on_costly(self, call: Call) -> None:
        """It has become known that `call` itself brought its worker down."""

    def on_report(self, report: Report) -> bool:
        """A worker reported its confinement; whether it may serve."""

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""


class Supervisor:
    """The processes behind a roster: started, watched, ended, replaced."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        links: Links,
        settings: PoolSettings,
        client: Client,
        jitter: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._links = links
        self._settings = settings
        self._client = client
        self._jitter = jitter
        self._log = log
        self._fork_server: ForkServer | None = None
        self.roster = Roster(settings.workers, settings.spares)
        self._recycle_at: dict[int, float] = {}
        self._next_serial = 1
        self._backoff = Backoff(jitter)
        self._retry: Timer | None = None
        self._dirty: set[Worker] = set()
        self._is_closing = False
        self._has_served = False
        """Whether a worker of the present zygote was ready."""
        self._crashed: OrderedDict[int, Call] = OrderedDict()
        """The calls of the latest crashed workers, until it is known what they died of."""

    def attach(self, fork_server: ForkServer) -> None:
        """Name the fork server that this pool's workers come from."""
        self._fork_server = fork_server

    # What others ask.

    def breaker(self) -> Breaker:
        """Whether new workers are started freely."""
        return self._backoff.breaker()

    def is_down(self) -> bool:
        """Whether nothing serves and starting has failed too often to wait for it."""
        return self._backoff.breaker() is not Breaker.CLOSED and not self.roster.is_serving()

    def assign(self, worker: Worker, call: Call, frame: bytes) -> None:
        """Give an idle worker a call."""
        try:
            worker.assign(call, frame, self._reactor.now())
        except LinkLost:
            self._cut_off(worker)
        else:
            self._mark_dirty(worker)

    def condemn(self, worker: Worker, cause: Exit) -> None:
        """Kill a worker; its slot is filled at once, its call is reported lost."""
        if worker.state in (State.STOPPING, State.DEAD):
            return
        self._unwatch_link(worker)
        call = worker.condemn(cause)
        self._lose(worker, call, cause)

    def condemn_for(self, worker: Worker, violation: str) -> None:
        """Kill a worker for what no honest one does."""
        if worker.state not in (State.STOPPING, State.DEAD):
            self._log(f"worker {worker.pid} broke the protocol: {violation}")
            self.condemn(worker, Exit.PROTOCOL)

    def tick(self, now: float) -> None:
        """Condemn what takes too long to become ready."""
        for worker in self.roster.workers():
            if worker.state is State.STARTING and now - worker.started_at > self._settings.start_timeout_s:
                if worker.pid is None and self._fork_server is not None:
                    self._fork_server.give_up_zygote("it does not answer")
                    return
                self._log(f"worker {worker.pid} was not ready within {self._settings.start_timeout_s} s")
                self.condemn(worker, Exit.DEADLINE)

    def close(self) -> None:
        """Kill every worker; no other is started."""
        self._is_closing = True
        if self._retry is not None:
            self._retry.cancel()
        for worker in self.roster.workers():
            self.condemn(worker, Exit.RECYCLED)

    def await_deaths(self, timeout_s: float) -> bool:
        """Wait for the processes of condemned workers; False when one outlives the time."""
        give_up_at = self._reactor.now() + timeout_s
        for worker in self.roster.workers():
            if worker.pidfd is None:
                self._bury(worker)
                continue
            if not is_dead_within(worker.pidfd, give_up_at - self._reactor.now()):
                return False
            self._on_death(worker)
        return True

    # The fork server's reports.

    def on_zygote(self) -> None:
        """A zygote takes spawn messages."""
        self._fill()

    def on_spawned(self, serial: int, pid: int, pidfd: int) -> None:
        """A worker process exists and waits at its gate."""
        worker = self.roster.find(serial)
        if worker is None:
            os.close(pidfd)
            return
        self._reactor.watch(pidfd, lambda: self._on_death(worker))
        try:
            worker.spawned(pid, pidfd, self._links)
        except LinkError as error:
            self._log(str(error))
            self.condemn(worker, Exit.CRASH)
        if worker.link_fd is not None:
            self._reactor.watch(worker.link_fd, lambda: self._on_link(worker))

    def on_exited(self, serial: int, status: int) -> None:
        """The zygote reaped a worker: only now is it known what killed it."""
        worker = self.roster.find(serial)
        call = self._crashed.pop(serial, None) if worker is None else worker.call
        if call is not None and status not in ENDED_FROM_OUTSIDE:
            self._client.on_costly(call)
        if status != SIGSYS_STATUS:
            return
        self._log(f"worker number {serial} was killed for a forbidden system call")
        if worker is not None and worker.exit is None:  # its handle has not told yet
            worker.exit = Exit.VIOLATION
            return
        self.roster.learn(serial, Exit.VIOLATION)

    def on_zygote_lost(self, reason: str) -> None:
        """Every worker dies with its zygote; the handles will tell of each."""
        if self._is_closing:
            return
        self._log(f"the zygote ended: {reason}")
        for worker in self.roster.workers():
            self.condemn(worker, Exit.CRASH)
            if worker.pidfd is None:
                self._bury(worker)
        now = self._reactor.now()
        self._retry_at(now if self._has_served else self._backoff.failed(now))
        self._has_served = False

    def on_unusable(self, reason: str) -> None:
        """No zygote will ever serve this profile."""
        self._client.on_broken(reason)

    def on_launcher_lost(self) -> None:
        """Nothing can be started any more."""
        if not self._is_closing:
            self._client.on_broken("the launcher process ended")

    # Starting.

    def _fill(self) -> None:
        """Put workers into empty slots, and start what is missing."""
        if self._is_closing or self._fork_server is None:
            return
        self.roster.promote()
        if not self._fork_server.is_ready:
            return
        at_once = STARTS_AT_ONCE if self._has_served else 1
        for _ in range(min(self.roster.missing(), at_once - self.roster.starting())):
            now = self._reactor.now()
            if not self._backoff.may_start(now):
                if self._backoff.not_before > now:  # else one try is under way, and its end leads here again
                    self._retry_at(self._backoff.not_before)
                return
            self._start(self._fork_server)
        self.roster.promote()

    def _start(self, fork_server: ForkServer) -> None:
        serial = self._next_serial
        self._next_serial += 1
        worker = Worker(serial, self._links.endpoint(), self._reactor.now())
        self.roster.add(worker)
        self._recycle_at[serial] = self._settings.recycle_after_calls * (1 + self._jitter() / 10)
        self._backoff.started()
        fork_server.spawn(serial, worker.endpoint, worker.secret, worker.open_gate())

    def _retry_at(self, when: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._reactor.at(when, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        if self._fork_server is not None and not self._fork_server.is_ready:
            self._fork_server.restart_zygote()
        self._fill()

    # Frames.

    def _on_link(self, worker: Worker) -> None:
        try:
            for frame in worker.receive():
                self._on_frame(worker, frame)
        except Violation as violation:
            self.condemn_for(worker, str(violation))
        except LinkLost:
            self._cut_off(worker)
        else:
            self._mark_dirty(worker)

    def _cut_off(self, worker: Worker) -> None:
        """Tell a death, which its handle reports any moment, from a link that was ended for what came over it.

        A process gives its memory back before its files (exit(2)): one that still has some has not died.
        """
        worker.is_cut_off = True
        self._unwatch_link(worker)
        if resident_bytes(worker.pid):
            self.condemn_for(worker, "its link ended")

    def _on_frame(self, worker: Worker, frame: Ready | Ending | Aside) -> None:
        if not isinstance(frame, Ready):
            self._client.on_frame(worker, frame)
            self._recycle_if_due(worker)
            return
        report = worker.confined(frame, self._reactor.now())
        if not self._client.on_report(report):
            self.condemn(worker, Exit.PROTOCOL)
            return
        self._backoff.succeeded()
        self._has_served = True
        self.roster.became_ready(worker)
        self._fill()
        self._client.on_idle()

    def _recycle_if_due(self, worker: Worker) -> None:
        is_due = worker.calls_total >= self._recycle_at[worker.serial]
        if is_due and worker.state is State.IDLE and (self.roster.spares_ready() or not self._settings.spares):
            self.condemn(worker, Exit.RECYCLED)

    def _mark_dirty(self, worker: Worker) -> None:
        """Look at the link once more before sleeping: its descriptor signals only changes."""
        if not self._dirty:
            self._reactor.settle(self._look_again)
        self._dirty.add(worker)

    def _look_again(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for worker in dirty:
            if worker.has_more():
                self._on_link(worker)

    # Endings.

    def _on_death(self, worker: Worker) -> None:
        was_condemned = worker.state is State.STOPPING
        self._unwatch_link(worker)
        if worker.pidfd is not None:
            self._reactor.forget(worker.pidfd)
        call = worker.exited()
        self._bury(worker)
        if not was_condemned:
            self._lose(worker, call, worker.exit or Exit.CRASH)

    def _lose(self, worker: Worker, call: Call | None, cause: Exit) -> None:
        """What a worker's end means for its slot, its call, and the next start."""
        self.roster.lose(worker, cause)
        if cause is Exit.CRASH and call is not None:
            self._crashed[worker.serial] = call
            while len(self._crashed) > REMEMBERED_CRASHES:
                self._crashed.popitem(last=False)
        has_zygote = self._fork_server is not None and self._fork_server.is_ready
        if worker.ready_at is None and has_zygote and not self._is_closing:
            self._retry_at(self._backoff.failed(self._reactor.now()))
        self._fill()
        if call is not None:
            self._client.on_lost(call, cause)
        self._client.on_idle()

    def _bury(self, worker: Worker) -> None:
        self.roster.remove(worker)
        self._recycle_at.pop(worker.serial, None)
        self._dirty.discard(worker)

    def _unwatch_link(self, worker: Worker) -> None:
        if worker.link_fd is not None:
            self._reactor.forget(worker.link_fd)
        self._dirty.discard(worker)
