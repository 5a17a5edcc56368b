"""Whom the workers of a pool serve, as their supervisor knows it."""

from typing import Protocol

from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.worker import Worker
from filewarden.workers.wire import Aside, Ending, Report


class Client(Protocol):
    """Whom the supervisor serves."""

    def on_idle(self) -> None:
        """At least one worker can take a call."""

    def on_frame(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """A worker answered, or said something on the way; the views in `frame` are valid during this call only.

        Raises:
            Violation: the frame is not about what that worker runs.
        """

    def on_unreachable(self, worker: Worker) -> None:
        """A worker can be sent nothing any more: what it was given and has not been sent, it will never hear of."""

    def on_returned(self, call: Call, cause: Exit) -> None:
        """The worker that would have run `call` later is gone. Of several the last is told of first."""

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""

    def on_costly(self, call: Call) -> None:
        """It has become known that `call` itself brought its worker down."""

    def on_breach(self, breach: Breach) -> None:
        """A worker did what no honest one does, and is or was ended for it."""

    def on_gone(self, worker: Worker, place: str, cause: Exit) -> None:
        """A worker is gone, or about to be; `place` names its pool and slot."""

    def on_report(self, report: Report) -> bool:
        """A worker reported its confinement; whether it may serve."""

    def on_broken(self, reason: str) -> None:
        """No worker can be started any more."""
