"""What operators see of a server, and what the log says of it by itself.

What makes it is loaded with the first look, when a start is over.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker.guests import Guests
from filewarden.broker.in_force import InForce
from filewarden.broker.ledger import Ledger
from filewarden.broker.log import Log
from filewarden.broker.operator_notes import OperatorNotes
from filewarden.broker.readiness import Condition, condition
from filewarden.broker.renewal import Renewal
from filewarden.broker.timeline import Timeline, TimelineStatus
from filewarden.config.profiles import starting_names
from filewarden.config.version import NAME, VERSION

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog
    from filewarden.broker.process_figures import ProcessFigures
    from filewarden.broker.status import Report, Status, TelemetryStatus


class Overview:
    """Looks at the parts of a broker and changes none of them."""

    def __init__(
        self,
        *,
        in_force: InForce,
        transport: str,
        now: Callable[[], float],
        ledger: Ledger,
        guests: Guests,
        turned_away: Mapping[str, int],
        renewal: Renewal,
        log: Log,
        audit: "AuditLog | None",
        telemetry: "Callable[[], TelemetryStatus] | None",
    ) -> None:
        self._in_force = in_force
        self._transport = transport
        self.addresses: tuple[str, ...] = ()
        """Where clients connect, told by whoever opens that."""
        self._now = now
        self._started_at = now()
        self._ledger = ledger
        self._timeline = Timeline(ledger, self._started_at)
        self._notes = OperatorNotes()
        self._guests = guests
        self._turned_away = turned_away
        self._renewal = renewal
        self._log = log
        self._audit = audit
        self._telemetry = telemetry
        self._figures: ProcessFigures | None = None

    @property
    def is_ready(self) -> bool:
        """Whether every slot was ready once, one is now, and the server is not about to stop."""
        return self._condition().is_ready

    def status(self) -> "Status":
        """Everything, now."""
        from filewarden.broker import snapshot
        from filewarden.broker.process_figures import ProcessFigures, front_end_status
        from filewarden.broker.status import Status

        if self._figures is None:
            self._figures = ProcessFigures()
        now, settings, ledger = self._now(), self._in_force.settings, self._ledger
        branches = tuple(self._in_force.branches.values())
        pools = tuple(self._in_force.supervisors())
        verdict = self._condition()
        return Status(
            status=verdict.status,
            ready=verdict.is_ready,
            problems=verdict.problems,
            server=NAME,
            version=VERSION,
            uptime_s=round(now - self._started_at, 3),
            transport=self._transport,
            replica=settings.http.replica,
            addresses=self.addresses,
            roots=snapshot.root_rows(settings),
            sandbox=snapshot.sandbox_status(settings.sandbox.mode, self._in_force.report),
            pool=snapshot.pool_status(
                [supervisor for _, supervisor in pools],
                settings.pool.worker_memory_mb * 1024 * 1024,
                self._hung_roots(),
                now,
            ),
            workers=snapshot.worker_rows(pools, self._figures, now),
            watchers=tuple(row for branch in branches for row in snapshot.watcher_rows(branch.staff.crew, now)),
            queue=snapshot.queue_status(branches, settings.limits.queue, ledger, now),
            profiles=snapshot.profile_rows(settings, self._in_force.branches, self._guests),
            calls=snapshot.calls_status(ledger),
            clients=snapshot.clients_status(self._guests),
            client_list=snapshot.client_rows(self._guests, [branch.scheduler for branch in branches], now),
            configuration=self._renewal.status(),
            refusals={**{reason.value: count for reason, count in ledger.refusals.items()}, **self._turned_away},
            incidents=ledger.incidents.latest(),
            audit=msgspec.UNSET if self._audit is None else self._audit.status(),
            telemetry=msgspec.UNSET if self._telemetry is None else self._telemetry(),
            front_end=front_end_status(),
        )

    def timeline(self) -> TimelineStatus:
        """The last minutes."""
        return self._timeline.status(self._now())

    def report(self) -> "Report":
        """What metrics are made of."""
        from filewarden.broker import snapshot
        from filewarden.broker.status import Report

        return Report(self.status(), snapshot.outcome_reports(self._ledger))

    def look(self, now: float) -> None:
        """What is told to the log and kept for the charts, whether or not anybody looks at the status."""
        self._timeline.roll(now)
        sentence = self._notes.on_condition(self._condition(), now)
        if sentence is not None:
            self._log.warning(sentence)
        refused = self._notes.on_refusals(self._ledger.refusals, now)
        if refused is not None:
            waiting = sum(branch.scheduler.waiting for branch in self._in_force.branches.values())
            self._log.warning("calls were refused", **refused, waiting=waiting)

    def _hung_roots(self) -> tuple[str, ...]:
        """Those that are not served, the ones of a profile by its name too."""
        return tuple(
            f"{profile}: {root}" if profile else root
            for profile, branch in self._in_force.branches.items()
            for root in branch.dispatcher.hung_roots
        )

    def _condition(self) -> Condition:
        from filewarden.broker import snapshot

        mode = self._in_force.settings.sandbox.mode
        counting = starting_names(self._in_force.settings)
        facts = [snapshot.pool_facts(profile, supervisor) for profile, supervisor in self._in_force.supervisors()]
        return condition(
            [pool for pool in facts if pool.profile in counting],
            others=[pool for pool in facts if pool.profile not in counting],
            is_draining=self._in_force.is_leaving,
            mode=mode,
            level=snapshot.sandbox_status(mode, self._in_force.report).level,
            audit_trouble=None if self._audit is None else self._audit.trouble,
            hung_roots=self._hung_roots(),
        )
