"""What a worker says about a call before its answer: passed on where it was asked for, a breach where it was not."""

from filewarden.broker.call import Call
from filewarden.broker.process import Violation
from filewarden.workers.reporter import BURST, MOST_NOTES, REPORTS_PER_SECOND
from filewarden.workers.wire import Aside, Progress

ASIDES_AT_ONCE = MOST_NOTES + 2 * BURST
ASIDES_PER_SECOND = 2 * REPORTS_PER_SECOND
"""Twice what an honest worker sends, whose clock and ours may differ."""


def pass_on(call: Call, aside: Aside, now: float) -> None:
    """Let the caller hear it, unless nobody listens any more.

    Raises:
        Violation: nobody asked for such a thing, or for so many.
    """
    hearing = call.hearing
    is_wanted = hearing.wants_progress if isinstance(aside, Progress) else hearing.log_level is not None
    if not is_wanted:
        raise Violation("a report that nobody asked for")
    call.asides += 1
    if call.asides > ASIDES_AT_ONCE + ASIDES_PER_SECOND * (now - call.submitted_at):
        raise Violation("reports without an end")
    if hearing.overhear is not None and not (call.is_settled or call.is_disowned):
        hearing.overhear(call, aside)
