"""The workers of one pool: started, watched, killed, replaced, as the lifecycle says."""

import os
from collections.abc import Callable
from typing import Protocol

from filewarden.broker.backoff import Backoff, Breaker
from filewarden.broker.call import Call
from filewarden.broker.forkserver import ForkServer, is_dead_within
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.link import LinkError, Links
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.worker import Violation, Worker
from filewarden.config.settings import PoolSettings
from filewarden.workers.wire import Answer, Ready, Refusal, Report

SIGSYS_STATUS = -31
STARTS_AT_ONCE = 2


class Slot:
    """One place in the pool, which outlives the workers that fill it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.worker: Worker | None = None
        self.restarts = 0
        self.last_exit: Exit | None = None
        self.has_been_ready = False
        self._calls_before = 0
        self._lost_serial = 0

    @property
    def calls_total(self) -> int:
        """Calls answered in this place, by whichever worker."""
        return self._calls_before + (0 if self.worker is None else self.worker.calls_total)

    def lose(self, cause: Exit) -> None:
        """Its worker is gone or about to be."""
        if self.worker is None:
            return
        self._calls_before += self.worker.calls_total
        self._lost_serial = self.worker.serial
        self.worker = None
        self.last_exit = cause
        if cause is not Exit.RECYCLED:
            self.restarts += 1

    def learn(self, serial: int, cause: Exit) -> None:
        """The true cause of a crash that was reported before its exit status was known."""
        if self._lost_serial == serial and self.last_exit is Exit.CRASH:
            self.last_exit = cause


class Client(Protocol):
    """Whom the supervisor serves."""

    def on_idle(self) -> None:
        """At least one worker can take a call."""

    def on_frame(self, worker: Worker, frame: Answer | Refusal) -> None:
        """A worker answered; the views in `frame` are valid during this call only.

        Raises:
            Violation: the frame is no answer to what that worker runs.
        """

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""

    def on_report(self, report: Report) -> bool:
        """A worker reported its confinement; whether it may serve."""

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""


class Supervisor:
    """Slots, spares, and the processes behind them."""

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
        self.slots = tuple(Slot(index) for index in range(settings.workers))
        self._workers: dict[int, Worker] = {}
        self._recycle_at: dict[int, float] = {}
        self._next_serial = 1
        self._backoff = Backoff(jitter)
        self._retry: Timer | None = None
        self._dirty: set[Worker] = set()
        self._is_closing = False
        self._has_served = False
        """Whether a worker of the present zygote was ready."""
        self.restarts_total = 0

    def attach(self, fork_server: ForkServer) -> None:
        """Name the fork server that this pool's workers come from."""
        self._fork_server = fork_server

    # What others ask.

    def idle_worker(self) -> Worker | None:
        """The idle worker of the lowest slot: its caches are warm, and the others may sleep."""
        for slot in self.slots:
            worker = slot.worker
            if worker is not None and worker.state is State.IDLE:
                return worker
        return None

    def workers(self) -> list[Worker]:
        """Every process that is not known to be dead."""
        return list(self._workers.values())

    def spares_ready(self) -> int:
        """How many confined workers wait to take a slot over."""
        return sum(worker.state is State.IDLE for worker in self._spares())

    def breaker(self) -> Breaker:
        """Whether new workers are started freely."""
        return self._backoff.breaker()

    def is_down(self) -> bool:
        """Whether nothing serves and starting has failed too often to wait for it."""
        return self._backoff.breaker() is not Breaker.CLOSED and not any(
            worker.state in (State.IDLE, State.BUSY) for worker in self._workers.values()
        )

    def assign(self, worker: Worker, call: Call, frame: bytes) -> None:
        """Give an idle worker a call."""
        try:
            worker.assign(call, frame, self._reactor.now())
        except Violation as violation:
            self._condemn_for(worker, violation)
            return
        self._mark_dirty(worker)

    def condemn(self, worker: Worker, cause: Exit) -> None:
        """Kill a worker; its slot is filled at once, its call is reported lost."""
        if worker.state in (State.STOPPING, State.DEAD):
            return
        self._unwatch_link(worker)
        call = worker.condemn(cause)
        self._lose(worker, call, cause)

    def tick(self, now: float) -> None:
        """Condemn what takes too long to become ready."""
        for worker in self.workers():
            if worker.state is State.STARTING and now - worker.started_at > self._settings.start_timeout_s:
                self._log(f"worker {worker.pid} was not ready within {self._settings.start_timeout_s} s")
                self.condemn(worker, Exit.DEADLINE)

    def close(self) -> None:
        """Kill every worker; no other is started."""
        self._is_closing = True
        if self._retry is not None:
            self._retry.cancel()
        for worker in self.workers():
            self.condemn(worker, Exit.RECYCLED)

    def await_deaths(self, timeout_s: float) -> bool:
        """Wait for the processes of condemned workers; False when one outlives the time."""
        give_up_at = self._reactor.now() + timeout_s
        for worker in self.workers():
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
        worker = self._workers.get(serial)
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
        if status == SIGSYS_STATUS:
            self._log(f"worker number {serial} was killed for a forbidden system call")
            for slot in self.slots:
                slot.learn(serial, Exit.VIOLATION)

    def on_zygote_lost(self, reason: str) -> None:
        """Every worker dies with its zygote; the handles will tell of each."""
        if self._is_closing:
            return
        self._log(f"the zygote ended: {reason}")
        for worker in self.workers():
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
        self._promote()
        if not self._fork_server.is_ready:
            return
        alive = [worker for worker in self._workers.values() if worker.state is not State.STOPPING]
        missing = len(self.slots) + self._settings.spares - len(alive)
        starting = sum(worker.state is State.STARTING for worker in alive)
        at_once = STARTS_AT_ONCE if self._has_served else 1
        for _ in range(min(missing, at_once - starting)):
            now = self._reactor.now()
            if not self._backoff.may_start(now):
                if self._backoff.not_before > now:  # else one try is under way, and its end leads here again
                    self._retry_at(self._backoff.not_before)
                return
            self._start(self._fork_server)
        self._promote()

    def _promote(self) -> None:
        spares = sorted(self._spares(), key=lambda worker: worker.state is not State.IDLE)
        for slot in self.slots:
            if slot.worker is None and spares:
                slot.worker = spares.pop(0)
                slot.has_been_ready |= slot.worker.state is State.IDLE

    def _spares(self) -> list[Worker]:
        held = {id(slot.worker) for slot in self.slots}
        return [
            worker
            for worker in self._workers.values()
            if id(worker) not in held and worker.state in (State.STARTING, State.IDLE)
        ]

    def _start(self, fork_server: ForkServer) -> None:
        serial = self._next_serial
        self._next_serial += 1
        worker = Worker(serial, self._links.endpoint(), self._reactor.now())
        self._workers[serial] = worker
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
            self._condemn_for(worker, violation)
            return
        self._mark_dirty(worker)

    def _on_frame(self, worker: Worker, frame: Ready | Answer | Refusal) -> None:
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
        for slot in self.slots:
            slot.has_been_ready |= slot.worker is worker
        self._fill()
        self._client.on_idle()

    def _recycle_if_due(self, worker: Worker) -> None:
        is_due = worker.calls_total >= self._recycle_at[worker.serial]
        if is_due and worker.state is State.IDLE and (self.spares_ready() or not self._settings.spares):
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

    def _condemn_for(self, worker: Worker, violation: Violation) -> None:
        self._log(f"worker {worker.pid} broke the protocol: {violation}")
        self.condemn(worker, Exit.PROTOCOL)

    def _on_death(self, worker: Worker) -> None:
        was_condemned = worker.state is State.STOPPING
        self._unwatch_link(worker)
        if worker.pidfd is not None:
            self._reactor.forget(worker.pidfd)
        call = worker.exited()
        self._bury(worker)
        if not was_condemned:
            self._lose(worker, call, Exit.CRASH)

    def _lose(self, worker: Worker, call: Call | None, cause: Exit) -> None:
        """What a worker's end means for its slot, its call, and the next start."""
        if cause is not Exit.RECYCLED:
            self.restarts_total += 1
        for slot in self.slots:
            if slot.worker is worker:
                slot.lose(cause)
        if worker.ready_at is None and not self._is_closing:
            self._retry_at(self._backoff.failed(self._reactor.now()))
        self._fill()
        if call is not None:
            self._client.on_lost(call, cause)
        self._client.on_idle()

    def _bury(self, worker: Worker) -> None:
        self._workers.pop(worker.serial, None)
        self._recycle_at.pop(worker.serial, None)
        self._dirty.discard(worker)

    def _unwatch_link(self, worker: Worker) -> None:
        if worker.link_fd is not None:
            self._reactor.forget(worker.link_fd)
        self._dirty.discard(worker)
