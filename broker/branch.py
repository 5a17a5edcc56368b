"""A branch of the server: what the principals of one profile come to, with its own workers, queue, limits and tasks.

Nothing of a branch is known to another: its tools, roots, tasks, watches and announcements are looked up in it alone,
so that what belongs to another one is answered as what does not exist. Most servers have one branch, that of everybody.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker import verdicts
from filewarden.broker.announcements import Announcements
from filewarden.broker.breach import Breach
from filewarden.broker.call import Call, Witness
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller, Unread
from filewarden.broker.conversation import Conversation
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.employer import Employer
from filewarden.broker.launcher import EditionLauncher
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit
from filewarden.broker.link import Links
from filewarden.broker.log import Log
from filewarden.broker.offering import catalogue_of, offer_of
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.patrol import Patrol
from filewarden.broker.protocol.negotiation import Eras
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.protocol.session import Session
from filewarden.broker.reactor import Reactor
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.services import Services
from filewarden.broker.staff import Staff
from filewarden.broker.task_runs import TaskRuns
from filewarden.broker.vouchers import Vouchers
from filewarden.broker.watches import Watches
from filewarden.broker.worker import Worker
from filewarden.broker.write_budgets import budgets_of
from filewarden.config.settings import Settings
from filewarden.workers.catalogue import Catalogue
from filewarden.workers.operations import FIND_OUTCOME
from filewarden.workers.wire import Report

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What all branches of a server share."""

    reactor: Reactor
    links: Links
    serials: Iterator[int]
    """The numbers of processes."""
    numbers: Iterator[int]
    """The numbers of calls."""
    patrol: Patrol
    ledger: Ledger
    vouchers: Vouchers
    catalogue: Catalogue
    log: Log
    audit: "AuditLog | None"
    witnesses: Sequence[Witness]
    unread: Sequence[Unread]
    judge: Callable[[Report], str | None]
    """Why a process that reports this confinement may not serve, or None."""
    on_report: Callable[[Report], None]
    on_broken: Callable[["Branch", str], None]
    """A branch can start no worker, and why."""
    on_breach: Callable[[Breach], None]

    def hire(self, settings: Settings, launcher: EditionLauncher, employer: Employer) -> Staff:
        """Workers by these settings; none is started yet."""
        return Staff(
            settings=settings,
            reactor=self.reactor,
            links=self.links,
            launcher=launcher,
            serials=self.serials,
            employer=employer,
            judge=self.judge,
            on_breach=self.on_breach,
            log=self.log,
        )


class Branch:
    """One profile at work; `profile` is "" for what stands outside of all."""

    def __init__(
        self,
        profile: str,
        settings: Settings,
        launcher: EditionLauncher,
        common: Common,
        hired: Staff | None = None,
    ) -> None:
        """`hired` are workers that are ready; without them they are started with the branch."""
        self.profile = profile
        self.settings = settings
        self.is_broken = False
        """Whether no worker of it can be started."""
        self.ledger = common.ledger if not profile else Ledger(common.ledger)
        self._common = common
        self._launcher = launcher
        self._has_reported = hired is not None
        self._catalogue = catalogue_of(common.catalogue, settings)
        self.scheduler = Scheduler(**_limits(settings))
        self._announcements = Announcements()
        self._budgets = budgets_of(settings.writes, None)
        find_outcome, has_history = self._catalogue.operation(FIND_OUTCOME), settings.history.enabled
        self._checks = OutcomeChecks(common.log.server, find_outcome, has_history=has_history)
        self.dispatcher = Dispatcher(
            reactor=common.reactor,
            scheduler=self.scheduler,
            ledger=self.ledger,
            deadlines=settings.deadlines,
            patrol=common.patrol,
            numbers=common.numbers,
            on_list_changed=self._announcements.list_changed,
            audit=common.audit,
            witnesses=common.witnesses,
            unread=common.unread,
            budgets=self._budgets,
            closures=self._closures(settings),
            checks=self._checks,
        )
        self.staff = hired or common.hire(settings, launcher, self)
        self.staff.serve(self.dispatcher, self)
        limits, roots = settings.limits, [root.name for root in settings.roots]
        self.watches = Watches(common.reactor, self.staff.crew, roots, limits.max_watches)
        self.offer = offer_of(self._catalogue, settings)
        self._tasks = TaskRuns(limit=limits.tasks, ttl_s=limits.task_ttl_s, on_change=self._announcements.task_changed)
        self._services = Services(
            reactor=common.reactor,
            dispatcher=self.dispatcher,
            catalogue=self._catalogue,
            vouchers=common.vouchers,
            tasks=self._tasks,
            announcements=self._announcements,
            watches=self.watches,
            abilities=self.offer.abilities,
            ask_s=settings.deadlines.ask_s,
            task_after_s=settings.deadlines.task_after_s,
        )
        self._conversations: weakref.WeakSet[Conversation] = weakref.WeakSet()

    def start(self, *, has_zygote: bool = False) -> None:
        """Let calls be run; the zygote of its first pool `has` come, or is on its way, or is asked for now."""
        self.dispatcher.attach(self.staff.supervisors)
        self._common.patrol.posts.append(self.dispatcher)
        if not has_zygote:
            self.staff.supervisors[0].start()

    def open_conversation(
        self, caller: Caller, eras: Eras, notify: Callable[[bytes], None] | None = None
    ) -> Conversation:
        """A new client's conversation."""
        conversation = Conversation(
            session=Session(self.offer, eras, self._common.log.fault),
            services=self._services,
            caller=caller,
            notify=notify,
        )
        self._conversations.add(conversation)
        return conversation

    def end_subscriptions(self, of: Callable[[Principal], bool] = lambda _: True) -> None:
        """Nothing will be told of any more to those who are meant."""
        for conversation in list(self._conversations):
            if of(conversation.principal):
                conversation.end_subscriptions()

    def drain(self) -> None:
        """Take no new calls, and end those that wait for an answer of their client: it may not come any more."""
        self.dispatcher.drain()
        self._end_questions()

    def cancel_all(self) -> None:
        """End every call with an answer, where no new one is taken; those too that have asked their client since."""
        self.dispatcher.cancel_all()
        self._end_questions()

    def _end_questions(self) -> None:
        for conversation in list(self._conversations):
            conversation.end_questions("the server stops")

    def _closures(self, settings: Settings) -> RootClosures:
        return RootClosures(CallRoots(settings.roots), self._common.log.warning)

    # Other settings.

    def renew(self, settings: Settings, launcher: EditionLauncher, hired: Staff | None) -> Staff:
        """Let these settings count; who worked by those before is returned, and to be retired.

        `hired` are workers that are ready; None: they are only started now.
        """
        old, self.settings, self._launcher = self.settings, settings, launcher
        staff = hired or self._common.hire(settings, launcher, self)
        self._catalogue = catalogue_of(self._common.catalogue, settings)
        self._checks.has_history = settings.history.enabled
        self._renew_limits(settings)
        has_other_tools = self._renew_offer(settings)
        self._budgets = budgets_of(settings.writes, self._budgets)
        before = self._employ(staff)
        if self.is_broken:
            self.is_broken = False
            self.dispatcher.open_again()
        self._has_reported = hired is not None
        if hired is None:
            staff.supervisors[0].start()
        if has_other_tools:
            self._announcements.list_changed("tools")
        if settings.roots != old.roots:
            self._announcements.roots_changed()
        return before

    def _employ(self, staff: Staff) -> Staff:
        """Put a staff to work in place of the one returned."""
        before, self.staff = self.staff, staff
        settings = self.settings
        staff.succeed(before, self.dispatcher, self)
        self.watches.renew(staff.crew, [root.name for root in settings.roots], settings.limits.max_watches)
        self.dispatcher.renew(
            staff.supervisors,
            deadlines=settings.deadlines,
            budgets=self._budgets,
            closures=self._closures(settings),
            offers=lambda tool: self._catalogue.operation(tool.name) is tool,
        )
        return before

    def _renew_limits(self, settings: Settings) -> None:
        limits, services = settings.limits, self._services
        self.scheduler.renew(**_limits(settings))
        self._tasks.renew(limit=limits.tasks, ttl_s=limits.task_ttl_s)
        services.catalogue = self._catalogue
        services.ask_s, services.task_after_s = settings.deadlines.ask_s, settings.deadlines.task_after_s

    def _renew_offer(self, settings: Settings) -> bool:
        """Offer what these settings allow; whether that are other tools."""
        before = self.offer.tools.names
        self.offer.renew(offer_of(self._catalogue, settings))
        self._services.abilities = self.offer.abilities
        return before != self.offer.tools.names

    def repair(self) -> None:
        """Begin again with workers, where none could be started before."""
        self._employ(self._common.hire(self.settings, self._launcher, self))
        self.is_broken = self._has_reported = False
        self.dispatcher.open_again()
        self.staff.supervisors[0].start()

    def give_up(self) -> None:
        """Answer every call at once: no worker can be started."""
        self.is_broken = True
        self.dispatcher.close_with(verdicts.NO_WORKER)

    def wind_up(self) -> None:
        """The profile is gone: what waits is answered, what runs ends where it is, and nothing else is taken.

        Whoever calls this lets the staff retire.
        """
        self.end_subscriptions()
        self._tasks.close()
        self.watches.close()
        self.dispatcher.close_with(verdicts.NOT_SERVED)

    def close(self) -> None:
        """End at once."""
        self._tasks.close()
        self.watches.close()
        self.staff.crew.close()
        for supervisor in self.staff.supervisors:
            supervisor.close()

    def await_deaths(self, timeout_s: float) -> None:
        """Wait for its processes."""
        self.staff.crew.await_deaths(timeout_s)
        for supervisor in self.staff.supervisors:
            supervisor.await_deaths(timeout_s)

    # What the supervisors tell of workers.

    def on_breach(self, breach: Breach) -> None:
        """A worker did what no honest one does."""
        self._common.on_breach(msgspec.structs.replace(breach, profile=self.profile))

    def on_gone(self, worker: Worker, place: str, cause: Exit, lost: Call | None) -> None:
        """A worker is gone, or about to be, and with it the call that it ran."""
        log = self._common.log.debug if cause in (Exit.RECYCLED, Exit.CANCELLED) else self._common.log.warning
        place = f"{self.profile}/{place}" if self.profile else place
        log("a worker ended", place=place, pid=worker.pid, cause=cause.value)
        if lost is not None:
            log = self._common.log.debug if cause is Exit.CANCELLED else self._common.log.warning
            log("a call lost its worker", call=lost.id, tool=lost.tool.name, cause=cause.value)

    def on_report(self, report: Report) -> bool:
        """Judge a worker's confinement by what it measured."""
        objection = self._common.judge(report)
        if objection is not None:
            self.on_broken(
                f"{objection} Nothing is served in sandbox mode {self.settings.sandbox.mode!r}. "
                'To run with less, choose --sandbox best-effort knowingly; "filewarden check" shows the settings.'
            )
            return False
        self._common.on_report(report)
        if not self._has_reported:
            self._has_reported = True
            for other in self.staff.supervisors[1:]:  # they wait for the first answer, which they would delay
                other.start()
        return True

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""
        self._common.on_broken(self, reason)


def _limits(settings: Settings) -> dict[str, int]:
    limits = settings.limits
    return {
        "queue_limit": limits.queue,
        "per_client_limit": limits.per_client_in_flight,
        "scan_workers": settings.pool.scan_workers,
    }
