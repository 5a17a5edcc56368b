"""New settings on trial: they count once every worker that they ask for has been ready, and no earlier.

What no check of a configuration can tell shows then: a root that cannot be opened where workers live, a glob that is
none, a sandbox that does not hold. Until the end of the trial everything is served as before.
"""

from collections.abc import Callable, Mapping

from filewarden.broker.breach import Breach
from filewarden.broker.employer import Employer
from filewarden.broker.probation import Probation
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.staff import Staff
from filewarden.config.settings import Settings
from filewarden.workers.wire import Report

ZYGOTES_S = 10.0
"""What zygotes and their imports may take, on a busy machine."""
TICK_S = 0.05


class Trial:
    """`hire` makes a staff for each profile that is tried; one of `passed` and `failed` is called, later and once."""

    def __init__(
        self,
        reactor: Reactor,
        settings: Settings,
        hire: Callable[[Callable[[str], Employer]], Mapping[str, Staff]],
        judge: Callable[[Report], str | None],
        on_breach: Callable[[Breach], None],
        passed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._passed = passed
        self._failed = failed
        self._probations: dict[str, Probation] = {}

        def employer_of(profile: str) -> Probation:
            return self._probations.setdefault(profile, Probation(judge, on_breach))

        self.staffs = hire(employer_of)
        """Those that are tried, by profile."""
        self._give_up_at = reactor.now() + ZYGOTES_S * max(1, len(self.staffs)) + settings.pool.start_timeout_s
        for staff in self.staffs.values():
            for supervisor in staff.supervisors:
                supervisor.start()
        self._timer: Timer = reactor.at(reactor.now() + TICK_S, self._tick)

    @property
    def report(self) -> Report | None:
        """What one of the workers measured of its confinement."""
        return next((each.report for each in self._probations.values() if each.report is not None), None)

    def stop(self) -> None:
        """End it without a word."""
        self._timer.cancel()
        self._dismiss()

    def _dismiss(self) -> None:
        for staff in self.staffs.values():
            staff.dismiss()

    def _tick(self) -> None:
        """Look whether it is over; not from within what a supervisor tells, for it may end that supervisor."""
        now = self._reactor.now()
        for staff in self.staffs.values():
            for supervisor in staff.supervisors:
                supervisor.tick(now)
        reason = self._reason(now)
        if reason is not None:
            self._dismiss()
            self._failed(reason)
        elif all(staff.is_complete for staff in self.staffs.values()):
            self._passed()
        else:
            self._timer = self._reactor.at(now + TICK_S, self._tick)

    def _reason(self, now: float) -> str | None:
        """Why it has failed, if it has."""
        for profile, probation in self._probations.items():
            if probation.reason is not None:
                return f'profile "{profile}": {probation.reason}' if profile else probation.reason
        if now < self._give_up_at:
            return None
        late = [f'of profile "{name}"' for name, staff in self.staffs.items() if name and not staff.is_complete]
        whose = f" ({', '.join(late)})" if late else ""
        return f"the workers that it asks for{whose} did not become ready in time; the log may say why"
