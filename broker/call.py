"""One tool call on its way through the broker."""

from collections.abc import Callable

import msgspec

from filewarden.broker.protocol.outcome import Outcome
from filewarden.workers.tool import Lane, Tool

Deliver = Callable[[Outcome], None]


class Call(msgspec.Struct, kw_only=True, eq=False):
    """A call that was admitted or asks to be. Times are monotonic seconds; `hard_at` bounds everything, queueing too.

    `deliver` gets the outcome, exactly once, unless the caller cancels: then never.
    """

    id: int
    client: str
    principal: str
    tool: Tool
    arguments: msgspec.Struct
    lane: Lane
    submitted_at: float
    soft_at: float
    hard_at: float
    deliver: Deliver
    is_settled: bool = False
    """An outcome was delivered, or the caller is no longer interested."""
