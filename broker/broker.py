"""The broker of one server: its parts put together, and what transports ask of it."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from filewarden.broker.branch import Common
from filewarden.broker.branches import Branches, longest_body_bytes, longest_frame_bytes
from filewarden.broker.breach import Breach
from filewarden.broker.call import Witness
from filewarden.broker.caller import Caller, Unread
from filewarden.broker.charter import Charter
from filewarden.broker.conversation import Conversation
from filewarden.broker.endpoints import EndpointFolder
from filewarden.broker.guests import Guests
from filewarden.broker.holdings import Holdings
from filewarden.broker.in_force import InForce
from filewarden.broker.launch import Launched
from filewarden.broker.launcher import Launcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.links import links_in
from filewarden.broker.log import Log
from filewarden.broker.memory import settle_down
from filewarden.broker.overview import Overview
from filewarden.broker.patrol import Patrol
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.reactor import Reactor
from filewarden.broker.readiness import ACCEPTED_LEVELS
from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.broker.renewal import Follower, Renewal
from filewarden.broker.seal import SEALING_KEY_BYTES, Seal
from filewarden.broker.staff import Staff
from filewarden.broker.trial import Trial
from filewarden.broker.vitality import Vitality
from filewarden.broker.vouchers import Vouchers
from filewarden.broker.watches import Watches
from filewarden.config.profiles import OUTSIDE
from filewarden.config.settings import Settings
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.wire import Report

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog
    from filewarden.broker.status import TelemetryStatus

CLOSE_TIMEOUT_S = 2.0
SETTLE_S = 0.5
"""When the start is over and what only pays off later may be done."""
SETTLE_PAUSE_S = 0.01
"""Between two bits of it, in which calls go on."""


class Broker:
    """Conversations above, workers below.

    `on_broken` is told, once, when no worker can serve: the sentence says why and what to do.
    """

    def __init__(
        self,
        *,
        reactor: Reactor,
        launched: Launched,
        settings: Settings,
        catalogue: Catalogue,
        transport: str,
        folder: EndpointFolder,
        log: Log,
        on_broken: Callable[[str], None],
        sealing_keys: Sequence[bytes] = (),
        tokens: Mapping[str, bytes] | None = None,
        audit: "AuditLog | None" = None,
        witnesses: Sequence[Witness] = (),
        unread: Sequence[Unread] = (),
        telemetry: "Callable[[], TelemetryStatus] | None" = None,
    ) -> None:
        self._reactor = reactor
        self._log = log
        self._on_broken = on_broken
        self._launched = launched
        self._audit = audit
        self._folder = folder
        self._links = links_in(folder.path, longest_frame_bytes(settings), settings.pool.zeromq)
        self._links.max_body_bytes = longest_body_bytes(settings)
        self._ledger = Ledger()
        self.turned_away: dict[str, int] = {}
        """Requests that a listener refused before they were anybody's call, by a bounded set of reasons."""
        self.holdings = Holdings()
        self._patrol = Patrol(reactor, self._look)
        self._launcher = Launcher(reactor, launched, self._on_launcher_lost, log.warning)
        self._in_force = InForce(settings, tokens or {})
        self._common = Common(
            reactor=reactor,
            links=self._links,
            serials=itertools.count(1),
            numbers=itertools.count(1),
            patrol=self._patrol,
            ledger=self._ledger,
            vouchers=Vouchers(Seal(*(sealing_keys or (os.urandom(SEALING_KEY_BYTES),)))),
            catalogue=catalogue,
            log=log,
            audit=audit,
            witnesses=witnesses,
            unread=unread,
            judge=self._objection,
            on_report=self._on_report,
            on_broken=lambda branch, reason: self._branches.on_broken(branch, reason),
            on_breach=self._on_breach,
        )
        self._branches = Branches(self._in_force, self._common, self._launcher, self.holdings, on_broken)
        self._vitality = Vitality()
        self.guests = Guests()
        self._renewal = Renewal(
            reactor=reactor,
            launched=launched,
            launcher=self._launcher,
            log=log,
            judge=self._objection,
            on_breach=self._on_breach,
            hire=self._branches.hire,
            take_over=self._take_over,
        )
        self.overview = Overview(
            in_force=self._in_force,
            transport=transport,
            now=reactor.now,
            ledger=self._ledger,
            guests=self.guests,
            turned_away=self.turned_away,
            renewal=self._renewal,
            log=log,
            audit=audit,
            telemetry=telemetry,
        )

    def start(self) -> None:
        """Start the workers; calls may be submitted at once and wait for the first of them."""
        self._branches.start()
        self._patrol.start()
        self._launcher.start()
        if self._audit is not None:
            self._launcher.on_audit_file = self._audit.adopt
            self._audit.start(self._reactor, self._launched.ask_for_audit_file)
        self._reactor.at(self._reactor.now() + SETTLE_S, self._settle)

    def _settle(self) -> None:
        """Load what was not needed yet, bit by bit, while the disk still holds the same; then spare the collector."""
        try:
            is_more = self._common.catalogue.load_one()
        except (ImportError, OSError) as error:
            self._log.warning("a tool cannot be loaded: was the package removed or replaced?", reason=error)
            is_more = False
        if is_more:
            self._reactor.at(self._reactor.now() + SETTLE_PAUSE_S, self._settle)
        else:
            settle_down()

    def _look(self, now: float) -> None:
        """All calls were looked after."""
        self._branches.look(now)
        self.overview.look(now)

    # Whoever comes.

    def open_conversation(
        self, caller: Caller, *, eras: Eras = Eras.BOTH, notify: Callable[[bytes], None] | None = None
    ) -> Conversation:
        """A new client's conversation; `notify` takes frames that belong to no request of a legacy client.

        Raises:
            NotServedError: the caller's profile is gone.
        """
        return self._branches.of(caller.principal.profile).open_conversation(caller, eras, notify)

    def serves(self, principal: Principal) -> bool:
        """Whether there is still what a principal was let in for, and still for them."""
        return self._branches.serves(principal)

    def offer_for(self, principal: Principal) -> Offer:
        """What a principal is offered.

        Raises:
            NotServedError: its profile is gone.
        """
        return self._branches.of(principal.profile).offer

    @property
    def watches(self) -> Watches:
        """The subscriptions of those whom no profile names."""
        return self._branches.of(OUTSIDE).watches

    # Other settings.

    def reload(self) -> None:
        """Read the configuration again; everything that can change without a restart does, or nothing."""
        if not self._in_force.is_leaving:
            self._renewal.begin()

    def reload_outcome(self) -> ReloadOutcome:
        """What became of the latest reload."""
        return self._renewal.outcome()

    def follow(self, follower: Follower) -> None:
        """Tell whoever else has to do something about new settings."""
        self._renewal.followers.append(follower)

    def _take_over(self, charter: Charter, trial: Trial, number: int) -> list[Staff]:
        """Let the settings of `charter` count; returns those who worked by the ones before."""
        log = charter.settings.log
        self._log.renew(level=log.level, log_format=log.format)
        return self._branches.take_over(charter, trial, number)

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._in_force.settings

    # Stopping.

    @property
    def is_draining(self) -> bool:
        """Whether no new calls are taken."""
        return self._in_force.is_draining

    def leave(self) -> None:
        """Say to probes that others should be asked, and end subscriptions; calls are still taken."""
        self._in_force.is_leaving = True
        self._branches.leave()

    def drain(self, done: Callable[[], None]) -> None:
        """Take no new calls; run `done` when the running ones have ended, or `pool.drain_s` is over."""
        self.leave()
        self._in_force.is_draining = True
        self._branches.drain()
        self._log.info("stopping", calls=self._branches.in_flight)
        give_up_at = self._reactor.now() + self._in_force.settings.pool.drain_s

        def look() -> None:
            left = self._branches.in_flight
            if not left or self._reactor.now() >= give_up_at:
                if left:
                    self._log.warning("calls are ended before they are done: pool.drain_s is over", calls=left)
                self._branches.cancel_all()
                done()
            else:
                self._reactor.at(min(give_up_at, self._reactor.now() + 0.02), look)

        look()

    def end_calls(self) -> None:
        """Answer every call that is still under way: the server stops."""
        self._branches.drain()
        self._branches.cancel_all()

    def close(self) -> None:
        """Leave no process, socket or folder behind."""
        self._patrol.close()
        self._renewal.close()
        self._branches.close()
        if self._audit is not None:
            self._audit.close(lambda: self._launcher.hear(CLOSE_TIMEOUT_S))
        self._branches.await_deaths(CLOSE_TIMEOUT_S)
        self._renewal.await_deaths(CLOSE_TIMEOUT_S)
        if not self._launcher.close(CLOSE_TIMEOUT_S):
            self._log.error("the launcher process did not end in time")
        self._links.close()
        self._folder.close()

    # What the branches tell.

    def _on_breach(self, breach: Breach) -> None:
        """A worker or watcher did what no honest one does."""
        if self._audit is not None:
            self._audit.record_breach(breach)

    def _objection(self, report: Report) -> str | None:
        """Why a process with this confinement may not serve; None: it may."""
        is_enough = self._in_force.settings.sandbox.mode != "required" or report.level in ACCEPTED_LEVELS
        if report.refusal is None and is_enough:
            return None
        return report.refusal or f"The sandbox reaches only the level {report.level!r}."

    def _on_report(self, report: Report) -> None:
        """A worker is ready."""
        if self._in_force.report is None:
            self._log.info("ready", sandbox=report.level)
            for sentence in report.degraded:
                self._log.warning(f"sandbox {report.level}: {sentence}")
        self._in_force.report = report

    def _on_launcher_lost(self) -> None:
        self._on_broken("the launcher process ended")

    # What operators ask.

    @property
    def has_served(self) -> bool:
        """Whether a worker was ready once."""
        return self._in_force.report is not None

    def fault(self) -> str | None:
        """Why the server should be started again, or None; a watchdog asks. That profiles fail is no reason."""
        now, main = self._reactor.now(), self._in_force.main
        pools = () if main is None else main.staff.supervisors
        return self._vitality.fault(
            now,
            [(each.pool.kind, each.roster.is_serving()) for each in pools],
            start_timeout_s=self._in_force.settings.pool.start_timeout_s,
            overdue_s=self._branches.overdue_s(now),
        )

    def now(self) -> float:
        """The clock that everything here goes by."""
        return self._reactor.now()

    def turn_away(self, reason: str) -> None:
        """A listener refused a request; `reason` is one of a few."""
        self.turned_away[reason] = self.turned_away.get(reason, 0) + 1
