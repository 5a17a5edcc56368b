"""The workers of one profile in one edition of the settings: a supervisor for each pool, and the crew of watchers."""

from _random import Random  # the built-in half of `random`: for jitter
from collections.abc import Callable, Iterator

from filewarden.broker.breach import Breach
from filewarden.broker.crew import Crew
from filewarden.broker.employer import Employer
from filewarden.broker.launcher import EditionLauncher
from filewarden.broker.link import Links
from filewarden.broker.log import Log
from filewarden.broker.pool import may_write, reading_pool, writing_pool
from filewarden.broker.pool_client import Client, Nobody
from filewarden.broker.reactor import Reactor
from filewarden.broker.supervisor import Supervisor
from filewarden.config.settings import Settings
from filewarden.workers.wire import Report


class Staff:
    """`employer` answers for it; `judge` says why a process with this report may not serve, or None.

    Nobody asks it anything before it is told whom to serve.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        reactor: Reactor,
        links: Links,
        launcher: EditionLauncher,
        serials: Iterator[int],
        employer: Employer,
        judge: Callable[[Report], str | None],
        on_breach: Callable[[Breach], None],
        log: Log,
    ) -> None:
        pools = [reading_pool(settings.pool)]
        if may_write(settings):
            pools.append(writing_pool(settings.pool))
        self.supervisors = [
            Supervisor(
                reactor=reactor,
                links=links,
                launcher=launcher,
                pool=pool,
                serials=serials,
                client=Nobody(),
                employer=employer,
                jitter=Random().random,
                log=log.warning,
            )
            for pool in pools
        ]
        self.crew = Crew(
            reactor=reactor,
            links=links,
            launcher=launcher,
            serials=serials,
            memory_bytes=settings.pool.worker_memory_mb * 1024 * 1024,
            start_timeout_s=settings.pool.start_timeout_s,
            judge=judge,
            jitter=Random().random,
            log=log.warning,
            on_breach=on_breach,
        )

    @property
    def is_complete(self) -> bool:
        """Whether every place of every pool has had a worker that was ready."""
        return all(slot.has_been_ready for supervisor in self.supervisors for slot in supervisor.roster.slots)

    @property
    def size(self) -> int:
        """How many of its processes are not known to be dead, watchers aside."""
        return sum(len(supervisor.roster.workers()) for supervisor in self.supervisors)

    def serve(self, client: Client, employer: Employer) -> None:
        """Run the calls of `client` from now on; `employer` answers for it."""
        for supervisor in self.supervisors:
            supervisor.client, supervisor.employer = client, employer

    def succeed(self, other: "Staff", client: Client, employer: Employer) -> None:
        """Go on counting where those before have stopped, and serve `client`."""
        self.serve(client, employer)
        counted = {supervisor.pool.kind: supervisor.roster for supervisor in other.supervisors}
        for supervisor in self.supervisors:
            if (before := counted.get(supervisor.pool.kind)) is not None:
                supervisor.roster.go_on_from(before)

    def retire(self) -> None:
        """Take no call any more: each worker ends as soon as it rests, and the zygotes after them."""
        self.crew.retire()
        for supervisor in self.supervisors:
            supervisor.wind_down()

    def dismiss(self) -> None:
        """End at once, whatever is under way."""
        self.retire()
        for supervisor in self.supervisors:
            supervisor.close()
