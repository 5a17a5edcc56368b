"""What a worker says about a call before its answer: passed on where it was asked for, a breach where it was not."""

from filewarden.broker.call import Call
from filewarden.broker.memory import keep_big_blocks
from filewarden.broker.process import Violation
from filewarden.broker.protocol.long_text import LongText
from filewarden.workers.reporter import BURST, MOST_NOTES, REPORTS_PER_SECOND
from filewarden.workers.tool import Kind
from filewarden.workers.wire import Progress, Remark

ASIDES_AT_ONCE = MOST_NOTES + 2 * BURST
ASIDES_PER_SECOND = 2 * REPORTS_PER_SECOND
"""Twice what an honest worker sends, whose clock and ours may differ."""

MOST_SHORT_PIECES, PIECE_BYTES = 4, 16_384
"""How many pieces of a text may be shorter than that: an honest worker's are much longer, but for the last one. Each
costs us a multiple of its bytes if it has few."""


def pass_on(call: Call, remark: Remark, now: float) -> None:
    """Let the caller hear it, unless nobody listens any more.

    Raises:
        Violation: nobody asked for such a thing, or for so many.
    """
    hearing = call.hearing
    is_wanted = hearing.wants_progress if isinstance(remark, Progress) else hearing.log_level is not None
    if not is_wanted:
        raise Violation("a report that nobody asked for")
    call.asides += 1
    if call.asides > ASIDES_AT_ONCE + ASIDES_PER_SECOND * (now - call.submitted_at):
        raise Violation("reports without an end")
    if hearing.overhear is not None and not (call.is_settled or call.is_disowned):
        hearing.overhear(call, remark)


def begin_text(call: Call, begun: LongText | memoryview, most_bytes: int) -> None:
    """Keep a piece of the text of a call's answer, as JSON, unless nobody wants it any more.

    Raises:
        Violation: its tool does not answer with a text, or the piece is none, or too much.
    """
    if call.tool.kind is not Kind.TEXT:
        raise Violation("a text that nobody asked for")
    if call.is_settled or call.is_disowned:
        return
    call.answer_bytes += len(begun)
    if not begun or call.answer_bytes > most_bytes:
        raise Violation("the beginning of no text, or of too long a one")
    if len(call.begun) >= MOST_SHORT_PIECES + call.answer_bytes // PIECE_BYTES:
        raise Violation("a text in too many pieces")
    keep_big_blocks()
    try:
        text = begun if isinstance(begun, LongText) else LongText((begun,))
    except UnicodeDecodeError as error:
        raise Violation("a text that is not UTF-8", error) from None
    call.begun += tuple(piece.as_json() for piece in text.pieces)
