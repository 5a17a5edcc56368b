"""One line of the server's log for each call: which, what it was, how it ended and how long it took; never a path."""

from filewarden.broker.call import Call
from filewarden.broker.log import Log
from filewarden.broker.protocol.outcome import Outcome, word_for
from filewarden.broker.protocol.principal import profile_of

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
            "principal": call.principal,
            "client": call.client,
        }
        if profile := profile_of(call.principal):
            facts["profile"] = profile
        if call.worker:
            facts["worker"] = call.worker
        if call.trace:
            facts["trace"] = call.trace
        self._log.info(MESSAGE, **facts)
