"""The latest calls that were refused or lost, for the operator who asks what and why. Pure.

A client that is refused a thousand times a second fills one line with a count, not the list; nothing of what a call
carries is kept but the start of the path that it named.
"""

import time
from collections import deque

import msgspec

from filewarden.broker.audit_entry import named_path
from filewarden.broker.call import Call
from filewarden.broker.protocol.outcome import Failed
from filewarden.workers.errors import Code

MOST_KEPT = 40
MOST_PATH_CHARS = 200
ORDINARY = frozenset(
    {
        Code.NOT_FOUND,
        Code.NOT_A_FILE,
        Code.NOT_A_DIRECTORY,
        Code.INVALID_ARGUMENT,
        Code.ALREADY_EXISTS,
        Code.CONFLICT,
        Code.CANCELLED,
        Code.CONFIRMATION_REQUIRED,
    }
)
"""Failures of everyday work: they are counted, and nobody needs to look."""


class Incident(msgspec.Struct):
    """What happened to one call, or to several alike in a row. Times are seconds of the epoch."""

    at: float
    tool: str
    path: str
    client: str
    code: Code
    reason: str
    """Why no worker was asked, "" where one was."""
    message: str
    count: int = 1

    def is_like(self, other: "Incident") -> bool:
        """Whether both are one story."""
        return (self.tool, self.path, self.client, self.code, self.reason) == (
            other.tool,
            other.path,
            other.client,
            other.code,
            other.reason,
        )


class Incidents:
    """The latest ones, the newest first."""

    def __init__(self) -> None:
        self._kept: deque[Incident] = deque(maxlen=MOST_KEPT)

    def note(self, call: Call, failure: Failed) -> None:
        """A call has failed."""
        if failure.code in ORDINARY and failure.reason is None:
            return
        incident = Incident(
            at=time.time(),
            tool=call.tool.name,
            path=named_path(call.arguments, MOST_PATH_CHARS),
            client=call.client,
            code=failure.code,
            reason="" if failure.reason is None else failure.reason.value,
            message=failure.message,
        )
        if self._kept and self._kept[0].is_like(incident):
            self._kept[0].count += 1
            self._kept[0].at = incident.at
        else:
            self._kept.appendleft(incident)

    def latest(self) -> tuple[Incident, ...]:
        """As they are now; they may still change."""
        return tuple(self._kept)
