"""One tool call on its way through the broker."""

from collections.abc import Callable

import msgspec

from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.write_budgets import Spending
from filewarden.workers.inquiry import Inputs
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.tool import Lane, ListKind, Tool
from filewarden.workers.wire import Aside

Deliver = Callable[[Outcome], None]
Overhear = Callable[[Aside], None]
ListChanged = Callable[[ListKind], None]


class Hearing(msgspec.Struct, frozen=True):
    """What the caller wants to hear before the answer, and what it can be asked."""

    overhear: Overhear | None = None
    """Gets progress and log messages; None when neither is wanted."""
    wants_progress: bool = False
    log_level: NoteLevel | None = None
    askable: tuple[str, ...] = ()


DEAF = Hearing()


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
    hearing: Hearing = DEAF
    inputs: Inputs | None = None
    spending: Spending | None = None
    """What of its principal's budgets it has reserved."""
    """The answers to the question that an earlier run of the call ended with."""
    worker: str = ""
    """The pool and the slot that run it, once one does: for the audit log."""
    answer_bytes: int = 0
    """The size of what the worker answered, without the facts beside a text or blocks."""
    began_at: float = 0.0
    """When it got its worker."""
    presumed_s: float = 0.0
    """How long it was presumed to hold it."""
    asides: int = 0
    """Progress and log messages so far."""
    is_settled: bool = False
    """An outcome was delivered, or the caller is no longer interested."""
