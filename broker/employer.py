"""Who answers for the workers of a pool, as their supervisor knows it."""

from typing import Protocol

from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.worker import Worker
from filewarden.workers.wire import Report


class Employer(Protocol):
    """What it is told about workers, whatever they run."""

    def on_breach(self, breach: Breach) -> None:
        """A worker did what no honest one does, and is or was ended for it."""

    def on_gone(self, worker: Worker, place: str, cause: Exit, lost: Call | None) -> None:
        """A worker is gone, or about to be, and with it the call that it ran; `place` names its pool and slot."""

    def on_report(self, report: Report) -> bool:
        """A worker reported its confinement; whether it may serve."""

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""
