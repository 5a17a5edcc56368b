"""What of a call that has ended is told in its spans: taken down at once, made into spans by another thread. Pure.

Neither paths nor what was read or written: a collector is another machine, perhaps, and another keeper.
"""

import msgspec

from filewarden.broker.call import Call
from filewarden.broker.protocol.outcome import Failed, Outcome, word_for
from filewarden.broker.protocol.principal import profile_of
from filewarden.broker.protocol.trace_context import TraceContext

TOOL_CALL = "tools/call"
NANOSECONDS = 1_000_000_000
MOST_ID_CHARS = 128
"""A client may choose any text for the id of a request."""


class EndedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Times are nanoseconds of the epoch; ids are lower-case hexadecimal, as in a trace context."""

    server: str
    number: int
    method: str
    tool: str
    """The tool's name; "" for another method."""
    request_id: str
    revision: str
    outcome: str
    has_failed: bool
    lane: str
    worker: str
    profile: str
    """The name of the profile that it was served by; "" outside of all."""
    began_ns: int
    assigned_ns: int | None
    """When a worker got it; None where none did."""
    ended_ns: int
    trace_id: str
    span_id: str
    worker_span_id: str
    parent: TraceContext | None


class Ids(msgspec.Struct, frozen=True):
    """New ids for one call: of its trace, where it has no parent, and of its two spans."""

    trace: str
    call: str
    worker: str


def take_down(
    call: Call, outcome: Outcome | None, took_s: float, *, server: str, ended_ns: int, ids: Ids
) -> EndedCall | None:
    """The facts of a call; None for one of our own, which no client asked for."""
    origin = call.origin
    if origin is None:
        return None
    is_method = "/" in origin.operation
    began_ns = ended_ns - round(took_s * NANOSECONDS)
    waited_s = None if call.assigned_at is None else call.assigned_at - call.submitted_at
    return EndedCall(
        server=server,
        number=call.id,
        method=origin.operation if is_method else TOOL_CALL,
        tool="" if is_method else call.tool.name,
        request_id=str(origin.request_id)[:MOST_ID_CHARS],
        revision=origin.terms.revision.name,
        outcome=word_for(outcome),
        has_failed=outcome is None or isinstance(outcome, Failed),
        lane=call.lane.value,
        worker=call.worker,
        profile=profile_of(call.principal),
        began_ns=began_ns,
        assigned_ns=None if waited_s is None else began_ns + round(waited_s * NANOSECONDS),
        ended_ns=ended_ns,
        trace_id=ids.trace if origin.trace is None else origin.trace.trace_id,
        span_id=ids.call,
        worker_span_id=ids.worker,
        parent=origin.trace,
    )
