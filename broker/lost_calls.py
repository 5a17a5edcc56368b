"""What becomes of the calls whose worker is gone: of the one that it ran, and of those that waited in it.

A read that ran is lost; one that only waited runs elsewhere. A change may have been made, or begun, before anybody
knew: a fresh worker looks (see `outcome_checks`), and only then

- the one that ran ends, as lost, and its caller hears what it has changed;
- one that waited is the next one again if nothing was changed for it, and ends likewise otherwise.

Where no new calls are taken, nothing is looked up for those that waited: nobody would be there to make the change.
"""

from functools import partial

from filewarden.broker import verdicts
from filewarden.broker.admission import Admission
from filewarden.broker.call import Call, Deliver
from filewarden.broker.feeder import Feeder
from filewarden.broker.in_flight import InFlight
from filewarden.broker.lifecycle import Exit
from filewarden.broker.outcome_checks import OutcomeChecks, changes_something, is_unchanged, told
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.reactor import Reactor
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.settlement import Settlement

_COSTLY = (Exit.DEADLINE, Exit.MEMORY, Exit.PROTOCOL, Exit.VIOLATION)
"""Ends that the call itself is to blame for, as far as is known at once."""


class LostCalls:
    """Decides it, as the workers' ends are told."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        admission: Admission,
        in_flight: InFlight,
        scheduler: Scheduler,
        feeder: Feeder,
        checks: OutcomeChecks,
        settlement: Settlement,
    ) -> None:
        self._reactor = reactor
        self._admission = admission
        self._in_flight = in_flight
        self._scheduler = scheduler
        self._feeder = feeder
        self._checks = checks
        self._settlement = settlement

    # The call that it ran.

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""
        if cause in _COSTLY:
            self.on_costly(call)
        lost, now = _lost(cause), self._reactor.now()
        if not changes_something(call):
            self._in_flight.end(call, lost, now)
        elif self._look(
            call, cause, lambda found: self._settlement.settle(call, told(lost, found), self._reactor.now())
        ):
            self._in_flight.drop(call)
            self._scheduler.finished(call, now)
        else:
            self._in_flight.end(call, told(lost, None), now)

    def on_costly(self, call: Call) -> None:
        """It has become known that `call` itself brought its worker down."""
        if not call.is_check:  # which nobody can repeat
            self._admission.note_loss(call, self._reactor.now())

    # Those that waited in it.

    def on_returned(self, call: Call, cause: Exit) -> None:
        """The worker that would have run `call` later is gone; it may have begun with a change before anybody knew."""
        if not changes_something(call):
            self._feeder.returned(call, is_suspect=cause is not Exit.CANCELLED)
        elif self._admission.closed is not None or not self._look(call, Exit.CRASH, partial(self._on_found, call)):
            self._lose_returned(call, None)

    def _on_found(self, call: Call, found: Outcome) -> None:
        """What has become of a change that waited: it is next again if not begun, and in time."""
        if not is_unchanged(found) or call.is_settled:
            self._lose_returned(call, found)
        elif self._reactor.now() >= call.soft_at:
            self._end_returned(call, verdicts.QUEUED_TOO_LONG, found)
        else:
            self._feeder.returned(call, is_suspect=True)
            self._feeder.feed()

    def _lose_returned(self, call: Call, found: Outcome | None) -> None:
        self._end_returned(call, _lost(Exit.CRASH if self._admission.closed is None else Exit.RECYCLED), found)

    def _end_returned(self, call: Call, verdict: Failed, found: Outcome | None) -> None:
        call.began_at = now = self._reactor.now()
        self._in_flight.end(call, told(verdict, found), now)

    # Looking.

    def _look(self, call: Call, cause: Exit, deliver: Deliver) -> bool:
        """Let a worker look what a call has changed; False where there is nothing to be found out."""
        check = self._checks.admit(self._admission.numbers, call, cause, self._reactor.now(), deliver)
        if check is None:
            return False
        self._in_flight.add(check)
        self._feeder.feed()
        return True


def _lost(cause: Exit) -> Failed:
    code, sentence = verdicts.LOST[cause]
    return Failed(code, sentence, {})
