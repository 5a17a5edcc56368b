"""Asking the user before something is changed, as the operator's policy says (`writes.confirm`).

What was seen when the question was asked is part of it: an agreement to something else that has come meanwhile is no
agreement. Its digest travels as the state of the question, sealed by the front-end for this call and one use.
"""

from typing import TYPE_CHECKING

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.inquiry import Inquiry, accepted, form
from filewarden.workers.rules.confirm_policy import Policy

if TYPE_CHECKING:
    from filewarden.workers.context import Context

KEY = "confirm"
_PROPERTIES = {KEY: {"type": "boolean", "title": "Confirm", "description": "Go on with it?"}}


def confirm(context: "Context", question: str, *, destructive: bool, seen: bytes) -> None:
    """Return when the call may go on. `seen` holds what the change is based on: identity, size, time or digest.

    Raises:
        Inquiry: the user has to be asked.
        ToolFailure: declined, or what was confirmed is not what is there now.
    """
    if context.confirm is Policy.NEVER or (context.confirm is Policy.DESTRUCTIVE and not destructive):
        return
    answer = context.answers.get(KEY)
    state = _digest(question, seen)
    if answer is None or not context.state:
        raise Inquiry({KEY: form(question, _PROPERTIES, (KEY,))}, state)
    content = accepted(answer)
    if content is None or content.get(KEY) is not True:
        raise ToolFailure(Code.DECLINED, "The user declined. Nothing was changed.")
    if context.state != state:
        raise ToolFailure(
            Code.CONFLICT,
            "What was confirmed has changed meanwhile. Nothing was changed; look again before another try.",
        )


def _digest(question: str, seen: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(question.encode("utf-8", "surrogateescape") + b"\0" + seen).digest()
