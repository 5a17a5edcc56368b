"""The broker of one server: its parts put together, and what transports ask of it."""

import itertools
import os
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from filewarden.broker.announcements import Announcements
from filewarden.broker.breach import Breach
from filewarden.broker.call import Call, Witness
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.charter import Charter
from filewarden.broker.conversation import Conversation, Services
from filewarden.broker.dispatcher import Caller, Dispatcher
from filewarden.broker.endpoints import EndpointFolder
from filewarden.broker.guard import Guard
from filewarden.broker.guests import Guests
from filewarden.broker.holdings import Holdings
from filewarden.broker.in_force import InForce
from filewarden.broker.launch import Launched
from filewarden.broker.launcher import EditionLauncher, Launcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit
from filewarden.broker.link import Links
from filewarden.broker.log import Log
from filewarden.broker.memory import settle_down
from filewarden.broker.offering import abilities, catalogue_of, instructions_of, offered_tools, templates_of
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.overview import Overview
from filewarden.broker.patrol import Patrol
from filewarden.broker.pool_profile import frame_bytes
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.offer import Offer
from filewarden.broker.protocol.session import Session
from filewarden.broker.reactor import Reactor
from filewarden.broker.readiness import ACCEPTED_LEVELS
from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.broker.renewal import Follower, Renewal
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.seal import SEALING_KEY_BYTES, Seal
from filewarden.broker.staff import Staff
from filewarden.broker.status import TelemetryStatus
from filewarden.broker.supervisor import Client
from filewarden.broker.task_runs import TaskRuns
from filewarden.broker.trial import Trial
from filewarden.broker.vitality import Vitality
from filewarden.broker.vouchers import Vouchers
from filewarden.broker.watches import Watches
from filewarden.broker.worker import Worker
from filewarden.broker.write_budgets import budgets_of
from filewarden.config.settings import Settings
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.operations import FIND_OUTCOME
from filewarden.workers.wire import Aside, Ending, Report

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog

CLOSE_TIMEOUT_S = 2.0
SETTLE_S = 0.5
"""When the start is over and what only pays off later may be done."""


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
        audit: "AuditLog | None" = None,
        witnesses: Sequence[Witness] = (),
        telemetry: Callable[[], TelemetryStatus] | None = None,
    ) -> None:
        self._reactor = reactor
        self._log = log
        self._on_broken = on_broken
        self._launched = launched
        self._audit = audit
        self._folder = folder
        self._whole_catalogue = catalogue
        self._catalogue = catalogue_of(catalogue, settings)
        limits = settings.limits
        self._links = Links(folder.path, frame_bytes(settings))
        self._ledger = Ledger()
        self.turned_away: dict[str, int] = {}
        """Requests that a listener refused before they were anybody's call, by a bounded set of reasons."""
        self.holdings = Holdings()
        self._scheduler = Scheduler(
            queue_limit=limits.queue,
            per_client_limit=limits.per_client_in_flight,
            scan_workers=settings.pool.scan_workers,
        )
        self._announcements = Announcements()
        self._budgets = budgets_of(settings.writes, None)
        self._guard: Guard | None = None
        self._patrol = Patrol(reactor, self._look)
        self._dispatcher = Dispatcher(
            reactor=reactor,
            scheduler=self._scheduler,
            ledger=self._ledger,
            deadlines=settings.deadlines,
            patrol=self._patrol,
            numbers=itertools.count(1),
            on_list_changed=self._announcements.list_changed,
            audit=audit,
            witnesses=witnesses,
            budgets=self._budgets,
            closures=self._closures(settings),
            checks=OutcomeChecks(log.server, self._catalogue.operation(FIND_OUTCOME)),
        )
        self._launcher = Launcher(reactor, launched, self._on_launcher_lost, log.warning)
        self._serials = itertools.count(1)
        staff = self._hire(settings, self._launcher.edition(1), self)
        self._in_force = InForce(settings, staff)
        self.watches = Watches(reactor, staff.crew, [root.name for root in settings.roots], limits.max_watches)
        self.offer = Offer(
            offered_tools(self._catalogue, max_answer_chars=limits.max_answer_chars),
            prompts=self._catalogue.prompts,
            templates=self._catalogue.templates or templates_of(settings.roots),
            abilities=abilities(self._catalogue),
            instructions=instructions_of(settings.roots),
        )
        self._tasks = TaskRuns(limit=limits.tasks, ttl_s=limits.task_ttl_s, on_change=self._announcements.task_changed)
        self._services = Services(
            reactor=reactor,
            dispatcher=self._dispatcher,
            catalogue=self._catalogue,
            vouchers=Vouchers(Seal(*(sealing_keys or (os.urandom(SEALING_KEY_BYTES),)))),
            tasks=self._tasks,
            announcements=self._announcements,
            watches=self.watches,
            abilities=self.offer.abilities,
            ask_s=settings.deadlines.ask_s,
            task_after_s=settings.deadlines.task_after_s,
        )
        self._conversations: weakref.WeakSet[Conversation] = weakref.WeakSet()
        self._vitality = Vitality()
        self.guests = Guests()
        self._renewal = Renewal(
            reactor=reactor,
            launched=launched,
            launcher=self._launcher,
            log=log,
            judge=self._objection,
            on_breach=self.on_breach,
            hire=self._hire,
            take_over=self._take_over,
        )
        self.overview = Overview(
            in_force=self._in_force,
            transport=transport,
            now=reactor.now,
            ledger=self._ledger,
            scheduler=self._scheduler,
            dispatcher=self._dispatcher,
            guests=self.guests,
            turned_away=self.turned_away,
            renewal=self._renewal,
            log=log,
            audit=audit,
            telemetry=telemetry,
        )

    def start(self) -> None:
        """Start the workers; calls may be submitted at once and wait for the first of them."""
        staff = self._in_force.staff
        self._dispatcher.attach(staff.supervisors)
        self._guard = Guard(
            staff.supervisors,
            end_others=staff.crew.end_all,
            frame_bytes=self._links.max_frame_bytes,
            holdings=self.holdings,
        )
        self._patrol.posts.append(self._dispatcher)
        self._patrol.start()
        self._launcher.start()
        if self._audit is not None:
            self._launcher.on_audit_file = self._audit.adopt
            self._audit.start(self._reactor, self._launched.ask_for_audit_file)
        self._reactor.at(self._reactor.now() + SETTLE_S, settle_down)

    def _look(self, now: float) -> None:
        """All calls were looked after."""
        if self._guard is not None:
            self._guard.look(now)
        self.overview.look(now)

    def _closures(self, settings: Settings) -> RootClosures:
        return RootClosures(CallRoots(settings.roots), self._log.warning)

    def _hire(self, settings: Settings, launcher: EditionLauncher, client: Client) -> Staff:
        self._links.max_frame_bytes = max(self._links.max_frame_bytes, frame_bytes(settings))
        return Staff(
            settings=settings,
            reactor=self._reactor,
            links=self._links,
            launcher=launcher,
            serials=self._serials,
            client=client,
            judge=self._objection,
            on_breach=self.on_breach,
            log=self._log,
        )

    def open_conversation(
        self, caller: Caller, *, eras: Eras = Eras.BOTH, notify: Callable[[bytes], None] | None = None
    ) -> Conversation:
        """A new client's conversation; `notify` takes frames that belong to no request of a legacy client."""
        conversation = Conversation(
            session=Session(self.offer, eras), services=self._services, caller=caller, notify=notify
        )
        self._conversations.add(conversation)
        return conversation

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

    def _take_over(self, charter: Charter, trial: Trial) -> Staff:
        """Let the settings of `charter` count, and put the staff on trial to work in place of the one returned."""
        before, self._in_force.staff = self._in_force.staff, trial.staff
        old, settings = self._in_force.settings, charter.settings
        self._in_force.settings = settings
        self._in_force.report = trial.report
        self._in_force.staff.succeed(before, self)
        self._catalogue = catalogue_of(self._whole_catalogue, settings)
        self._links.max_frame_bytes = frame_bytes(settings)
        self._log.renew(level=settings.log.level, log_format=settings.log.format)
        self._renew_limits(settings)
        self.watches.renew(
            self._in_force.staff.crew, [root.name for root in settings.roots], settings.limits.max_watches
        )
        has_other_tools = self._renew_offer(settings)
        self._budgets = budgets_of(settings.writes, self._budgets)
        self._dispatcher.renew(
            self._in_force.staff.supervisors,
            deadlines=settings.deadlines,
            budgets=self._budgets,
            closures=self._closures(settings),
            offers=lambda tool: self._catalogue.operation(tool.name) is tool,
        )
        if self._guard is not None:
            self._guard.watch(
                self._dispatcher.pools,
                end_others=self._in_force.staff.crew.end_all,
                frame_bytes=self._links.max_frame_bytes,
            )
        if has_other_tools:
            self._announcements.list_changed("tools")
        if settings.roots != old.roots:
            self._announcements.roots_changed()
        return before

    def _renew_limits(self, settings: Settings) -> None:
        limits, services = settings.limits, self._services
        self._scheduler.renew(
            queue_limit=limits.queue,
            per_client_limit=limits.per_client_in_flight,
            scan_workers=settings.pool.scan_workers,
        )
        self._tasks.renew(limit=limits.tasks, ttl_s=limits.task_ttl_s)
        services.catalogue = self._catalogue
        services.ask_s, services.task_after_s = settings.deadlines.ask_s, settings.deadlines.task_after_s

    def _renew_offer(self, settings: Settings) -> bool:
        """Offer what these settings allow; whether that are other tools."""
        before = list(self.offer.tools)
        self.offer.renew(
            offered_tools(self._catalogue, max_answer_chars=settings.limits.max_answer_chars),
            prompts=self._catalogue.prompts,
            templates=self._catalogue.templates or templates_of(settings.roots),
            instructions=instructions_of(settings.roots),
        )
        return before != list(self.offer.tools)

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
        for conversation in list(self._conversations):
            conversation.end_subscriptions()

    def drain(self, done: Callable[[], None]) -> None:
        """Take no new calls; run `done` when the running ones have ended, or `pool.drain_s` is over."""
        self.leave()
        self._in_force.is_draining = True
        self._dispatcher.drain()
        give_up_at = self._reactor.now() + self._in_force.settings.pool.drain_s

        def look() -> None:
            if self._dispatcher.in_flight == 0 or self._reactor.now() >= give_up_at:
                self._dispatcher.cancel_all()
                done()
            else:
                self._reactor.at(min(give_up_at, self._reactor.now() + 0.02), look)

        look()

    def end_calls(self) -> None:
        """Answer every call that is still under way: the server stops."""
        self._dispatcher.drain()
        self._dispatcher.cancel_all()

    def close(self) -> None:
        """Leave no process, socket or folder behind."""
        self._tasks.close()
        self._patrol.close()
        self.watches.close()
        self._renewal.close()
        self._in_force.staff.crew.close()
        for supervisor in self._in_force.staff.supervisors:
            supervisor.close()
        if self._audit is not None:
            self._audit.close(lambda: self._launcher.hear(CLOSE_TIMEOUT_S))
        self._in_force.staff.crew.await_deaths(CLOSE_TIMEOUT_S)
        for supervisor in self._in_force.staff.supervisors:
            supervisor.await_deaths(CLOSE_TIMEOUT_S)
        self._renewal.await_deaths(CLOSE_TIMEOUT_S)
        if not self._launcher.close(CLOSE_TIMEOUT_S):
            self._log.error("the launcher process did not end in time")
        self._links.close()
        self._folder.close()

    # What the supervisor tells.

    def on_idle(self) -> None:
        """A worker can take a call."""
        self._dispatcher.on_idle()

    def on_frame(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """A worker answered, or said something on the way."""
        self._dispatcher.on_frame(worker, frame, now)

    def on_returned(self, call: Call) -> None:
        """The worker that would have run `call` next is gone."""
        self._dispatcher.on_returned(call)

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""
        log = self._log.debug if cause is Exit.CANCELLED else self._log.warning
        log("a call lost its worker", call=call.id, tool=call.tool.name, cause=cause.value)
        self._dispatcher.on_lost(call, cause)

    def on_costly(self, call: Call) -> None:
        """It has become known that `call` itself brought its worker down."""
        self._dispatcher.on_costly(call)

    def on_breach(self, breach: Breach) -> None:
        """A worker or watcher did what no honest one does."""
        if self._audit is not None:
            self._audit.record_breach(breach)

    def on_gone(self, worker: Worker, place: str, cause: Exit) -> None:
        """A worker is gone, or about to be."""
        log = self._log.debug if cause in (Exit.RECYCLED, Exit.CANCELLED) else self._log.warning
        log("a worker ended", place=place, pid=worker.pid, cause=cause.value)

    def on_report(self, report: Report) -> bool:
        """Judge a worker's confinement by what it measured."""
        objection = self._objection(report)
        if objection is not None:
            self._on_broken(
                f"{objection} Nothing is served in sandbox mode {self._in_force.settings.sandbox.mode!r}. "
                'To run with less, choose --sandbox best-effort knowingly; "filewarden check" shows the settings.'
            )
            return False
        if self._in_force.report is None:
            self._announce(report)
            for other in self._in_force.staff.supervisors[1:]:  # they wait for the first answer, which they would delay
                other.start()
        self._in_force.report = report
        return True

    def _objection(self, report: Report) -> str | None:
        """Why a process with this confinement may not serve; None: it may."""
        is_enough = self._in_force.settings.sandbox.mode != "required" or report.level in ACCEPTED_LEVELS
        if report.refusal is None and is_enough:
            return None
        return report.refusal or f"The sandbox reaches only the level {report.level!r}."

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""
        self._on_broken(reason)

    def _on_launcher_lost(self) -> None:
        self._on_broken("the launcher process ended")

    def _announce(self, report: Report) -> None:
        self._log.info("ready", sandbox=report.level)
        for sentence in report.degraded:
            self._log.warning(f"sandbox {report.level}: {sentence}")

    # What operators ask.

    @property
    def has_served(self) -> bool:
        """Whether a worker was ready once."""
        return self._in_force.report is not None

    def fault(self) -> str | None:
        """Why the server should be started again, or None; a watchdog asks."""
        now = self._reactor.now()
        return self._vitality.fault(
            now,
            [(each.pool.kind, each.roster.is_serving()) for each in self._in_force.staff.supervisors],
            start_timeout_s=self._in_force.settings.pool.start_timeout_s,
            overdue_s=self._dispatcher.overdue_s(now),
        )

    def now(self) -> float:
        """The clock that everything here goes by."""
        return self._reactor.now()

    def turn_away(self, reason: str) -> None:
        """A listener refused a request; `reason` is one of a few."""
        self.turned_away[reason] = self.turned_away.get(reason, 0) + 1
