"""How a tool call ended, before any revision has shaped it."""

import msgspec

from filewarden.workers.errors import Code, Details


class Succeeded(msgspec.Struct, frozen=True):
    """With `text` None the result is structured; otherwise the text is the answer and the result its facts."""

    result: msgspec.Struct
    text: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """The tool refused or could not; the sentence is for a person and names nothing outside the roots."""

    code: Code
    message: str
    details: Details = {}


Outcome = Succeeded | Failed
