"""The workers of one pool: started, watched, killed, replaced, as the lifecycle says."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import os
from collections.abc import Callable, Iterator
from enum import Enum

from filewarden.broker.backoff import Breaker
from filewarden.broker.breach import FORBIDDEN_CALL, Breach
from filewarden.broker.call import Call
from filewarden.broker.deaths import STUCK_AFTER_S, Deaths
from filewarden.broker.employer import Employer
from filewarden.broker.forkserver import is_dead_within
from filewarden.broker.heard_links import HeardLinks
from filewarden.broker.launcher import EditionLauncher
from filewarden.broker.lifecycle import BUSY, DEAD, IDLE, STARTING, STOPPING, Exit
from filewarden.broker.link import LinkError, Links
from filewarden.broker.memory import resident_bytes
from filewarden.broker.nursery import Nursery
from filewarden.broker.pool import ROLES, Pool
from filewarden.broker.pool_client import Client
from filewarden.broker.process import LinkLost, Violation
from filewarden.broker.reactor import Reactor
from filewarden.broker.retirement import Retirement
from filewarden.broker.roster import Roster
from filewarden.broker.worker import Worker
from filewarden.workers.wire import ABOUT_CALLS, Aside, Ending, Ready

SIGSYS_STATUS = -31
MOST_FRAMES = 16
"""How many frames of one worker are taken before it is somebody else's turn."""
ENDED_FROM_OUTSIDE = (-_signal.SIGKILL, -_signal.SIGTERM, -_signal.SIGHUP, -_signal.SIGINT)
"""Ways to die that say nothing about the call."""


def _is_free(worker: Worker) -> bool:
    """Whether nobody waits for what it does."""
    return worker.state is IDLE or (worker.call is not None and worker.call.is_disowned)


class Service(Enum):
    """Whether workers are given calls."""

    OPEN = "open"
    WINDING_DOWN = "winding down"
    """They end with what they run, and no other is started."""
    OVER = "over"
    """They have ended, and their zygote is given up."""


OPEN, WINDING_DOWN, OVER = Service
"""By plain names, which are quicker to look up."""


class Supervisor:
    """The processes behind a roster: started, watched, ended, replaced."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        links: Links,
        launcher: EditionLauncher,
        pool: Pool,
        serials: Iterator[int],
        client: Client,
        employer: Employer,
        jitter: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self.pool = pool
        self.client = client
        """Whose calls it runs now."""
        self.employer = employer
        """Who answers for it now."""
        self.roster = Roster(pool.size, pool.spares)
        self._reactor = reactor
        self._links = links
        self._log = log
        self._fork_server = launcher.fork_server(ROLES[pool.kind], self)
        self._nursery = Nursery(
            reactor=reactor,
            roster=self.roster,
            links=links,
            fork_server=self._fork_server,
            serials=serials,
            jitter=jitter,
            log=log,
        )
        self._retirement = Retirement(pool, self.roster, jitter, self.condemn, log)
        self._deaths = Deaths()
        self._heard = HeardLinks(reactor, self._on_link)
        self._names = {place: f"{pool.kind.value}/{place}" for place in range(-1, pool.size)}
        """Of the slots, and of a spare."""
        self._service = OPEN

    def start(self) -> None:
        """Ask for the first zygote of this pool, where none is on its way."""
        self._fork_server.ask_for_zygote()

    # What others ask.

    def breaker(self) -> Breaker:
        """Whether new workers are started freely."""
        return self._nursery.breaker()

    @property
    def ejections_total(self) -> int:
        """How many workers were replaced because all their answers blamed the system."""
        return self._retirement.wear.ejections

    def is_down(self) -> bool:
        """Whether nothing serves and starting has failed too often to wait for it."""
        return self._nursery.breaker() is not Breaker.CLOSED and not self.roster.is_serving()

    def send(self, worker: Worker, frame: bytes, *, was_idle: bool) -> None:
        """Send a worker the calls that it was assigned."""
        try:
            worker.send(frame)
        except LinkLost:
            self._cut_off(worker)
        else:
            if worker.hides_signals and not was_idle:  # one that was idle had no answer to give
                self._heard.look_again(worker)

    def make_room(self) -> None:
        """Replace the idle worker that has rested longest by one that has served nobody, at once if a spare is ready.

        Nobody is told that a worker is idle: whoever asks is about to look.
        """
        worker = self.roster.rested_longest()
        if worker is not None:
            self._heard.unwatch(worker)
            worker.condemn(Exit.RECYCLED)
            self.roster.lose(worker, Exit.RECYCLED)
            self._nursery.fill()

    def condemn(self, worker: Worker, cause: Exit) -> None:
        """Kill a worker; its slot is filled at once, its call is reported lost."""
        if worker.state in (STOPPING, DEAD):
            return
        self._heard.unwatch(worker)
        self.client.on_unreachable(worker)
        call = worker.condemn(cause)
        self._deaths.condemned(worker.serial, call, self._reactor.now())
        self._lose(worker, call, cause)

    def condemn_for(self, worker: Worker, violation: Violation) -> None:
        """Kill a worker for what no honest one does."""
        if worker.state not in (STOPPING, DEAD):
            self._log(f"worker {worker.pid} broke the protocol: {violation}")
            self._tell_breach(self.name_of(worker), violation.what, worker.principal or "", worker.call)
            self.condemn(worker, Exit.PROTOCOL)

    def stuck(self, now: float) -> list[Call | None]:
        """The calls of the workers that were killed and have not died in the time that this takes."""
        return self._deaths.stuck(now)

    def _tell_breach(self, name: str, reason: str, principal: str, call: Call | None) -> None:
        self.employer.on_breach(
            Breach(
                worker=name,
                role=ROLES[self.pool.kind],
                reason=reason,
                principal=principal,
                call=0 if call is None else call.id,
            )
        )

    def name_of(self, worker: Worker) -> str:
        """Its pool and slot, for logs and traces."""
        return self._names[worker.place]

    def tick(self, now: float) -> None:
        """Condemn what takes too long to become ready, and replace what is worn out."""
        self._retirement.look(now)
        for worker in self.roster.workers():
            if worker.state is STARTING and now - worker.started_at > self.pool.start_timeout_s:
                if worker.pid is None:
                    self._fork_server.give_up_zygote("it does not answer")
                    return
                self._log(f"worker {worker.pid} was not ready within {self.pool.start_timeout_s} s")
                self.condemn(worker, Exit.DEADLINE)

    def wind_down(self) -> None:
        """Let each worker end as soon as it rests, and the zygote after the last of them; no other is started.

        Whoever asks gives it no call any more.
        """
        if self._service is OVER:
            return
        self._service = WINDING_DOWN
        self._nursery.close()
        for worker in self.roster.workers():
            if worker.state is not BUSY or _is_free(worker):
                self.condemn(worker, Exit.RECYCLED)
        self._look_if_empty()

    def close(self) -> None:
        """Kill every worker; no other is started."""
        self._nursery.close()
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
        self._nursery.fill()

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
        self._heard.watch(worker)

    def on_exited(self, serial: int, status: int) -> None:
        """The zygote reaped a worker: only now is it known what killed it."""
        worker = self.roster.find(serial)
        if worker is not None:
            worker.is_reaped = True
            self._give_up_sending(worker)
        call = self._deaths.explained(serial) or (None if worker is None else worker.call)
        if call is not None and status not in ENDED_FROM_OUTSIDE:
            self.client.on_costly(call)
        if status == SIGSYS_STATUS:
            self._log(f"worker number {serial} was killed for {FORBIDDEN_CALL}")
            self._note_violation(serial, worker, call)

    def _note_violation(self, serial: int, worker: Worker | None, call: Call | None) -> None:
        """The kernel has ended a worker for a forbidden system call, in the middle of `call` if in any."""
        if worker is not None and worker.exit is None:  # its handle has not told yet
            self._tell_breach(self.name_of(worker), FORBIDDEN_CALL, worker.principal or "", call)
            worker.exit = Exit.VIOLATION
            return
        name = self._names[self.roster.place_that_lost(serial)]
        self._tell_breach(name, FORBIDDEN_CALL, "" if call is None else call.principal, call)
        self.roster.learn(serial, Exit.VIOLATION)

    def on_zygote_lost(self, reason: str) -> None:
        """Every worker dies with its zygote; the handles will tell of each."""
        self._log(f"the zygote ended: {reason}")
        self._lose_all()
        self._nursery.lost_zygote()

    def on_unusable(self, reason: str) -> None:
        """No zygote will ever serve this profile."""
        self._lose_all()
        if self._service is OPEN:  # else it is not needed any more
            self.employer.on_broken(reason)

    def _lose_all(self) -> None:
        """Nobody bears those any more that were on their way, and nobody tells what the others die of."""
        for worker in self.roster.workers():
            self.condemn(worker, Exit.CRASH)
            if worker.pidfd is None:
                self._bury(worker)
        self._deaths.nobody_explains()

    # Frames.

    def _on_link(self, worker: Worker) -> None:
        now = self._reactor.now()
        try:
            for _ in range(MOST_FRAMES):
                frame = worker.next_frame()
                if frame is None:
                    return
                self._hear(worker, frame, now)
                if not worker.may_say_more:
                    return
                if worker.call is None and worker.hides_signals:  # most likely it has said all: to ask costs less
                    break
            self._heard.look_again(worker)
        except Violation as violation:
            self.condemn_for(worker, violation)
        except LinkLost:
            self._cut_off(worker)

    def _hear(self, worker: Worker, frame: Ready | Ending | Aside, now: float) -> None:
        if not isinstance(frame, ABOUT_CALLS):
            self._on_ready(worker, frame, now)
            return
        self.client.on_frame(worker, frame, now)
        self._retirement.consider(worker, frame, now)
        if self._service is WINDING_DOWN and _is_free(worker):
            self.condemn(worker, Exit.RECYCLED)

    def _cut_off(self, worker: Worker) -> None:
        """Tell a death, which its handle reports any moment, from a link that was ended for what came over it.

        A process gives its memory back before its files (exit(2)): one that still has some has not died. One that has
        none may die for ever, for a file that it had open may lie where nothing answers.
        """
        self._give_up_sending(worker)
        self._heard.unwatch(worker)
        if resident_bytes(worker.pid):
            self.condemn_for(worker, Violation("its link ended"))
        else:
            self._reactor.at(self._reactor.now() + STUCK_AFTER_S, lambda: self.condemn(worker, Exit.CRASH))

    def _give_up_sending(self, worker: Worker) -> None:
        worker.is_cut_off = True
        self.client.on_unreachable(worker)

    def _on_ready(self, worker: Worker, frame: Ready, now: float) -> None:
        report = worker.confined(frame, now)
        if not self.employer.on_report(report):
            self.condemn(worker, Exit.PROTOCOL)
            return
        self._retirement.wear.began(worker.serial)
        self._nursery.succeeded()
        self.roster.became_ready(worker)
        self._nursery.fill()
        self.client.on_idle()

    def room_in(self, worker: Worker, now: float) -> int:
        """How many more calls a busy worker may be given: none where it is better replaced when it is free."""
        return 0 if worker.is_cut_off else self._retirement.calls_left(worker, now)

    # Endings.

    def _on_death(self, worker: Worker) -> None:
        self._give_up_sending(worker)
        self._hear_out(worker)
        was_condemned = worker.state is STOPPING
        self._heard.unwatch(worker)
        if worker.pidfd is not None:
            self._reactor.forget(worker.pidfd)
        call = worker.exited()
        self._bury(worker)
        if not was_condemned:
            self._lose(worker, call, worker.exit or Exit.CRASH)

    def _hear_out(self, worker: Worker) -> None:
        """Take what it said before it died: what it was at is what it had not answered."""
        for _ in range(1 + len(worker.behind)):
            if worker.call is not None and worker.has_more():
                self._on_link(worker)

    def _lose(self, worker: Worker, call: Call | None, cause: Exit) -> None:
        """What a worker's end means for its slot, its call, and the next start."""
        lost = None if call is None or call.is_disowned else call
        self.employer.on_gone(worker, self.name_of(worker), cause, lost)
        self.roster.lose(worker, cause)
        if cause is Exit.CRASH and call is not None and not worker.is_reaped:
            self._deaths.crashed(worker.serial, call)
        if worker.ready_at is None:
            self._nursery.failed()
        self._nursery.fill()
        for unstarted in reversed(worker.take_waiting()):
            self.client.on_returned(unstarted, cause)
        if lost is not None:
            self.client.on_lost(lost, cause)
        self.client.on_idle()

    def _bury(self, worker: Worker) -> None:
        self.roster.remove(worker)
        self._retirement.wear.ended(worker.serial)
        self._deaths.buried(worker.serial)
        self._look_if_empty()

    def _look_if_empty(self) -> None:
        if self._service is WINDING_DOWN and not self.roster.workers():
            self._service = OVER
            self._fork_server.give_up()
