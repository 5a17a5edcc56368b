"""Every call from its submission to its one outcome: admitted, given to a worker, ended by that or before."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker import verdicts
from filewarden.broker.admission import Admission
from filewarden.broker.answers import AnswerReader
from filewarden.broker.asides import begin_text, pass_on
from filewarden.broker.call import DEAF, Call, Deliver, Hearing, ListChanged, Witness
from filewarden.broker.caller import Caller, Unread
from filewarden.broker.feeder import Feeder
from filewarden.broker.in_flight import InFlight
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit
from filewarden.broker.lost_calls import LostCalls
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.patrol import BUSY_TICK_S, Patrol
from filewarden.broker.process import Violation
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.reactor import Reactor
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Overload, Scheduler
from filewarden.broker.settlement import Settlement, to_nobody
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker
from filewarden.broker.workforce import Workforce
from filewarden.broker.write_budgets import WriteBudgets
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import Inputs
from filewarden.workers.operations import FOR_THE_SERVER
from filewarden.workers.tool import Tool
from filewarden.workers.wire import ASIDES, Answer, Aside, Beginning, Ending, Refusal

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog


class Dispatcher:
    """The calls of one branch, between those who ask and the workers."""

    def __init__(
        self,
        *,
        reactor: Reactor,
        scheduler: Scheduler,
        ledger: Ledger,
        deadlines: DeadlineSettings,
        patrol: Patrol,
        numbers: Iterator[int],
        closures: RootClosures,
        on_list_changed: ListChanged | None = None,
        audit: "AuditLog | None" = None,
        witnesses: Sequence[Witness] = (),
        unread: Sequence[Unread] = (),
        budgets: WriteBudgets | None = None,
        checks: OutcomeChecks | None = None,
    ) -> None:
        self._reactor = reactor
        self._scheduler = scheduler
        self._patrol = patrol
        self._admission = Admission(
            numbers=numbers, deadlines=deadlines, closures=closures, budgets=budgets, audit=audit
        )
        self._settlement = Settlement(
            ledger=ledger,
            spend=self._admission.settle_spending,
            on_list_changed=on_list_changed,
            audit=audit,
            witnesses=witnesses,
            unread=unread,
        )
        checks = OutcomeChecks("", None) if checks is None else checks
        self._workforce = Workforce()
        self._feeder = Feeder(reactor, scheduler, self._workforce.by_kind, checks)
        self._in_flight = InFlight(reactor, scheduler, self._feeder, self._workforce, self._settlement)
        self._lost_calls = LostCalls(
            reactor=reactor,
            admission=self._admission,
            in_flight=self._in_flight,
            scheduler=scheduler,
            feeder=self._feeder,
            checks=checks,
            settlement=self._settlement,
        )
        self._answers = AnswerReader()
        self._was_active = False
        # What the supervisors tell (broker.pool_client), told to whom it concerns.
        self.on_idle = self._feeder.feed
        self.on_unreachable = self._feeder.keep
        self.on_returned = self._lost_calls.on_returned
        self.on_lost = self._lost_calls.on_lost
        self.on_costly = self._lost_calls.on_costly

    def attach(self, supervisors: Sequence[Supervisor]) -> None:
        """Name the pools that run the calls."""
        self._workforce.employ(supervisors)
        self._feeder.move_to(self._workforce.by_kind)

    def renew(
        self,
        supervisors: Sequence[Supervisor],
        *,
        deadlines: DeadlineSettings,
        budgets: WriteBudgets | None,
        closures: RootClosures,
        offers: Callable[[Tool], bool],
    ) -> None:
        """Run what waits and comes in these pools, by these rules; what runs ends where it is.

        What waits for a tool that is not offered any more is answered.
        """
        self.attach(supervisors)
        self._admission.renew(deadlines, budgets, closures)
        self._in_flight.turn_away(lambda call: None if offers(call.tool) else verdicts.NOT_OFFERED)

    @property
    def pools(self) -> tuple[Supervisor, ...]:
        """Those that run calls, and those that end with the calls that they run."""
        return self._workforce.pools

    @property
    def hung_roots(self) -> tuple[str, ...]:
        """The roots to which calls are refused because their file systems hang."""
        return self._admission.closures.names

    @property
    def in_flight(self) -> int:
        """How many calls wait or run."""
        return len(self._in_flight)

    def overdue_s(self, now: float) -> float:
        """By how much the latest of the calls is behind its deadline."""
        return self._in_flight.overdue_s(now)

    # Callers.

    def submit(
        self,
        caller: Caller,
        tool: Tool,
        arguments: msgspec.Struct,
        deliver: Deliver,
        hearing: Hearing = DEAF,
        inputs: Inputs | None = None,
        origin: StartCall | None = None,
    ) -> Call:
        """Admit a call. `deliver` gets its outcome: at once when it is refused, else later, never after `cancel`."""
        call = self._admission.call(caller, tool, arguments, deliver, hearing, inputs, origin, self._reactor.now())
        refusal = self._admission.refusal(call)
        if refusal is not None:
            self._settlement.settle(call, refusal, call.submitted_at)
            return call
        self._in_flight.add(call)
        self._was_active = True
        try:
            if not self._feeder.start(call):
                self._queue(call)
        except Overload as overload:
            self._in_flight.drop(call)
            self._settlement.settle(call, verdicts.refused_by(overload), call.submitted_at)
        if self._patrol.next_at - call.submitted_at > BUSY_TICK_S:
            self._patrol.hurry()
        return call

    def _queue(self, call: Call) -> None:
        displaced = self._scheduler.admit(call)
        if displaced is not None:
            self._in_flight.drop(displaced)
            self._settlement.settle(displaced, verdicts.refused_by(self._scheduler.full()), call.submitted_at)
        self._feeder.feed()

    def note_refused(self, caller: Caller, tool: Tool, start: StartCall, refusal: Failed) -> None:
        """A call was refused before it came here: the operator and the audit log hear of it all the same."""
        now = self._reactor.now()
        call = self._admission.call(caller, tool, start.arguments, to_nobody, DEAF, None, start, now)
        self._settlement.note_refused(call, refusal)

    def note_unread(self, caller: Caller, tool: str) -> None:
        """A tool was called in a way that made no call of it: whoever keeps a record hears of it all the same."""
        self._settlement.note_unread(caller, tool, next(self._admission.numbers))

    def cancel(self, call: Call) -> None:
        """The caller lost interest: no outcome is delivered, and a worker that runs the call is killed.

        Not where other changes may be made together with it, which would be lost too: then it may be made.
        """
        if call.is_settled:
            return
        is_withdrawn = self._in_flight.withdraw(call)
        self._settlement.cancel(call, self._reactor.now())
        if is_withdrawn:
            self._admission.settle_spending(call, verdicts.NEVER_RAN)
        else:
            self._workforce.end_runner(call, Exit.CANCELLED, unless=Worker.makes_several)

    def drain(self) -> None:
        """Take no new calls."""
        self._admission.closed = verdicts.DRAINING

    def open_again(self) -> None:
        """Take new calls again."""
        self._admission.closed = None

    def close_with(self, verdict: Failed) -> None:
        """Take no new calls, and answer those that wait with this."""
        self._admission.closed = verdict
        self._in_flight.turn_away(lambda _call: verdict)

    def cancel_all(self) -> None:
        """End every call with an answer, where no new one is taken."""
        self._in_flight.stop_all()

    # The pools.

    def on_frame(self, worker: Worker, frame: Ending | Aside, now: float) -> None:
        """A worker said something about a call.

        Raises:
            Violation: it is not the call that it runs, or nothing that may be said about it.
        """
        call = worker.call
        if call is None or call.id != frame.call:
            raise Violation("a frame about a call that it does not run")
        is_exhausted, size = False, 0
        if isinstance(frame, Answer):  # first: most are, and to see what a struct is not costs more than what it is
            if len(frame.body) > worker.most_body_bytes and call.tool.result not in FOR_THE_SERVER:
                raise Violation("an answer that says too much")
            payload = frame.body if frame.payload is None else frame.payload
            size = payload if isinstance(payload, int) else len(payload)
        elif isinstance(frame, Beginning):
            text = worker.fetch(frame.text) if isinstance(frame.text, int) else frame.text
            begin_text(call, text, worker.most_bytes)
            return
        elif isinstance(frame, ASIDES):
            pass_on(call, frame, now)
            return
        else:
            is_exhausted = isinstance(frame, Refusal) and frame.code is Code.MEMORY_LIMIT
        outcome = self._answers.outcome(call.tool, frame, worker.fetch, call.begun)
        call.answer_bytes += size  # now that it is there: a worker may say any number
        unstarted = worker.take_waiting() if is_exhausted else []  # such a worker takes no other call
        worker.answered(call.id, now)
        if self._admission.closures.is_any:
            self._admission.closures.answered(call)
        if not call.is_disowned:
            self._in_flight.end(call, outcome, now)
        if is_exhausted:
            self.on_costly(call)
            self._workforce.end(worker, Exit.MEMORY)
            for each in reversed(unstarted):
                self.on_returned(each, Exit.MEMORY)
        else:
            self._feeder.feed()

    # The watch.

    def look(self, now: float) -> bool:
        """Enforce what has no moment of its own; whether calls are, or just were, under way."""
        is_active = self._was_active or len(self._in_flight) > 0
        self._was_active = False
        self._workforce.look(now)
        for kind in self._workforce.down():
            self._in_flight.turn_away(partial(verdicts.without_worker, kind))
        if self._admission.closures.look(self._workforce.stuck(now)):
            self._in_flight.turn_away(lambda call: self._admission.closures.refusal(call, now))
        self._feeder.look(now)
        return is_active
