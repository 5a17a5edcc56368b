"""How a request becomes a call with its deadline, and which calls are refused before any worker is asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.broker import verdicts
from filewarden.broker.call import Call, Deliver, Hearing
from filewarden.broker.caller import Caller
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.quarantine import Key, Quarantine
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.write_budgets import WriteBudgets
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers import wire
from filewarden.workers.inquiry import Inputs
from filewarden.workers.tool import QUICK, SCAN, Lane, Tool, quick

if TYPE_CHECKING:
    from filewarden.broker.audit import AuditLog


class Admission:
    """The door of a dispatcher. `numbers` are the ids of calls; who shares a server shares them."""

    def __init__(
        self,
        *,
        numbers: Iterator[int],
        deadlines: DeadlineSettings,
        closures: RootClosures,
        budgets: WriteBudgets | None,
        audit: "AuditLog | None",
    ) -> None:
        self.numbers = numbers
        self.closed: Failed | None = None
        """What every new call hears, where none is taken."""
        self._quarantine = Quarantine()
        self._audit = audit
        self.renew(deadlines, budgets, closures)

    def renew(self, deadlines: DeadlineSettings, budgets: WriteBudgets | None, closures: RootClosures) -> None:
        """Admit by these rules from now on."""
        self._deadlines = deadlines
        self._budgets = budgets
        self.closures = closures
        """The roots that are closed off because their file systems hang."""

    def call(
        self,
        caller: Caller,
        tool: Tool,
        arguments: msgspec.Struct,
        deliver: Deliver,
        hearing: Hearing,
        inputs: Inputs | None,
        origin: StartCall | None,
        now: float,
    ) -> Call:
        """Make a call of a request that has just come."""
        lane = QUICK if tool.lane is quick else tool.lane(arguments)
        soft_at = now + self._soft_s(tool, lane)
        return Call(
            id=next(self.numbers),
            client=caller.client,
            principal=caller.principal.key,
            tool=tool,
            arguments=arguments,
            lane=lane,
            submitted_at=now,
            soft_at=soft_at,
            hard_at=soft_at + self._deadlines.grace_s,
            deliver=deliver,
            hearing=hearing,
            inputs=inputs,
            origin=origin,
        )

    def _soft_s(self, tool: Tool, lane: Lane) -> float:
        override = self._deadlines.tool.get(tool.name)
        if override is not None:
            return override
        if tool.writes:
            return self._deadlines.write_s
        return self._deadlines.scan_s if lane is SCAN else self._deadlines.read_s

    def refusal(self, call: Call) -> Failed | None:
        """Why no worker is to be asked at all; None where one is, which reserves what the call may spend."""
        if self.closed is not None:
            return self.closed
        if self._audit is not None and (refusal := self._audit.refusal) is not None:
            return refusal
        now, quarantine = call.submitted_at, self._quarantine
        if quarantine.losses and (closed_s := quarantine.closed_for_s(_identity(call), now)):
            return verdicts.refused_for(closed_s)
        if self.closures.is_any and (refusal := self.closures.refusal(call, now)) is not None:
            return refusal
        if self._budgets is not None:
            spending = self._budgets.reserve(call.principal, call.tool, call.arguments, now)
            if isinstance(spending, Failed):
                return spending
            call.spending = spending
        return None

    def note_loss(self, call: Call, now: float) -> None:
        """A call has cost a worker."""
        self._quarantine.lost(_identity(call), now)

    def settle_spending(self, call: Call, outcome: Outcome) -> None:
        """A call has ended: what it reserved is spent, or free again."""
        if call.spending is not None and self._budgets is not None:
            self._budgets.settle(call.spending, outcome)


def _identity(call: Call) -> Key:
    return call.principal, call.tool.name, hash(wire.pack(call.arguments))
