"""One tool call on its way through the broker."""

from collections.abc import Callable

import msgspec

from filewarden.broker.protocol.actions import StartCall
from filewarden.broker.protocol.outcome import Outcome
from filewarden.broker.write_budgets import Spending
from filewarden.workers.inquiry import Inputs
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.tool import Lane, ListKind, Tool
from filewarden.workers.wire import Remark

Deliver = Callable[[Outcome], None]
Overhear = Callable[["Call", Remark], None]
ListChanged = Callable[[ListKind], None]
Witness = Callable[["Call", Outcome | None, float], None]
"""Is told how a call ended (None: it was cancelled) and after how many seconds."""


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
    """The answers to the question that an earlier run of the call ended with."""
    spending: Spending | None = None
    """What of its principal's budgets it has reserved."""
    worker: str = ""
    """The pool and the slot that run it, once one does: for logs and traces."""
    assigned_at: float | None = None
    """When it was given to that worker; None while it waits."""
    origin: StartCall | None = None
    """The request that it serves; None for one of our own."""
    trace: str = ""
    """The id of the trace that it is a part of, where it is traced."""
    begun: tuple[memoryview, ...] = ()
    """What has arrived ahead of its answer: how a long text begins, in the JSON of a string without its quotes."""
    answer_bytes: int = 0
    """The size of what the worker answered so far, without the facts beside a text or blocks."""
    began_at: float = 0.0
    """When it got its worker."""
    presumed_s: float = 0.0
    """How long it was presumed to hold it."""
    asides: int = 0
    """Progress and log messages so far."""
    is_settled: bool = False
    """An outcome was delivered, or the caller is no longer interested."""
    may_wait_in_worker: bool = True
    """Whether it may be given to a worker that runs another call; not once such a worker was lost."""
    is_disowned: bool = False
    """A twin: a worker still runs what was taken back from it."""
    is_check: bool = False
    """It asks what became of another one: nobody's but the server's own, so it is neither queued nor counted."""
