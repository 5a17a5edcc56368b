"""All branches of a server: opened when somebody first comes to one, renewed by a reload, and let go of in the end."""

import itertools
from collections.abc import Callable, Iterator

from filewarden.broker.branch import Branch, Common
from filewarden.broker.charter import Charter
from filewarden.broker.employer import Employer
from filewarden.broker.guard import Guard
from filewarden.broker.holdings import Holdings
from filewarden.broker.in_force import InForce
from filewarden.broker.launcher import Launcher
from filewarden.broker.pool_profile import body_bytes, frame_bytes
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.staff import Staff
from filewarden.broker.trial import Trial
from filewarden.config.profiles import OUTSIDE, served_names, settings_for, starting_names
from filewarden.config.settings import Settings

REPAIR_AFTER_S = 30.0
"""Until it is tried again to start the workers of a profile for which none could be started."""


class NotServedError(Exception):
    """Nobody is served by that profile any more."""


class Branches:
    """Those that are open (`InForce.branches`), and those of profiles that are gone, until their last calls end.

    `on_broken` is told when nobody can be served any more, and why.
    """

    def __init__(
        self,
        in_force: InForce,
        common: Common,
        launcher: Launcher,
        holdings: Holdings,
        on_broken: Callable[[str], None],
    ) -> None:
        self._in_force = in_force
        self._common = common
        self._launcher = launcher
        self._holdings = holdings
        self._on_broken = on_broken
        self._edition = 1
        self._leaving: list[Branch] = []
        self._guard: Guard | None = None
        for profile in starting_names(in_force.settings):
            self._open(profile)

    def start(self) -> None:
        """Start the workers of those that begin with the server."""
        self._guard = Guard((), end_others=self._end_watchers, frame_bytes=0, holdings=self._holdings)
        for profile, branch in self._in_force.branches.items():
            branch.start(has_zygote=profile == OUTSIDE)
        self._watch_over_all()

    def all(self) -> Iterator[Branch]:
        """Every one in which a call may be under way."""
        return itertools.chain(self._in_force.branches.values(), self._leaving)

    def of(self, profile: str) -> Branch:
        """That of a profile, opened when somebody comes to it first.

        Raises:
            NotServedError: there is none.
        """
        branch = self._in_force.branches.get(profile)
        if branch is not None:
            return branch
        if profile not in served_names(self._in_force.settings):
            raise NotServedError(profile)
        branch = self._open(profile)
        branch.start()
        self._close_doors()
        self._watch_over_all()
        return branch

    def serves(self, principal: Principal) -> bool:
        """Whether there is still what a principal was let in for, and still for them."""
        in_force = self._in_force
        if principal.profile not in in_force.branches and principal.profile not in served_names(in_force.settings):
            return False
        return in_force.still_admits(principal)

    def _open(self, profile: str, hired: Staff | None = None) -> Branch:
        settings = settings_for(self._in_force.settings, profile)
        branch = Branch(profile, settings, self._launcher.edition(self._edition, profile), self._common, hired)
        self._in_force.branches[profile] = branch
        return branch

    # The watch.

    def look(self, now: float) -> None:
        """All calls were looked after."""
        if self._guard is not None:
            self._guard.look(now)
        if self._leaving and any(not branch.dispatcher.in_flight for branch in self._leaving):
            self._forget_those_who_left()

    def overdue_s(self, now: float) -> float:
        """By how much the latest of all calls is behind its deadline."""
        return max((branch.dispatcher.overdue_s(now) for branch in self.all()), default=0.0)

    def _forget_those_who_left(self) -> None:
        gone = [branch for branch in self._leaving if not branch.dispatcher.in_flight]
        self._leaving = [branch for branch in self._leaving if branch not in gone]
        for branch in gone:
            self._common.patrol.posts.remove(branch.dispatcher)
        self._watch_over_all()

    def _watch_over_all(self) -> None:
        """Guard the memory of all pools together: it is one process that they could fill."""
        if self._guard is not None:
            pools = [pool for branch in self.all() for pool in branch.dispatcher.pools]
            most_bytes = self._common.links.max_frame_bytes
            self._guard.watch(pools, end_others=self._end_watchers, frame_bytes=most_bytes)

    def _end_watchers(self, reason: str) -> None:
        for branch in self.all():
            branch.staff.crew.end_all(reason)

    # Other settings.

    def hire(self, charter: Charter, number: int, employer_of: Callable[[str], Employer]) -> dict[str, Staff]:
        """Workers for every branch that is open and goes on, by the settings that were read as `number`."""
        settings, links = charter.settings, self._common.links
        links.max_frame_bytes = max(links.max_frame_bytes, longest_frame_bytes(settings))
        links.max_body_bytes = max(links.max_body_bytes, longest_body_bytes(settings))
        names = {
            *(name for name, branch in self._in_force.branches.items() if not branch.is_broken),
            *starting_names(settings),
        }
        return {
            name: self._common.hire(
                settings_for(settings, name), self._launcher.edition(number, name), employer_of(name)
            )
            for name in served_names(settings)
            if name in names
        }

    def take_over(self, charter: Charter, trial: Trial, number: int) -> list[Staff]:
        """Let the settings of `charter` count, and put those on trial to work in place of those returned."""
        settings, in_force = charter.settings, self._in_force
        in_force.settings, in_force.report = settings, trial.report or in_force.report
        in_force.tokens = charter.tokens
        self._edition = number
        self._common.links.max_frame_bytes = longest_frame_bytes(settings)
        self._common.links.max_body_bytes = longest_body_bytes(settings)
        served = served_names(settings)
        gone = [in_force.branches.pop(name) for name in list(in_force.branches) if name not in served]
        for branch in gone:
            branch.wind_up()
        self._leaving += gone
        retired = [branch.staff for branch in gone]
        for name in served:
            hired = trial.staffs.get(name)
            if name in in_force.branches:
                launcher = self._launcher.edition(number, name)
                retired.append(in_force.branches[name].renew(settings_for(settings, name), launcher, hired))
            elif hired is not None:
                self._open(name, hired).start(has_zygote=True)
        for branch in in_force.branches.values():
            branch.end_subscriptions(lambda principal: not self.serves(principal))
        self._close_doors()
        self._watch_over_all()
        return retired

    # Failures.

    def on_broken(self, branch: Branch, reason: str) -> None:
        """No worker of a branch can be started: without the one of everybody the server ends, else it serves others."""
        if branch.profile == OUTSIDE:
            self._on_broken(reason)
        elif not branch.is_broken and branch in self._in_force.branches.values():
            self._common.log.error("no worker can be started for a profile", profile=branch.profile, reason=reason)
            branch.give_up()
            reactor = self._common.reactor
            reactor.at(reactor.now(), branch.staff.dismiss)  # not from within what one of them tells
            reactor.at(reactor.now() + REPAIR_AFTER_S, lambda: self._repair(branch))

    def _repair(self, branch: Branch) -> None:
        is_open = self._in_force.branches.get(branch.profile) is branch
        if branch.is_broken and is_open and not self._in_force.is_leaving:
            branch.repair()
            self._watch_over_all()

    # Stopping.

    def _close_doors(self) -> None:
        """Let branches that were opened or renewed take no calls either, while none are taken."""
        if self._in_force.is_draining:
            self.drain()

    def leave(self) -> None:
        """End subscriptions; calls are still taken."""
        for branch in self._in_force.branches.values():
            branch.end_subscriptions()

    def drain(self) -> None:
        """Take no new calls."""
        for branch in self.all():
            branch.drain()

    @property
    def in_flight(self) -> int:
        """How many calls wait or run."""
        return sum(branch.dispatcher.in_flight for branch in self.all())

    def cancel_all(self) -> None:
        """End every call with an answer."""
        for branch in self.all():
            branch.cancel_all()

    def close(self) -> None:
        """End at once."""
        for branch in self.all():
            branch.close()

    def await_deaths(self, timeout_s: float) -> None:
        """Wait for the processes of each."""
        for branch in self.all():
            branch.await_deaths(timeout_s)


def longest_frame_bytes(settings: Settings) -> int:
    """How large a frame of any worker may be."""
    return max(frame_bytes(settings_for(settings, name)) for name in served_names(settings))


def longest_body_bytes(settings: Settings) -> int:
    """How much an answer of any worker may say beside a text or blocks."""
    return max(body_bytes(settings_for(settings, name)) for name in served_names(settings))
