"""Asking a legacy client: requests of ours, their ids, and what its responses mean (MCP, elicitation and sampling)."""

from collections.abc import Iterable

import msgspec

from filewarden.broker.protocol import notifications
from filewarden.broker.protocol.actions import Interview, StartCall
from filewarden.broker.protocol.jsonrpc import Response
from filewarden.broker.protocol.messages import MOST_OPEN_BYTES, Json
from filewarden.broker.protocol.outcome import Asked
from filewarden.workers.inquiry import is_shallow

ID_PREFIX = "filewarden-"
"""Keeps our ids apart from the client's."""
MOST_QUESTIONS = 32
"""Open ones of one session: each holds all that its call has brought, until a person has answered."""
_OBJECT = msgspec.json.Decoder(Json)
NOT_ANSWERED: Json = {"action": "cancel"}


class Interviews:
    """Those of one session, known by the ids of what is still unanswered."""

    def __init__(self) -> None:
        self._open: dict[str, Interview] = {}
        self._asked = 0
        """How many requests of ours there were: it numbers them."""

    @property
    def is_full(self) -> bool:
        """Whether no further ones may be opened now."""
        return len(self._open) >= MOST_QUESTIONS

    @property
    def questions(self) -> tuple[str, ...]:
        """The ids of what is still unanswered."""
        return tuple(self._open)

    def begin(self, call: StartCall, asked: Asked) -> tuple[Interview, list[bytes]]:
        """A new one, and the frames that ask."""
        keys = {f"{ID_PREFIX}{self._asked + n}": key for n, key in enumerate(asked.requests, 1)}
        frames = [
            notifications.request(our_id, asked.requests[key].method, asked.requests[key].params)
            for our_id, key in keys.items()
        ]
        interview = Interview(call, asked, keys)
        self._asked += len(frames)
        self._open.update(dict.fromkeys(keys, interview))
        return interview, frames

    def take(self, response: Response) -> Interview | None:
        """Note one answer; returns its interview when that was the last one, None where nobody waits for it either.

        An error, or anything but an object of reasonable size, is no answer.
        """
        interview = self._open.pop(response.id, None) if isinstance(response.id, str) else None
        if interview is None or not isinstance(response.id, str):
            return None
        interview.answers[interview.keys.pop(response.id)] = _answer_in(response)
        return None if interview.keys else interview

    def find(self, questions: Iterable[str]) -> Interview | None:
        """The one that still waits for one of these."""
        return next((self._open[our_id] for our_id in questions if our_id in self._open), None)

    def give_up(self, interview: Interview, reason: str) -> list[bytes]:
        """What is open counts as not answered; returns the frames that take it back."""
        frames = []
        for our_id, key in interview.keys.items():
            self._open.pop(our_id, None)
            interview.answers[key] = NOT_ANSWERED
            frames.append(notifications.cancelled(our_id, reason))
        interview.keys.clear()
        return frames

    def clear(self) -> None:
        """Nobody is left to answer."""
        self._open.clear()


def _answer_in(response: Response) -> Json:
    if response.result is None or len(memoryview(response.result)) > MOST_OPEN_BYTES:
        return NOT_ANSWERED
    try:
        answer = _OBJECT.decode(response.result)
    except (msgspec.DecodeError, RecursionError):
        return NOT_ANSWERED
    return answer if is_shallow(answer) else NOT_ANSWERED
