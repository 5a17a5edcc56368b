"""Every call from its submission to its one outcome: admitted, run by a worker, ended by its deadline or its caller."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker import verdicts
from filewarden.broker.admission import Admission
from filewarden.broker.alarm import Alarm
from filewarden.broker.answers import AnswerReader
from filewarden.broker.asides import begin_text, pass_on
from filewarden.broker.call import DEAF, Call, Deliver, Hearing, ListChanged, Witness
from filewarden.broker.caller import Caller, Unread
from filewarden.broker.feeder import Feeder
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit
from filewarden.broker.outcome_checks import OutcomeChecks, changes_something, told
from filewarden.broker.patrol import BUSY_TICK_S, Patrol
from filewarden.broker.pool import Kind
from filewarden.broker.process import Violation
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.broker.reactor import Reactor
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Overload, Scheduler
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker
from filewarden.broker.write_budgets import WriteBudgets
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import Inputs
from filewarden.workers.operations import FoundOutcome
from filewarden.workers.tool import Tool
from filewarden.workers.wire import ASIDES, Answer, Aside, Beginning, Ending, Refusal

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog

_COSTLY = (Exit.DEADLINE, Exit.MEMORY, Exit.PROTOCOL, Exit.VIOLATION)


def _runs_too_long(worker: Worker, now: float) -> bool:
    """Whether it has been at what nobody wants for a moment."""
    return worker.busy_since is not None and now - worker.busy_since > BUSY_TICK_S


def _to_nobody(_outcome: Outcome) -> None:
    """Whoever waited for it has been told, or has left."""


class Dispatcher:
    """The calls in flight."""

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
        self._ledger = ledger
        self._patrol = patrol
        self._admission = Admission(
            numbers=numbers, deadlines=deadlines, closures=closures, budgets=budgets, audit=audit
        )
        self._on_list_changed = on_list_changed
        self._audit = audit
        self._witnesses = tuple(witnesses)
        self._unread = (*unread, audit.record_unread) if audit is not None else tuple(unread)
        self._checks = OutcomeChecks("", None) if checks is None else checks
        self._supervisors: dict[Kind, Supervisor] = {}
        self._feeder = Feeder(reactor, scheduler, self._supervisors, self._checks)
        self._retiring: list[Supervisor] = []
        """Those that end with the calls that they run."""
        self._live: dict[int, Call] = {}
        self._deadline = Alarm(reactor, self._expire)
        """Rings at the earliest one of those calls."""
        self._answers = AnswerReader()
        self._was_active = False

    def attach(self, supervisors: Sequence[Supervisor]) -> None:
        """Name the pools that run the calls."""
        self._supervisors = {supervisor.pool.kind: supervisor for supervisor in supervisors}
        self._feeder = Feeder(self._reactor, self._scheduler, self._supervisors, self._checks)

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
        self._retiring = [each for each in (*self._retiring, *self._supervisors.values()) if each.roster.workers()]
        self._supervisors = {supervisor.pool.kind: supervisor for supervisor in supervisors}
        self._feeder.close()
        self._feeder = Feeder(self._reactor, self._scheduler, self._supervisors, self._checks)
        self._admission.renew(deadlines, budgets, closures)
        self._turn_away(lambda call: None if offers(call.tool) else verdicts.NOT_OFFERED)
        self._feeder.feed()

    @property
    def pools(self) -> tuple[Supervisor, ...]:
        """Those that run calls, and those that end with the calls that they run."""
        return (*self._supervisors.values(), *self._retiring)

    @property
    def hung_roots(self) -> tuple[str, ...]:
        """The roots to which calls are refused because their file systems hang."""
        return self._admission.closures.names

    @property
    def in_flight(self) -> int:
        """How many calls wait or run."""
        return len(self._live)

    def overdue_s(self, now: float) -> float:
        """By how much the latest of the calls is behind its deadline."""
        return max((now - call.hard_at for call in self._live.values()), default=0.0)

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
            self._settle(call, refusal, call.submitted_at)
            return call
        self._await(call)
        self._was_active = True
        try:
            if not self._feeder.start(call):
                self._queue(call)
        except Overload as overload:
            del self._live[call.id]
            self._settle(call, verdicts.refused_by(overload), call.submitted_at)
        if self._patrol.next_at - call.submitted_at > BUSY_TICK_S:
            self._patrol.hurry()
        return call

    def _queue(self, call: Call) -> None:
        displaced = self._scheduler.admit(call)
        if displaced is not None:
            del self._live[displaced.id]
            self._settle(displaced, verdicts.refused_by(self._scheduler.full()), call.submitted_at)
        self._feeder.feed()

    def note_refused(self, caller: Caller, tool: Tool, start: StartCall, refusal: Failed) -> None:
        """A call was refused before it came here: the operator and the audit log hear of it all the same."""
        now = self._reactor.now()
        call = self._admission.call(caller, tool, start.arguments, _to_nobody, DEAF, None, start, now)
        self._ledger.note_refused(call, refusal)
        self._tell(call, refusal, call.submitted_at)

    def note_unread(self, caller: Caller, tool: str) -> None:
        """A tool was called in a way that made no call of it: whoever keeps a record hears of it all the same."""
        number = next(self._admission.numbers)
        for hear in self._unread:
            hear(caller, tool, number)

    def cancel(self, call: Call) -> None:
        """The caller lost interest: no outcome is delivered, and a worker that runs the call is killed.

        Not where other changes may be made together with it, which would be lost too: then it may be made.
        """
        if call.is_settled:
            return
        call.is_settled, call.deliver = True, _to_nobody
        now = self._reactor.now()
        is_withdrawn = self._withdraw(call)
        self._ledger.count_cancelled(call, now - call.submitted_at)
        self._tell(call, None, now)
        if is_withdrawn:
            self._admission.settle_spending(call, verdicts.NEVER_RAN)
        else:
            self._kill_runner(call, Exit.CANCELLED, unless=Worker.makes_several)

    def drain(self) -> None:
        """Take no new calls."""
        self._admission.closed = verdicts.DRAINING

    def open_again(self) -> None:
        """Take new calls again."""
        self._admission.closed = None

    def close_with(self, verdict: Failed) -> None:
        """Take no new calls, and answer those that wait with this."""
        self._admission.closed = verdict
        self._turn_away(lambda _call: verdict)

    def cancel_all(self) -> None:
        """End every call with an answer, where no new one is taken."""
        now = self._reactor.now()
        ended: set[int] = set()
        while calls := [call for call in self._live.values() if call.id not in ended]:  # an end may lead to a check
            for call in calls:
                ended.add(call.id)
                if self._withdraw(call):
                    self._settle(call, verdicts.STOPPED, now)
                else:
                    self._kill_runner(call, Exit.RECYCLED)

    # The pool.

    def on_idle(self) -> None:
        """A worker can take a call."""
        self._feeder.feed()

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
            self._end(call, outcome, now)
        if is_exhausted:
            self._admission.note_loss(call, now)
            self._condemn(worker, Exit.MEMORY)
            for each in reversed(unstarted):
                self.on_returned(each, Exit.MEMORY)
        else:
            self._feeder.feed()

    def on_unreachable(self, worker: Worker) -> None:
        """A worker can be sent nothing any more: what was about to be sent to it is somebody else's."""
        self._feeder.keep(worker)

    def on_returned(self, call: Call, cause: Exit) -> None:
        """The worker that would have run `call` later is gone; it may have begun with a change before anybody knew."""
        if not changes_something(call):
            self._feeder.returned(call, is_suspect=cause is not Exit.CANCELLED)
            return
        check = None
        if self._admission.closed is None:
            deliver = partial(self._on_returned_change, call)
            check = self._checks.admit(self._admission.numbers, call, Exit.CRASH, self._reactor.now(), deliver)
        if check is None:
            self._lose_returned(call, None)
        else:
            self._await(check)
            self._feeder.feed()

    def _on_returned_change(self, call: Call, found: Outcome) -> None:
        """What has become of a change that waited in a lost worker: it is next again if not begun, and in time."""
        result = found.result if isinstance(found, Succeeded) else None
        if not isinstance(result, FoundOutcome) or result.outcome != "unchanged" or call.is_settled:
            self._lose_returned(call, found)
        elif self._reactor.now() >= call.soft_at:
            self._end_returned(call, verdicts.QUEUED_TOO_LONG, found)
        else:
            self._feeder.returned(call, is_suspect=True)
            self._feeder.feed()

    def _lose_returned(self, call: Call, found: Outcome | None) -> None:
        code, sentence = verdicts.LOST[Exit.CRASH if self._admission.closed is None else Exit.RECYCLED]
        self._end_returned(call, Failed(code, sentence, {}), found)

    def _end_returned(self, call: Call, verdict: Failed, found: Outcome | None) -> None:
        call.began_at = now = self._reactor.now()
        self._end(call, told(verdict, found), now)

    def on_lost(self, call: Call, cause: Exit) -> None:
        """The worker that ran `call` is gone."""
        if cause in _COSTLY and not call.is_check:
            self._admission.note_loss(call, self._reactor.now())
        code, sentence = verdicts.LOST[cause]
        lost, now = Failed(code, sentence, {}), self._reactor.now()
        if not changes_something(call):
            self._end(call, lost, now)
        else:
            self._check(call, cause, lost, now)

    def _check(self, call: Call, cause: Exit, lost: Failed, now: float) -> None:
        """Find out what a call has changed whose worker was ended, and only then say how it ended."""
        check = self._checks.admit(
            self._admission.numbers,
            call,
            cause,
            now,
            lambda found: self._settle(call, told(lost, found), self._reactor.now()),
        )
        if check is None:
            self._end(call, told(lost, None), now)
            return
        del self._live[call.id]
        self._await(check)
        self._scheduler.finished(call, now)
        self._feeder.feed()

    def on_costly(self, call: Call) -> None:
        """It has become known that `call` itself brought its worker down."""
        self._admission.note_loss(call, self._reactor.now())

    def _await(self, call: Call) -> None:
        """From now on it is under way, and ended at its deadline."""
        self._live[call.id] = call
        if call.hard_at < self._deadline.next_at:
            self._deadline.set(call.hard_at)

    def _withdraw(self, call: Call) -> bool:
        """Take a call out that no worker has begun; False when one has."""
        waiting = self._checks if call.is_check else self._scheduler
        if waiting.withdraw(call) or self._feeder.release(call):
            del self._live[call.id]
            return True
        return False

    def _end(self, call: Call, outcome: Outcome, now: float) -> None:
        """A call no longer holds a worker."""
        del self._live[call.id]
        try:
            self._settle(call, outcome, now)  # first: somebody waits for it
        finally:
            if not call.is_check:
                self._scheduler.finished(call, now)

    def _settle(self, call: Call, outcome: Outcome, now: float) -> None:
        call.begun = ()  # which may be large, while calls are left to the collector
        if call.is_settled:
            return
        call.is_settled = True
        deliver, call.deliver = call.deliver, _to_nobody  # whom it belongs to keeps the call: no cycle is to be left
        if call.is_check:
            deliver(outcome)
            return
        if call.spending is not None:
            self._admission.settle_spending(call, outcome)
        deliver(outcome)  # first, likewise
        self._ledger.count(call, outcome, now - call.submitted_at)
        if self._witnesses or self._audit is not None:
            self._tell(call, outcome, now)
        if call.tool.changes is not None and isinstance(outcome, Succeeded) and self._on_list_changed is not None:
            self._on_list_changed(call.tool.changes)

    def _tell(self, call: Call, outcome: Outcome | None, now: float) -> None:
        """Whoever keeps a record: the audit log comes last, for others may add to the call what it then shows."""
        for witness in self._witnesses:
            witness(call, outcome, now - call.submitted_at)
        if self._audit is not None:
            self._audit.record(call, outcome)

    def _kill_runner(self, call: Call, cause: Exit, unless: Callable[[Worker], bool] = lambda _: False) -> None:
        for supervisor in self.pools:
            for worker in supervisor.roster.workers():
                if worker.call is call and not unless(worker):
                    supervisor.condemn(worker, cause)

    def _condemn(self, worker: Worker, cause: Exit) -> None:
        for supervisor in self.pools:
            if supervisor.roster.find(worker.serial) is worker:
                supervisor.condemn(worker, cause)

    # The watch.

    def look(self, now: float) -> bool:
        """Enforce what has no moment of its own; whether calls are, or just were, under way."""
        is_active = bool(self._live) or self._was_active
        self._was_active = False
        self._end_unwanted(now)
        for supervisor in self._supervisors.values():
            supervisor.tick(now)
        for kind, supervisor in self._supervisors.items():
            if supervisor.is_down():
                self._turn_away(partial(verdicts.without_worker, kind))
        if self._admission.closures.look([call for each in self.pools for call in each.stuck(now)]):
            self._turn_away(lambda call: self._admission.closures.refusal(call, now))
        self._feeder.look(now)
        return is_active

    def _turn_away(self, refusal_of: Callable[[Call], Failed | None]) -> None:
        """Answer every waiting call at once that is refused."""
        now = self._reactor.now()
        for call in list(self._live.values()):
            refusal = refusal_of(call)
            if refusal is not None and self._withdraw(call):
                self._settle(call, refusal, now)

    def _expire(self, now: float) -> float:
        """Answer what waited too long before ending what ran too long: a freed worker must not get an expired call.

        Nor one that has no time of its own left: it would be ended a moment later, and its worker with it.

        Returns when to look again: at the next deadline, and sooner where one could not be enforced, for what became of
        its change is still being found out.
        """
        late = [call for call in self._live.values() if now >= call.soft_at]
        for call in late:
            if self._withdraw(call):
                self._settle(call, verdicts.QUEUED_TOO_LONG, now)
        for call in late:
            if call.id in self._live and now >= call.hard_at:
                self._kill_runner(call, Exit.DEADLINE)
        again_at = now + BUSY_TICK_S
        return min((call.hard_at if call.hard_at > now else again_at for call in self._live.values()), default=math.inf)

    def _end_unwanted(self, now: float) -> None:
        """End what runs too long though nobody waits for it any more."""
        for supervisor in self.pools:
            for worker in supervisor.roster.workers():
                if worker.call is not None and worker.call.is_disowned and _runs_too_long(worker, now):
                    supervisor.condemn(worker, Exit.CANCELLED)
