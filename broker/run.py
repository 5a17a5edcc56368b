"""One request of a client on its way through workers: once, or again with the client's answers."""

from collections.abc import Callable

import msgspec

from filewarden.broker.call import Call, Hearing
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome
from filewarden.broker.vouchers import Vouchers, carries, is_safe, takes_token
from filewarden.workers.inquiry import Inputs
from filewarden.workers.tool import Tool

Settle = Callable[["Run", Outcome], None]


class Run(msgspec.Struct, eq=False):
    """A call in the hands of the dispatcher. `settle` gets each outcome; it may change while the call runs."""

    start: StartCall
    tool: Tool
    caller: Caller
    _dispatcher: Dispatcher
    _vouchers: Vouchers
    settle: Settle
    _call: Call | None = None

    def begin(self, hearing: Hearing) -> None:
        """Open what the client carried for us, and submit the call.

        Raises:
            ToolFailure: a cursor or token is not for this call.
            BadSealError: the state of a question is not.
        """
        start = self.start
        arguments, inputs = start.arguments, None
        is_first = start.state is None and start.answers is None and start.sealed_state is None
        if not is_first or carries(arguments):
            principal = self.caller.principal.key
            arguments = self._vouchers.open_cursor(self.tool, arguments, principal)
            inputs = self._inputs(principal)
        self._call = self._dispatcher.submit(self.caller, self.tool, arguments, self._deliver, hearing, inputs, start)

    def again(self, inputs: Inputs) -> None:
        """Run it once more with answers; nobody listens to its reports."""
        start, hearing = self.start, Hearing(askable=self.start.terms.askable)
        self._call = self._dispatcher.submit(
            self.caller, self.tool, start.arguments, self._deliver, hearing, inputs, start
        )

    def cancel(self) -> None:
        """Nobody wants the outcome any more."""
        if self._call is not None:
            self._dispatcher.cancel(self._call)

    def _inputs(self, principal: str) -> Inputs | None:
        start = self.start
        if start.state is not None:
            return Inputs(start.answers or {}, start.state)
        if start.sealed_state is not None:
            state = self._vouchers.open_state(self.tool, start.arguments, principal, start.sealed_state)
            return Inputs(start.answers or {}, state)
        if start.answers is not None:
            return Inputs(start.answers)
        return self._vouchers.open_token(self.tool, start.arguments, principal)

    def _deliver(self, outcome: Outcome) -> None:
        if not is_safe(outcome) and not isinstance(outcome, Failed):
            outcome = self._made_safe(outcome)
        self.settle(self, outcome)

    def _made_safe(self, outcome: Outcome) -> Outcome:
        start, principal = self.start, self.caller.principal.key
        if not isinstance(outcome, Asked):
            return self._vouchers.close_cursor(self.tool, start.arguments, principal, outcome)
        can_ask = all(request.method in start.terms.askable for request in outcome.requests.values())
        if not can_ask and takes_token(self.tool):
            return self._vouchers.close_token(self.tool, start.arguments, principal, outcome)
        return self._vouchers.close_state(self.tool, start.arguments, principal, outcome)
