"""How a call is settled: its outcome is delivered once, and whoever counts calls or keeps a record of them hears of it.

Whoever waits for the outcome is told first, whoever only looks on later.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from filewarden.broker.call import Call, ListChanged, Witness
from filewarden.broker.caller import Caller, Unread
from filewarden.broker.ledger import Ledger
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog


def to_nobody(_outcome: Outcome) -> None:
    """Whoever waited for it has been told, or has left."""


class Settlement:
    """Those who hear of it. Times are monotonic seconds.

    `spend` is told what a call came to that has reserved something; `on_list_changed` of a change to what is offered.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        spend: Callable[[Call, Outcome], None],
        on_list_changed: ListChanged | None,
        audit: "AuditLog | None",
        witnesses: Sequence[Witness],
        unread: Sequence[Unread],
    ) -> None:
        self._ledger = ledger
        self._spend = spend
        self._on_list_changed = on_list_changed
        self._audit = audit
        self._witnesses = tuple(witnesses)
        self._unread = (*unread, audit.record_unread) if audit is not None else tuple(unread)

    def settle(self, call: Call, outcome: Outcome, now: float) -> None:
        """A call has come to that, unless it is settled already."""
        call.begun = ()  # which may be large, while calls are left to the collector
        if call.is_settled:
            return
        call.is_settled = True
        deliver, call.deliver = call.deliver, to_nobody  # whom it belongs to keeps the call: no cycle is to be left
        if call.is_check:
            deliver(outcome)
            return
        if call.spending is not None:
            self._spend(call, outcome)
        deliver(outcome)
        self._ledger.count(call, outcome, now - call.submitted_at)
        if self._witnesses or self._audit is not None:
            self._tell(call, outcome, now)
        if call.tool.changes is not None and isinstance(outcome, Succeeded) and self._on_list_changed is not None:
            self._on_list_changed(call.tool.changes)

    def cancel(self, call: Call, now: float) -> None:
        """Its caller has lost interest; what it has reserved stays so, for it may still be spent."""
        call.is_settled, call.deliver = True, to_nobody
        self._ledger.count_cancelled(call, now - call.submitted_at)
        self._tell(call, None, now)

    def note_refused(self, call: Call, refusal: Failed) -> None:
        """It was refused before it was anybody's to settle."""
        self._ledger.note_refused(call, refusal)
        self._tell(call, refusal, call.submitted_at)

    def note_unread(self, caller: Caller, tool: str, number: int) -> None:
        """A tool was called in a way that made no call of it."""
        for hear in self._unread:
            hear(caller, tool, number)

    def _tell(self, call: Call, outcome: Outcome | None, now: float) -> None:
        """Whoever keeps a record: the audit log comes last, for others may add to the call what it then shows."""
        for witness in self._witnesses:
            witness(call, outcome, now - call.submitted_at)
        if self._audit is not None:
            self._audit.record(call, outcome)
