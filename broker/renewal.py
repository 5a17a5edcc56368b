"""New settings while the server runs: read by the launcher, tried with fresh workers, then taken over or dropped.

Who does what. The front-end is told to reload (SIGHUP), and asks the launcher. A child of the launcher reads the
configuration again, with the rights of the start and by the charter of the start, and gives the launcher new profiles
(workers.editions). The front-end gets the settings that belong to them; it never says what they are, so one that was
taken over gains nothing. It starts workers by the new profiles, under names of their own. When all of them have been
ready (broker.trial), the settings count: calls that wait or come go to the new workers, those that run end where they
are, and the launcher forgets the profiles before. Whatever fails on the way leaves everything as it was.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from filewarden.broker import charter as charters
from filewarden.broker.breach import Breach
from filewarden.broker.charter import Charter
from filewarden.broker.employer import Employer
from filewarden.broker.launch import Launched
from filewarden.broker.launcher import Launcher
from filewarden.broker.log import Log
from filewarden.broker.reactor import Reactor
from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.broker.staff import Staff
from filewarden.broker.trial import Trial
from filewarden.workers.wire import Report

if TYPE_CHECKING:
    from filewarden.broker.status import ConfigurationStatus


class Follower(Protocol):
    """Who has to do something about new settings, beside the broker."""

    def on_reloading(self) -> None:
        """The configuration is being read again."""

    def on_reloaded(self, charter: Charter) -> None:
        """Its settings count from now on."""

    def on_refused(self, reason: str) -> None:
        """Nothing has changed."""


class Renewal:
    """One reload at a time; when another one is asked for meanwhile, it follows.

    `hire` makes a staff for each profile that is at work, by the settings that were read under a number; `take_over`
    puts them to work and returns those before, which retire.
    """

    def __init__(
        self,
        *,
        reactor: Reactor,
        launched: Launched,
        launcher: Launcher,
        log: Log,
        judge: Callable[[Report], str | None],
        on_breach: Callable[[Breach], None],
        hire: Callable[[Charter, int, Callable[[str], Employer]], Mapping[str, Staff]],
        take_over: Callable[[Charter, Trial, int], list[Staff]],
    ) -> None:
        self._reactor = reactor
        self._launched = launched
        self._launcher = launcher
        self._log = log
        self._judge = judge
        self._on_breach = on_breach
        self._hire = hire
        self._take_over = take_over
        self._trial: Trial | None = None
        self._is_under_way = False
        self._is_wanted_again = False
        self._is_closed = False
        self._reloads = self._refusals = 0
        self._outcome = ReloadOutcome(edition=1, problem=None)
        self._retiring: list[Staff] = []
        self.followers: list[Follower] = []
        launcher.on_reading = self._on_reading

    def begin(self) -> None:
        """Read the configuration again."""
        if self._is_under_way or self._is_closed:
            self._is_wanted_again = True
            return
        self._is_under_way = True
        self._log.info("reading the configuration again")
        for follower in self.followers:
            follower.on_reloading()
        self._launched.read_again()

    def close(self) -> None:
        """The server stops: try nothing any more."""
        self._is_closed = True
        if self._trial is not None:
            self._trial.stop()
        for staff in self._retiring:
            staff.dismiss()

    def await_deaths(self, timeout_s: float) -> None:
        """Wait for the processes of those that have retired, or were on trial."""
        for staff in (*self._retiring, *([] if self._trial is None else self._trial.staffs.values())):
            for supervisor in staff.supervisors:
                supervisor.await_deaths(timeout_s)
            staff.crew.await_deaths(timeout_s)

    def status(self) -> "ConfigurationStatus":
        """As operators see it."""
        from filewarden.broker.status import ConfigurationStatus

        return ConfigurationStatus(
            edition=self._outcome.edition,
            reloading=self._is_under_way,
            reloads_total=self._reloads,
            refused_total=self._refusals,
            problem=self._outcome.problem,
            needs_restart=self._outcome.needs_restart,
            retiring=sum(staff.size for staff in self._retiring),
        )

    def outcome(self) -> ReloadOutcome:
        """What became of the latest reload."""
        return self._outcome

    def _on_reading(self, number: int, found: bytes | str) -> None:
        if not self._is_under_way or self._is_closed:
            return
        if isinstance(found, str):
            self._refuse(found)
            return
        try:
            charter = charters.decode(found)
        except msgspec.DecodeError as error:
            self._launched.drop_edition(number)
            self._refuse(f"what was read cannot be understood: {error}")
            return
        self._trial = Trial(
            self._reactor,
            charter.settings,
            lambda employer_of: self._hire(charter, number, employer_of),
            self._judge,
            self._on_breach,
            lambda: self._passed(number, charter),
            lambda reason: self._failed(number, reason),
        )

    def _passed(self, number: int, charter: Charter) -> None:
        trial, self._trial = self._trial, None
        if trial is None:
            return
        self._launched.take_edition(number)
        self._retiring = [staff for staff in self._retiring if staff.size]
        before = self._take_over(charter, trial, number)
        for staff in before:
            staff.retire()
        self._retiring += before
        self._reloads += 1
        self._outcome = ReloadOutcome(
            edition=number,
            problem=None,
            changes=charter.changes,
            needs_restart=charter.needs_restart,
            warnings=charter.warnings,
        )
        for warning in charter.warnings:
            self._log.warning(warning)
        if charter.needs_restart:
            keys = ", ".join(charter.needs_restart)
            self._log.warning("some of the configuration needs a restart and is left as it was", keys=keys)
        self._log.info("the new configuration is in force", edition=number, changes="; ".join(charter.changes))
        for follower in self.followers:
            follower.on_reloaded(charter)
        self._go_on()

    def _failed(self, number: int, reason: str) -> None:
        self._trial = None
        self._launched.drop_edition(number)
        self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        self._refusals += 1
        self._outcome = msgspec.structs.replace(self._outcome, problem=reason, changes=(), warnings=())
        self._log.error("the new configuration is refused, the old one stays in force", reason=reason)
        for follower in self.followers:
            follower.on_refused(reason)
        self._go_on()

    def _go_on(self) -> None:
        self._is_under_way = False
        if self._is_wanted_again:
            self._is_wanted_again = False
            self.begin()
