"""How a tool call ended, before any revision has shaped it."""

import msgspec

from filewarden.workers.content import Block
from filewarden.workers.errors import Code, Details
from filewarden.workers.inquiry import InputRequest


class Succeeded(msgspec.Struct, frozen=True):
    """The result is the answer, or, beside a text or blocks, the facts about them."""

    result: msgspec.Struct
    text: str | None = None
    blocks: tuple[Block, ...] | None = None


class Failed(msgspec.Struct, frozen=True):
    """The tool refused or could not; the sentence is for a person and names nothing outside the roots."""

    code: Code
    message: str
    details: Details = {}


class Asked(msgspec.Struct, frozen=True):
    """The tool needs answers first. `state` is what its next run gets; a client sees `sealed_state` only."""

    requests: dict[str, InputRequest]
    state: bytes = b""
    sealed_state: str | None = None


Outcome = Succeeded | Failed | Asked
