"""Whose calls the workers of a pool run, as their supervisor knows it."""

from typing import Protocol

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.process import Violation
from filewarden.broker.worker import Worker
from filewarden.workers.wire import Aside, Ending


class Client(Protocol):
    """What it is told about calls."""

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


class Nobody:
    """Nobody asks these workers anything, yet."""

    def on_idle(self) -> None:
        """There are no calls."""

    def on_frame(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """Nobody has asked a worker anything; raises Violation."""
        raise Violation("a frame about a call that it does not run")

    def on_unreachable(self, worker: Worker) -> None:
        """It was not given anything."""

    def on_returned(self, call: Call, cause: Exit) -> None:
        """There are no calls."""

    def on_lost(self, call: Call, cause: Exit) -> None:
        """There are no calls."""

    def on_costly(self, call: Call) -> None:
        """There are no calls."""
