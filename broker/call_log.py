"""One line of the server's log for each call: which, what it was, how it ended and how long it took; never a path."""

from filewarden.broker.call import Call
from filewarden.broker.caller import Caller
from filewarden.broker.log import Log
from filewarden.broker.protocol.outcome import Outcome, word_for
from filewarden.broker.protocol.principal import profile_of
from filewarden.workers.errors import Code

MESSAGE = "call"


class CallLog:
    """Writes them. The numbers are those of the audit log and of traces."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def record(self, call: Call, outcome: Outcome | None, took_s: float) -> None:
        """A call has ended; None: its caller cancelled it."""
        facts: dict[str, object] = {
            "call": call.id,
            "tool": call.tool.name,
            "outcome": word_for(outcome),
            "ms": round(1000 * took_s, 3),
            "bytes": call.answer_bytes,
            **_who(call.principal, call.client),
        }
        if call.worker:
            facts["worker"] = call.worker
        if call.trace:
            facts["trace"] = call.trace
        self._log.info(MESSAGE, **facts)

    def record_unread(self, caller: Caller, tool: str, number: int) -> None:
        """It could not be read as a call: it named a tool that there is not, or its arguments were wrong."""
        who = _who(caller.principal.key, caller.client)
        self._log.info(MESSAGE, call=number, tool=tool, outcome=Code.INVALID_ARGUMENT.value, ms=0.0, bytes=0, **who)


def _who(principal: str, client: str) -> dict[str, str]:
    named = {"principal": principal, "client": client}
    profile = profile_of(principal)
    return {**named, "profile": profile} if profile else named
