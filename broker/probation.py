"""The workers of one profile while they are tried: nobody asks them anything, so who they are is all that counts."""

from collections.abc import Callable

from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.worker import Worker
from filewarden.workers.wire import Report


class Probation:
    """Who answers for them meanwhile."""

    def __init__(self, judge: Callable[[Report], str | None], on_breach: Callable[[Breach], None]) -> None:
        self._judge = judge
        self.on_breach = on_breach
        """What is against the law of the workers is on record, on trial too."""
        self.reason: str | None = None
        """Why they have failed, as soon as they have."""
        self.report: Report | None = None
        """What the latest worker measured of its confinement."""

    def on_gone(self, worker: Worker, place: str, cause: Exit, lost: Call | None) -> None:
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
        self.reason = self.reason or reason
