"""How a tool call ended, before any revision has shaped it."""

from enum import StrEnum

import msgspec

from filewarden.broker.protocol.long_text import LongText
from filewarden.workers.content import Block
from filewarden.workers.errors import Code, Details
from filewarden.workers.inquiry import InputRequest


class Succeeded(msgspec.Struct, frozen=True):
    """The result is the answer, or, beside a text or blocks, the facts about them."""

    result: msgspec.Struct
    text: str | LongText | None = None
    blocks: tuple[Block, ...] | None = None
    begun: tuple[memoryview, ...] = ()
    """What comes before the text, in the JSON of a string without its quotes."""


class Reason(StrEnum):
    """Why a call was refused before any worker saw it, as operators count it."""

    QUEUE_FULL = "queue_full"
    CLIENT_LIMIT = "client_limit"
    QUEUE_DEADLINE = "queue_deadline"
    """It waited for a free worker until its deadline."""
    REPEATED_LOSS = "repeated_loss"
    """This very call has cost two workers within a minute."""
    WRITE_BUDGET = "write_budget"
    NOT_GRANTED = "not_granted"
    """The caller's credential lacks the scope."""
    AUDIT = "audit"
    """The audit log cannot be written."""
    ROOT_HUNG = "root_hung"
    """The file system of that root does not answer."""
    NO_WORKER = "no_worker"
    DRAINING = "draining"


class Failed(msgspec.Struct, frozen=True):
    """The tool refused or could not; the sentence is for a person and names nothing outside the roots."""

    code: Code
    message: str
    details: Details = {}
    reason: Reason | None = None
    """Where no worker was asked at all: why not."""


class Asked(msgspec.Struct, frozen=True):
    """The tool needs answers first. `state` is what its next run gets; a client sees `sealed_state` only."""

    requests: dict[str, InputRequest]
    state: bytes = b""
    sealed_state: str | None = None


Outcome = Succeeded | Failed | Asked
ANSWERS = (Succeeded, Failed)
"""Those that end a call, for a check: to see what a struct is not costs more than what it is."""


def word_for(outcome: Outcome | None) -> str:
    """How a call ended, in one word for logs: `ok`, the code of its error, `asked`; None: it was cancelled."""
    match outcome:
        case None:
            return Code.CANCELLED.value
        case Succeeded():
            return "ok"
        case Failed():
            return outcome.code.value
        case Asked():
            return "asked"
