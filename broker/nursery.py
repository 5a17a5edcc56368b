"""Where the workers of a pool come from: what is missing is started, and failed starts are tried again ever later."""

from collections.abc import Callable, Iterator

from filewarden.broker.backoff import Backoff, Breaker
from filewarden.broker.descriptor_room import check_descriptor_room
from filewarden.broker.forkserver import ForkServer
from filewarden.broker.link import Links
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.roster import Roster
from filewarden.broker.worker import Worker
from filewarden.config.first_imports import load_msgpack

STARTS_AT_ONCE = 2


class Nursery:
    """The start half of a supervisor. `serials` number the workers of all pools of a server."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        roster: Roster,
        links: Links,
        fork_server: ForkServer,
        serials: Iterator[int],
        jitter: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._roster = roster
        self._links = links
        self._fork_server = fork_server
        self._serials = serials
        self._log = log
        self._backoff = Backoff(jitter)
        self._retry: Timer | None = None
        self._is_closing = False
        self._has_served = False
        """Whether a worker of the present zygote was ready."""

    def breaker(self) -> Breaker:
        """Whether new workers are started freely."""
        return self._backoff.breaker()

    def fill(self) -> None:
        """Put workers into empty slots, and start what is missing."""
        if self._is_closing:
            return
        self._roster.promote()
        if not self._fork_server.is_ready:
            return
        at_once = STARTS_AT_ONCE if self._has_served else 1
        for _ in range(min(self._roster.missing(), at_once - self._roster.starting())):
            now = self._reactor.now()
            if not self._backoff.may_start(now):
                if self._backoff.not_before > now:  # else one try is under way, and its end leads here again
                    self._retry_at(self._backoff.not_before)
                return
            if not self._start():
                return
        self._roster.promote()

    def succeeded(self) -> None:
        """A worker became ready."""
        self._backoff.succeeded()
        self._has_served = True

    def failed(self) -> None:
        """A worker ended before it was ready; without a zygote that says nothing about the next one."""
        if self._fork_server.is_ready and not self._is_closing:
            self._retry_at(self._backoff.failed(self._reactor.now()))

    def lost_zygote(self) -> None:
        """Ask for another: at once when the one before has served, else later."""
        if self._is_closing:
            return
        now = self._reactor.now()
        self._backoff.interrupted()
        self._retry_at(now if self._has_served else self._backoff.failed(now))
        self._has_served = False

    def close(self) -> None:
        """Start nothing any more."""
        self._is_closing = True
        if self._retry is not None:
            self._retry.cancel()

    def _start(self) -> bool:
        """Begin one start; False when that is not possible, and it is tried again later.

        Either the system has nothing left for it, or the zygote turns out to be gone, which has ended the worker again.
        """
        try:
            check_descriptor_room()
        except OSError as error:
            self._log(f"no worker can be started now: {error.strerror}")
            self.failed()
            return False
        worker = Worker(next(self._serials), self._links.endpoint(), self._reactor.now())
        self._roster.add(worker)
        self._backoff.started()
        gate, shelf = worker.open_gate(), worker.open_shelf()
        self._fork_server.spawn(worker.serial, worker.endpoint, worker.secret, gate, *shelf)
        load_msgpack()  # the worker will report in it, and takes longer to begin
        return self._fork_server.is_ready

    def _retry_at(self, when: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._reactor.at(when, self._retry_now)

    def _retry_now(self) -> None:
        self._retry = None
        if not self._fork_server.is_ready:
            self._fork_server.ask_for_zygote()
        self.fill()
