"""New settings on trial: they count once every worker that they ask for has been ready, and no earlier.

What no check of a configuration can tell shows then: a root that cannot be opened where workers live, a glob that is
none, a sandbox that does not hold. Until the end of the trial everything is served as before.
"""

from collections.abc import Callable, Mapping

from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.process import Violation
from filewarden.broker.reactor import Reactor, Timer
from filewarden.broker.staff import Staff
from filewarden.broker.supervisor import Client
from filewarden.broker.worker import Worker
from filewarden.config.settings import Settings
from filewarden.workers.wire import Aside, Ending, Report

ZYGOTES_S = 10.0
"""What zygotes and their imports may take, on a busy machine."""
TICK_S = 0.05


class Trial:
    """Whom the workers on trial serve. Exactly one of `passed` and `failed` is called, later and once."""

    def __init__(
        self,
        reactor: Reactor,
        settings: Settings,
        hire: Callable[[Client], Mapping[str, Staff]],
        judge: Callable[[Report], str | None],
        on_breach: Callable[[Breach], None],
        passed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._judge = judge
        self.on_breach = on_breach
        """What is against the law of the workers is on record, on trial too."""
        self._passed = passed
        self._failed = failed
        self._reason: str | None = None
        self.report: Report | None = None
        """What the latest worker measured of its confinement."""
        self.staffs = hire(self)
        """Those that are tried, by profile."""
        self._give_up_at = reactor.now() + ZYGOTES_S * max(1, len(self.staffs)) + settings.pool.start_timeout_s
        for staff in self.staffs.values():
            for supervisor in staff.supervisors:
                supervisor.start()
        self._timer: Timer = reactor.at(reactor.now() + TICK_S, self._tick)

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
        if self._reason is None and now >= self._give_up_at:
            self._reason = "the workers that it asks for did not become ready in time; the log may say why"
        if self._reason is not None:
            self._dismiss()
            self._failed(self._reason)
        elif all(staff.is_complete for staff in self.staffs.values()):
            self._passed()
        else:
            self._timer = self._reactor.at(now + TICK_S, self._tick)

    # What the supervisors tell.

    def on_idle(self) -> None:
        """There are no calls yet."""

    def on_frame(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """Nobody has asked a worker anything; raises Violation."""
        raise Violation("a frame about a call that it does not run")

    def on_lost(self, call: Call, cause: Exit) -> None:
        """There are no calls yet."""

    def on_returned(self, call: Call) -> None:
        """There are no calls yet."""

    def on_costly(self, call: Call) -> None:
        """There are no calls yet."""

    def on_gone(self, worker: Worker, place: str, cause: Exit) -> None:
        """It has answered for nobody; the log has why it never became ready."""

    def on_report(self, report: Report) -> bool:
        """Judge a worker's confinement by what it measured."""
        objection = self._judge(report)
        if objection is not None:
            self.on_broken(objection)
            return False
        self.report = report
        return True

    def on_broken(self, reason: str) -> None:
        """No worker can be started."""
        self._reason = self._reason or reason
